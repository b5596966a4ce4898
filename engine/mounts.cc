#include "engine/mounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "engine/mount_words.h"

namespace ctr::engine {

namespace {

void add_default(std::vector<std::string>& options, std::string_view restriction, std::string_view opposite) {
  const bool decided = std::any_of(options.begin(), options.end(),
                                   [&](const auto& word) { return word == restriction || word == opposite; });
  if (!decided) options.emplace_back(restriction);
}

bool is_host_dir(const std::string& path, const std::string& home) {
  const auto& dirs = host_dirs();
  return path == home || std::find(dirs.begin(), dirs.end(), path) != dirs.end();
}

std::string propagation_of(const MountWords& words) {
  return words.propagation.empty() ? "rprivate" : words.propagation;
}

std::vector<std::string> memory_options(const MountWords& words) {
  auto options = words.kept;
  add_default(options, "nosuid", "suid");
  add_default(options, "nodev", "dev");
  add_default(options, "noexec", "exec");
  options.insert(options.begin(), words.writable ? "rw" : "ro");
  options.push_back(propagation_of(words));
  if (words.copy_up) options.emplace_back("tmpcopyup");
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
        return add_other("tmpfs", destination, words, memory_options(words));
      case MountSpec::Type::devpts:
        return add_other("devpts", destination, words, devpts_options(words));
      case MountSpec::Type::image:
        return Error(Errc::unsupported,
                     fmt::format("the type of the mount at '{}' is not supported", printable(destination)));
    }
    return ok();
  }

 private:
  Result<void> add_bind(const MountSpec& mount, const std::string& destination, const MountWords& words) {
    if (!mount.source.starts_with('/')) {
      return Error(Errc::invalid,
                   fmt::format("invalid host path \"{}\", must be an absolute path", printable(mount.source)));
    }
    if (words.chown && is_host_dir(TRY(clean_destination(mount.source)), places_.home)) {
      return not_to_be_given(mount.source);
    }
    PlannedMount planned;
    planned.mount = {destination, "bind", mount.source, bind_options(words, false)};
    planned.record = make_record(planned, words, "bind");
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
    const auto is_bind = [](const auto& word) { return word == "bind" || word == "rbind"; };
    const auto& said = system->options;
    if (words.chown && system->type != "tmpfs") {
      return Error(Errc::unsupported,
                   fmt::format("the option 'U' of the mount at '{}' is not supported: the volume {} is "
                               "a file system of its own",
                               printable(destination), use.name));
    }
    const bool binds = system->type == "bind" || std::any_of(said.begin(), said.end(), is_bind);
    if (binds && !system->device.starts_with('/')) {
      return Error(Errc::invalid, fmt::format("the volume {} binds \"{}\", must be an absolute path", use.name,
                                              printable(system->device)));
    }
    auto& options = planned.mount.options;
    std::erase_if(options, is_bind);
    options.insert(options.end(), said.begin(), said.end());
    if (binds && std::none_of(said.begin(), said.end(), is_bind)) options.emplace_back("bind");
    if (system->type == "tmpfs" && use.copy_up) options.emplace_back("tmpcopyup");
    planned.mount.type = binds ? "bind" : system->type;
    planned.mount.source = system->device;
    return planned;
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
};

// What lies below another mount comes after it.
void sort_by_depth(std::vector<PlannedMount>& mounts) {
  std::multimap<std::ptrdiff_t, PlannedMount> sorted;
  for (auto& planned : mounts) {
    const auto& path = planned.mount.destination;
    sorted.emplace(std::count(path.begin(), path.end(), '/'), std::move(planned));
  }
  mounts.clear();
  for (auto& entry : sorted) mounts.push_back(std::move(entry.second));
}

}  // namespace

const std::vector<std::string>& host_dirs() {
  static const std::vector<std::string> k_dirs = {
      "/",     "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media",   "/opt",    "/proc",
      "/root", "/run", "/sbin", "/srv", "/sys", "/tmp",  "/usr", "/var",   "/var/lib", "/var/log"};
  return k_dirs;
}

Error not_to_be_given(std::string_view path) {
  return Error(Errc::invalid, fmt::format("chowning host path \"{}\" is not allowed", printable(path)))
      .with_hint("the option 'U' changes the owner of every file below it; do it by hand if that is what you want");
}

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
    if (!record.chown || mount.type != "tmpfs") continue;
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
  for (const auto& destination : image_volumes) {
    MountSpec volume;
    volume.type = MountSpec::Type::volume;
    volume.destination = destination;
    TRY(planner.add(volume, true));
  }
  if (spec.read_only && spec.read_only_tmpfs) {
    for (const auto* destination : {"/tmp", "/run", "/var/tmp"}) {
      MountSpec tmpfs;
      tmpfs.type = MountSpec::Type::tmpfs;
      tmpfs.destination = destination;
      tmpfs.options = {"exec"};
      TRY(planner.add(tmpfs, true));
    }
  }
  sort_by_depth(plan.mounts);
  return plan;
}

}  // namespace ctr::engine
