#include "engine/mounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/mount_words.h"

namespace ctr::engine {

namespace {

void add_default(std::vector<std::string>& options, std::string_view restriction, std::string_view opposite) {
  const bool decided = std::any_of(options.begin(), options.end(),
                                   [&](const auto& word) { return word == restriction || word == opposite; });
  if (!decided) options.emplace_back(restriction);
}

std::string propagation_of(const MountWords& words) {
  return words.propagation.empty() ? "rprivate" : words.propagation;
}

std::vector<std::string> memory_options(const MountWords& words, MountSpec::Type type) {
  auto options = words.kept;
  add_default(options, "nosuid", "suid");
  add_default(options, "nodev", "dev");
  add_default(options, "noexec", "exec");
  options.insert(options.begin(), words.writable ? "rw" : "ro");
  options.push_back(propagation_of(words));
  if (words.copy_up && type == MountSpec::Type::tmpfs) options.emplace_back("tmpcopyup");
  return options;
}

std::vector<std::string> devpts_options(const MountWords& words) {
  std::vector<std::string> options = {"nosuid", "noexec", "newinstance", "ptmxmode=0666"};
  for (const auto& word : words.kept) {
    const auto key = word.substr(0, word.find('='));
    std::erase_if(options, [&](const auto& option) { return option.substr(0, option.find('=')) == key; });
    options.push_back(word);
  }
  return options;
}

std::vector<std::string> bind_options(const MountWords& words, bool is_volume) {
  auto options = words.kept;
  if (is_volume) {
    add_default(options, "nosuid", "suid");
    add_default(options, "nodev", "dev");
  }
  options.insert(options.begin(), words.writable ? "rw" : "ro");
  options.push_back(propagation_of(words));
  options.push_back(words.recursive ? "rbind" : "bind");
  if (!words.idmap.empty()) options.push_back(words.idmap);
  return options;
}

// As overlayfs splits and unescapes paths in its options.
std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == ':' || c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Where an overlay keeps what is written; empty: nowhere, it is read-only.
struct OverlayDirs {
  std::string upper;
  std::string work;
};

std::vector<std::string> overlay_options(const MountWords& words, const std::vector<std::string>& lower,
                                         const OverlayDirs& dirs) {
  std::string stacked;
  for (const auto& dir : lower) stacked += (stacked.empty() ? "" : ":") + escaped(dir);
  auto options = words.kept;
  options.insert(options.begin(), words.writable ? "rw" : "ro");
  options.push_back(propagation_of(words));
  options.push_back("lowerdir=" + stacked);
  if (!dirs.upper.empty()) {
    options.push_back("upperdir=" + escaped(dirs.upper));
    options.push_back("workdir=" + escaped(dirs.work));
  }
  // Attributes of overlay are kept in the user. name space, the only one writable in a user namespace.
  options.emplace_back("userxattr");
  return options;
}

MountRecord make_record(const PlannedMount& planned, const MountWords& words, const char* type) {
  MountRecord record;
  record.type = type;
  record.source = planned.mount.source;
  record.destination = planned.mount.destination;
  record.options = planned.mount.options;
  record.writable = words.writable;
  record.propagation = propagation_of(words);
  record.chown = words.chown;
  return record;
}

// Directories that the host itself lives in: giving one of them away breaks it.
constexpr auto k_host_dirs = std::to_array<std::string_view>(
    {"/",     "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media",   "/opt",    "/proc",
     "/root", "/run", "/sbin", "/srv", "/sys", "/tmp",  "/usr", "/var",   "/var/lib", "/var/log"});

Result<void> check_chown(const std::string& path, const std::string& home) {
  const auto clean = TRY(clean_destination(path));
  const bool host = std::find(k_host_dirs.begin(), k_host_dirs.end(), clean) != k_host_dirs.end();
  if (!host && clean != home) return ok();
  return Error(Errc::invalid, fmt::format("chowning host path \"{}\" is not allowed", printable(path)))
      .with_hint("the option 'U' changes the owner of every file below it; do it by hand if that is what you want");
}

class Planner {
 public:
  Planner(const MountPlaces& places, MountPlan& plan) : places_(places), plan_(plan) {}

  Result<void> add(const MountSpec& mount, bool from_image = false) {
    const auto destination = TRY(clean_destination(mount.destination));
    if (destination == "/") return Error(Errc::invalid, "invalid container path \"/\": the root cannot be replaced");
    if (plan_.covers(destination)) {
      if (from_image) return ok();
      return Error(Errc::invalid, fmt::format("{}: duplicate mount destination", printable(destination)));
    }
    const auto words = TRY(sort_words(mount));
    if (!mount.subpath.empty()) {
      return Error(Errc::unsupported, fmt::format("the subpath of the mount at '{}' is not supported", destination));
    }
    switch (mount.type) {
      case MountSpec::Type::bind:
      case MountSpec::Type::glob:
        return add_bind(mount, destination, words);
      case MountSpec::Type::volume:
        return add_volume(mount, destination, words);
      case MountSpec::Type::tmpfs:
        return add_other("tmpfs", destination, words, memory_options(words, mount.type));
      case MountSpec::Type::ramfs:
        return add_other("ramfs", destination, words, memory_options(words, mount.type));
      case MountSpec::Type::devpts:
        return add_other("devpts", destination, words, devpts_options(words));
      case MountSpec::Type::image:
        return add_image(mount, destination, words);
    }
    return ok();
  }

 private:
  Result<void> add_bind(const MountSpec& mount, const std::string& destination, const MountWords& words) {
    if (!mount.source.starts_with('/')) {
      return Error(Errc::invalid,
                   fmt::format("invalid host path \"{}\", must be an absolute path", printable(mount.source)));
    }
    if (words.chown) TRY(check_chown(mount.source, places_.home));
    PlannedMount planned;
    planned.mount = {destination, "bind", mount.source, bind_options(words, false)};
    planned.record = make_record(planned, words, "bind");
    if (words.overlay) overlay(planned, words, {mount.source});
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  Result<void> add_volume(const MountSpec& mount, const std::string& destination, const MountWords& words) {
    VolumeUse use;
    use.anonymous = mount.source.empty();
    use.name = use.anonymous ? places_.make_name() : mount.source;
    use.destination = destination;
    use.copy_up = words.copy_up;
    PlannedMount planned = TRY(mount_of(use, destination, words));
    planned.record = make_record(planned, words, "volume");
    planned.record.source = places_.data_path(use.name);
    planned.record.name = use.name;
    planned.record.anonymous = use.anonymous;
    planned.record.copy_up = use.copy_up;
    if (words.overlay) overlay(planned, words, {planned.mount.source});
    plan_.mounts.push_back(std::move(planned));
    plan_.volumes.push_back(std::move(use));
    return ok();
  }

  // The directory of the store, or the file system that the volume is.
  Result<PlannedMount> mount_of(const VolumeUse& use, const std::string& destination, const MountWords& words) {
    PlannedMount planned;
    planned.mount = {destination, "bind", places_.data_path(use.name), bind_options(words, true)};
    const auto system = use.anonymous ? std::nullopt : TRY(places_.file_system(use.name));
    if (!system) return planned;
    if (words.overlay) {
      return Error(
          Errc::unsupported,
          fmt::format("the volume '{}' is a file system of its own: the option 'O' is not supported", use.name));
    }
    const auto is_bind = [](const auto& word) { return word == "bind" || word == "rbind"; };
    const auto& said = system->options;
    const bool binds = system->type == "bind" || std::any_of(said.begin(), said.end(), is_bind);
    auto& options = planned.mount.options;
    std::erase_if(options, is_bind);
    options.insert(options.end(), said.begin(), said.end());
    if (binds && std::none_of(said.begin(), said.end(), is_bind)) options.emplace_back("bind");
    if (system->type == "tmpfs" && use.copy_up) options.emplace_back("tmpcopyup");
    planned.mount.type = binds ? "bind" : system->type;
    planned.mount.source = system->device;
    return planned;
  }

  Result<void> add_image(const MountSpec& mount, const std::string& destination, const MountWords& typed) {
    auto words = typed;
    const auto& said = mount.options;
    words.writable = std::find(said.begin(), said.end(), "rw") != said.end();
    const auto layers = TRY(places_.image(mount.source));
    PlannedMount planned;
    planned.mount = {destination, "bind", layers.dirs.front(), bind_options(words, true)};
    planned.record = make_record(planned, words, "image");
    // An overlay of one layer and nothing above it is not for the kernel; it would show the layer itself.
    if (words.writable || layers.dirs.size() > 1) overlay(planned, words, layers.dirs);
    planned.record.source = mount.source;
    planned.record.image_id = layers.id;
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  // Turns a bind mount into an overlay over what it would have shown.
  void overlay(PlannedMount& planned, const MountWords& words, const std::vector<std::string>& lower) {
    OverlayDirs dirs{words.upper_dir, words.work_dir};
    if (dirs.upper.empty() && (words.writable || lower.size() == 1)) {
      planned.record.scratch = fmt::format("overlay/{}", scratch_count_++);
      const auto place = places_.bundle + "/" + planned.record.scratch;
      dirs = {place + "/upper", place + "/work"};
    }
    planned.mount.type = "overlay";
    planned.mount.source = "overlay";
    planned.mount.options = overlay_options(words, lower, dirs);
    planned.record.options = planned.mount.options;
  }

  Result<void> add_other(const char* type, const std::string& destination, const MountWords& words,
                         std::vector<std::string> options) {
    PlannedMount planned;
    planned.mount = {destination, type, type, std::move(options)};
    planned.record = make_record(planned, words, type);
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  const MountPlaces& places_;
  MountPlan& plan_;
  int scratch_count_ = 0;
};

// The volumes that the image declares, as --image-volume says.
std::vector<MountSpec> image_mounts(ImageVolumes choice, const std::set<std::string>& destinations) {
  std::vector<MountSpec> mounts;
  if (choice == ImageVolumes::ignore) return mounts;
  for (const auto& destination : destinations) {
    MountSpec mount;
    mount.type = choice == ImageVolumes::tmpfs ? MountSpec::Type::tmpfs : MountSpec::Type::volume;
    if (choice == ImageVolumes::tmpfs) mount.options = {"suid", "exec"};
    mount.destination = destination;
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

}  // namespace

bool MountPlan::covers(std::string_view destination) const {
  return std::any_of(mounts.begin(), mounts.end(),
                     [&](const auto& planned) { return planned.mount.destination == destination; });
}

Result<std::string> clean_destination(std::string_view path) {
  if (!path.starts_with('/')) {
    return Error(Errc::invalid,
                 fmt::format("invalid container path \"{}\", must be an absolute path", printable(path)));
  }
  std::vector<std::string> parts;
  for (auto& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
      continue;
    }
    parts.push_back(std::move(part));
  }
  return "/" + join(parts, "/");
}

void own_memory_mounts(MountPlan& plan, uint32_t uid, uint32_t gid) {
  for (auto& [mount, record] : plan.mounts) {
    if (!record.chown || (mount.type != "tmpfs" && mount.type != "ramfs")) continue;
    mount.options.push_back(fmt::format("uid={}", uid));
    mount.options.push_back(fmt::format("gid={}", gid));
    record.options = mount.options;
  }
}

Result<MountPlan> plan_mounts(const ContainerSpec& spec, const std::vector<MountSpec>& mounts,
                              const std::set<std::string>& image_volumes, const MountPlaces& places) {
  MountPlan plan;
  Planner planner(places, plan);
  for (const auto& mount : mounts) TRY(planner.add(mount));
  for (const auto& mount : image_mounts(spec.image_volumes, image_volumes)) TRY(planner.add(mount, true));
  if (spec.read_only && spec.read_only_tmpfs) {
    for (const auto* destination : {"/tmp", "/run", "/var/tmp"}) {
      MountSpec tmpfs;
      tmpfs.type = MountSpec::Type::tmpfs;
      tmpfs.destination = destination;
      tmpfs.options = {"exec"};
      TRY(planner.add(tmpfs, true));
    }
  }
  std::stable_sort(plan.mounts.begin(), plan.mounts.end(), [](const auto& a, const auto& b) {
    return std::count(a.mount.destination.begin(), a.mount.destination.end(), '/') <
           std::count(b.mount.destination.begin(), b.mount.destination.end(), '/');
  });
  return plan;
}

}  // namespace ctr::engine
