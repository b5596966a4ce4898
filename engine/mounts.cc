#include "engine/mounts.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ctr::engine {

namespace {

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr auto k_propagation = std::to_array<std::string_view>(
    {"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"});
constexpr auto k_flags =
    std::to_array<std::string_view>({"exec", "noexec", "suid", "nosuid", "dev", "nodev", "bind", "rbind", "relatime",
                                     "norelatime", "noatime", "atime", "strictatime", "nodiratime", "sync", "async"});
constexpr auto k_tmpfs_keys = std::to_array<std::string_view>(
    {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge", "mpol", "inode32", "inode64"});
// Labels of SELinux, which Debian does not enforce, and the consistency words of Docker for other systems.
constexpr auto k_ignored = std::to_array<std::string_view>({"z", "Z", "cached", "delegated", "consistent"});
// What podman can and ctr cannot.
constexpr auto k_refused = std::to_array<std::string_view>({"O", "U", "idmap", "upperdir", "workdir"});

// The options of one mount, sorted out.
struct Options {
  std::vector<std::string> kept;
  std::string propagation;
  bool writable = true;
  bool recursive = true;
  bool copy_up = true;
};

Error unknown_option(const MountSpec& mount, std::string_view word) {
  return Error(Errc::invalid,
               fmt::format("invalid option '{}' for the mount at '{}'", printable(word), printable(mount.destination)));
}

Result<Options> sort_options(const MountSpec& mount) {
  Options options;
  const bool is_tmpfs = mount.type == MountSpec::Type::tmpfs;
  for (const auto& word : mount.options) {
    const auto key = std::string_view(word).substr(0, word.find('='));
    if (word == "ro" || word == "readonly") {
      options.writable = false;
    } else if (word == "rw") {
      options.writable = true;
    } else if (is_one_of(word, k_propagation)) {
      options.propagation = word;
    } else if (word == "copy" || word == "nocopy") {
      options.copy_up = word == "copy";
    } else if (is_tmpfs && (word == "tmpcopyup" || word == "notmpcopyup")) {
      options.copy_up = word == "tmpcopyup";
    } else if (is_one_of(word, k_ignored)) {
      continue;
    } else if (is_one_of(key, k_refused)) {
      return Error(Errc::unsupported, fmt::format("the option '{}' of the mount at '{}' is not supported",
                                                  printable(word), printable(mount.destination)));
    } else if (word == "bind" && !is_tmpfs) {
      options.recursive = false;
    } else if (word == "rbind" && !is_tmpfs) {
      options.recursive = true;
    } else if (is_one_of(word, k_flags) || (is_tmpfs && is_one_of(key, k_tmpfs_keys))) {
      options.kept.push_back(word);
    } else {
      return unknown_option(mount, word);
    }
  }
  return options;
}

void add_default(std::vector<std::string>& options, std::string_view restriction, std::string_view opposite) {
  const bool decided = std::any_of(options.begin(), options.end(),
                                   [&](const auto& word) { return word == restriction || word == opposite; });
  if (!decided) options.emplace_back(restriction);
}

std::vector<std::string> tmpfs_options(const Options& sorted) {
  auto options = sorted.kept;
  add_default(options, "nosuid", "suid");
  add_default(options, "nodev", "dev");
  add_default(options, "noexec", "exec");
  options.insert(options.begin(), sorted.writable ? "rw" : "ro");
  options.push_back(sorted.propagation.empty() ? "rprivate" : sorted.propagation);
  if (sorted.copy_up) options.emplace_back("tmpcopyup");
  return options;
}

std::vector<std::string> bind_options(const Options& sorted, bool is_volume) {
  auto options = sorted.kept;
  if (is_volume) {
    add_default(options, "nosuid", "suid");
    add_default(options, "nodev", "dev");
  }
  options.insert(options.begin(), sorted.writable ? "rw" : "ro");
  options.push_back(sorted.propagation.empty() ? "rprivate" : sorted.propagation);
  options.push_back(sorted.recursive ? "rbind" : "bind");
  return options;
}

MountRecord make_record(const PlannedMount& planned, const Options& sorted, const char* type) {
  MountRecord record;
  record.type = type;
  record.source = planned.mount.source;
  record.destination = planned.mount.destination;
  record.options = planned.mount.options;
  record.writable = sorted.writable;
  record.propagation = sorted.propagation.empty() ? "rprivate" : sorted.propagation;
  return record;
}

class Planner {
 public:
  Planner(const VolumeNaming& naming, MountPlan& plan) : naming_(naming), plan_(plan) {}

  Result<void> add(const MountSpec& mount, bool from_image = false) {
    const auto destination = TRY(clean_destination(mount.destination));
    if (destination == "/") return Error(Errc::invalid, "invalid container path \"/\": the root cannot be replaced");
    if (plan_.covers(destination)) {
      if (from_image) return ok();
      return Error(Errc::invalid, fmt::format("{}: duplicate mount destination", printable(destination)));
    }
    const auto sorted = TRY(sort_options(mount));
    if (!mount.subpath.empty()) {
      return Error(Errc::unsupported, fmt::format("the subpath of the mount at '{}' is not supported", destination));
    }
    switch (mount.type) {
      case MountSpec::Type::bind:
        return add_bind(mount, destination, sorted);
      case MountSpec::Type::volume:
        return add_volume(mount, destination, sorted);
      case MountSpec::Type::tmpfs:
        return add_other("tmpfs", destination, sorted, tmpfs_options(sorted));
      case MountSpec::Type::devpts:
        return add_other("devpts", destination, sorted, {"nosuid", "noexec", "newinstance", "ptmxmode=0666"});
      case MountSpec::Type::image:
      case MountSpec::Type::glob:
        return Error(Errc::unsupported,
                     fmt::format("the type of the mount at '{}' is not supported", printable(destination)));
    }
    return ok();
  }

 private:
  Result<void> add_bind(const MountSpec& mount, const std::string& destination, const Options& sorted) {
    if (!mount.source.starts_with('/')) {
      return Error(Errc::invalid,
                   fmt::format("invalid host path \"{}\", must be an absolute path", printable(mount.source)));
    }
    PlannedMount planned;
    planned.mount = {destination, "bind", mount.source, bind_options(sorted, false)};
    planned.record = make_record(planned, sorted, "bind");
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  Result<void> add_volume(const MountSpec& mount, const std::string& destination, const Options& sorted) {
    VolumeUse use;
    use.anonymous = mount.source.empty();
    use.name = use.anonymous ? naming_.make_name() : mount.source;
    use.destination = destination;
    use.copy_up = sorted.copy_up;
    PlannedMount planned;
    planned.mount = {destination, "bind", naming_.data_path(use.name), bind_options(sorted, true)};
    planned.record = make_record(planned, sorted, "volume");
    planned.record.name = use.name;
    planned.record.anonymous = use.anonymous;
    planned.record.copy_up = use.copy_up;
    plan_.mounts.push_back(std::move(planned));
    plan_.volumes.push_back(std::move(use));
    return ok();
  }

  Result<void> add_other(const char* type, const std::string& destination, const Options& sorted,
                         std::vector<std::string> options) {
    PlannedMount planned;
    planned.mount = {destination, type, type, std::move(options)};
    planned.record = make_record(planned, sorted, type);
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  const VolumeNaming& naming_;
  MountPlan& plan_;
};

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

Result<MountPlan> plan_mounts(const ContainerSpec& spec, const std::set<std::string>& image_volumes,
                              const VolumeNaming& naming) {
  MountPlan plan;
  Planner planner(naming, plan);
  for (const auto& mount : spec.mounts) TRY(planner.add(mount));
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
  std::stable_sort(plan.mounts.begin(), plan.mounts.end(), [](const auto& a, const auto& b) {
    return std::count(a.mount.destination.begin(), a.mount.destination.end(), '/') <
           std::count(b.mount.destination.begin(), b.mount.destination.end(), '/');
  });
  return plan;
}

Result<void> check_sources(const MountPlan& plan) {
  for (const auto& planned : plan.mounts) {
    if (planned.record.type != "bind") continue;
    struct stat status{};
    if (stat(planned.mount.source.c_str(), &status) == 0) continue;
    if (errno == ENOENT) {
      return Error(Errc::not_found,
                   fmt::format("statfs {}: no such file or directory", printable(planned.mount.source)))
          .with_sys(ENOENT);
    }
    return Error::from_errno(fmt::format("look at '{}'", printable(planned.mount.source)));
  }
  return ok();
}

}  // namespace ctr::engine
