#include "engine/volume_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

constexpr auto k_keys = std::to_array<std::string_view>(
    {"o", "type", "device", "uid", "gid", "size", "inodes", "noquota", "copy", "nocopy"});

// (uid_t)-1 means "no change" to chown(2).
constexpr uint64_t k_last_id = UINT32_MAX - 1;

Result<uint32_t> parse_id(const std::string& text, const char* what) {
  return static_cast<uint32_t>(TRY(parse_unsigned(text, fmt::format("the volume option {}", what), k_last_id)));
}

// The words of "o": owner and limits have fields of their own, and stay what the mount is given, as in podman.
class Words {
 public:
  explicit Words(storage::VolumeRecord& record) : record_(record) {}

  Result<void> add(const std::string& word) {
    const auto pair = split_once(word, '=');
    const std::string key = to_lower(pair ? pair->first : word);
    if (key == "uid" || key == "gid" || key == "size" || key == "inodes" || key == "timeout") {
      if (!pair) return Error(Errc::invalid, fmt::format("{} option must provide a value: invalid argument", key));
      TRY(set(key, pair->second));
    }
    if (key == "noquota") record_.options["NOQUOTA"] = "true";
    if (key != "noquota" && key != "timeout") kept_.push_back(word);
    return ok();
  }

  const std::vector<std::string>& kept() const { return kept_; }

 private:
  Result<void> set(const std::string& key, const std::string& value) {
    if (key == "uid" || key == "gid") {
      (key == "uid" ? record_.uid : record_.gid) = TRY(parse_id(value, key.c_str()));
      record_.needs_chown = false;
    } else if (key == "size") {
      TRY(parse_size(value, "the volume option size"));
    } else {
      TRY(parse_unsigned(value, "the volume option " + key));
    }
    if (key != "timeout") record_.options[to_upper(key)] = value;
    return ok();
  }

  storage::VolumeRecord& record_;
  std::vector<std::string> kept_;
};

Result<void> add_option(storage::VolumeRecord& record, const std::string& key, const std::string& value) {
  if (std::find(k_keys.begin(), k_keys.end(), to_lower(key)) == k_keys.end()) {
    return Error(Errc::invalid,
                 fmt::format("invalid mount option {} for driver 'local': invalid argument", printable(key)));
  }
  if (key == "nocopy") record.needs_copy_up = false;
  if (key != "o") {
    record.options[key] = value;
    return ok();
  }
  Words words(record);
  for (const auto& word : split(value, ',')) {
    if (!word.empty()) TRY(words.add(word));
  }
  if (!words.kept().empty()) record.options["o"] = join(words.kept(), ",");
  return ok();
}

std::string option(const storage::VolumeRecord& record, const std::string& key) {
  const auto found = record.options.find(key);
  return found == record.options.end() ? std::string{} : found->second;
}

// Limits are a matter of the file system: a tmpfs has a size, a directory of the store would need project quotas, which
// only root may set.
Result<void> check_limits(const storage::VolumeRecord& record) {
  const bool inodes = record.options.contains("INODES");
  if (!inodes && !record.options.contains("SIZE")) return ok();
  if (record.options.contains("NOQUOTA")) {
    return Error(Errc::invalid, "volume options size and inodes cannot be used without quota");
  }
  if (option(record, "type") == "tmpfs") {
    if (!inodes) return ok();
    return Error(Errc::invalid, "volume option inodes not supported on tmpfs filesystem");
  }
  return Error(Errc::unsupported,
               "volume options size and inodes not supported. Filesystem does not support Project Quota")
      .with_hint("a volume in memory has a size: -o type=tmpfs -o device=tmpfs -o o=size=...");
}

// podman looks for the source of a bind mount when the volume is made.
Result<void> check_device(const storage::VolumeRecord& record) {
  const auto device = option(record, "device");
  if (to_lower(option(record, "type")) != "bind" || path_exists(device)) return ok();
  return Error(Errc::invalid, fmt::format("invalid volume option device for driver 'local': faccessat {}: no such file "
                                          "or directory",
                                          printable(device)));
}

// Options for a mount(2) that there is not.
Result<void> check_mount(const storage::VolumeRecord& record) {
  if (is_mounted_volume(record)) return ok();
  for (const auto& word : split(option(record, "o"), ',')) {
    const auto key = to_lower(word.substr(0, word.find('=')));
    if (key.empty() || key == "uid" || key == "gid" || key == "size" || key == "inodes") continue;
    return Error(Errc::invalid, fmt::format("the volume option o={} needs a type and a device", printable(word)));
  }
  return ok();
}

Result<storage::VolumeRecord> plan_image_volume(const VolumeOptions& options, const std::string& name,
                                                TimePoint created) {
  const auto image = options.options.find("image");
  if (options.options.size() != 1 || image == options.options.end() || image->second.empty()) {
    return Error(Errc::invalid, "the volume driver 'image' takes the option image, and no other")
        .with_hint("--driver image --opt image=NAME");
  }
  if (options.uid || options.gid) {
    return Error(Errc::invalid, "a volume made of an image has the image's owners: --uid and --gid are for others");
  }
  storage::VolumeRecord record;
  record.name = name;
  record.driver = k_image_driver;
  record.created = created;
  record.labels = options.labels;
  record.options = options.options;
  record.needs_copy_up = record.needs_chown = false;
  return record;
}

}  // namespace

Error unknown_volume(const std::string& name) {
  return Error(Errc::not_found, fmt::format("no volume with name \"{}\" found: no such volume", printable(name)))
      .with_hint("`ctr volume ls` lists the volumes");
}

bool is_mounted_volume(const storage::VolumeRecord& volume) {
  return !option(volume, "type").empty() || !option(volume, "device").empty();
}

Result<std::string> volume_directory(const storage::VolumeRecord& volume, const std::string& data) {
  if (!is_mounted_volume(volume)) return data;
  const auto system = TRY(file_system_of(volume));
  const auto is_bind = [](const std::string& word) { return word == "bind" || word == "rbind"; };
  const bool binds = system.type == "bind" || std::any_of(system.options.begin(), system.options.end(), is_bind);
  if (binds && system.device.starts_with('/')) return system.device;
  return Error(Errc::unsupported, fmt::format("the volume '{}' is a file system ({}) that containers alone mount",
                                              volume.name, printable(system.type)))
      .with_hint("copy from or to a container that mounts it with `ctr cp`");
}

Result<VolumeFileSystem> file_system_of(const storage::VolumeRecord& volume) {
  VolumeFileSystem system;
  system.type = option(volume, "type");
  system.device = option(volume, "device");
  if (system.type.empty()) system.type = "none";
  if (system.device.empty() && system.type != "tmpfs") {
    return Error(Errc::invalid, fmt::format("the volume '{}' has a type and no device", volume.name))
        .with_hint("make it again with -o device=...");
  }
  if (system.device.empty()) system.device = system.type;
  for (auto& word : split(option(volume, "o"), ',')) {
    if (!word.empty()) system.options.push_back(std::move(word));
  }
  return system;
}

Result<storage::VolumeRecord> plan_volume(const VolumeOptions& options, const std::string& name, TimePoint created) {
  if (options.driver == k_image_driver) return plan_image_volume(options, name, created);
  if (!options.driver.empty() && options.driver != "local") {
    return Error(Errc::unsupported, fmt::format("volume {} uses volume driver {}, which is not supported",
                                                printable(name), printable(options.driver)))
        .with_hint(
            "the driver 'local' keeps volumes in the store, and mounts others by -o type and device; 'image' fills "
            "them "
            "from an image");
  }
  storage::VolumeRecord record;
  record.name = name;
  record.created = created;
  record.labels = options.labels;
  for (const auto& [key, value] : options.options) TRY(add_option(record, key, value));
  TRY(check_limits(record));
  TRY(check_device(record));
  TRY(check_mount(record));
  if (options.uid) record.uid = *options.uid;
  if (options.gid) record.gid = *options.gid;
  if (options.uid || options.gid) record.needs_chown = false;
  record.is_anonymous = options.anonymous;
  if (options.files) record.needs_copy_up = record.needs_chown = false;
  return record;
}

}  // namespace ctr::engine
