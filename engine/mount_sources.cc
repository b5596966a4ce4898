#include "engine/mount_sources.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "engine/volume_options.h"

namespace ctr::engine {

namespace {

bool is_pattern(std::string_view part) { return part.find_first_of("*?[\\") != std::string_view::npos; }

// The entries of each of `parents` that match one component of a pattern.
Result<std::vector<std::string>> match_component(const std::vector<std::string>& parents, const std::string& part) {
  std::vector<std::string> found;
  for (const auto& parent : parents) {
    if (!is_pattern(part)) {
      struct stat status{};
      const auto path = parent + "/" + part;
      if (lstat(path.c_str(), &status) == 0) found.push_back(path);
      continue;
    }
    // What cannot be read has no matches, as in a shell.
    const auto dir = Dir::open(parent.empty() ? "/" : parent);
    if (!dir) continue;
    for (const auto& name : TRY(dir->list())) {
      if (fnmatch(part.c_str(), name.c_str(), 0) == 0) found.push_back(parent + "/" + name);
    }
  }
  return found;
}

Result<void> add_globbed(const MountSpec& glob, std::vector<MountSpec>& mounts) {
  const auto paths = TRY(expand_glob(glob.source));
  if (paths.empty()) {
    return Error(Errc::not_found, fmt::format("no file paths matching glob \"{}\"", printable(glob.source)));
  }
  for (const auto& path : paths) {
    MountSpec mount = glob;
    mount.type = MountSpec::Type::bind;
    mount.source = path;
    mount.destination = glob.destination.empty() ? path : glob.destination + path.substr(path.rfind('/'));
    mounts.push_back(std::move(mount));
  }
  return ok();
}

}  // namespace

Result<std::vector<std::string>> expand_glob(const std::string& pattern) {
  std::vector<std::string> paths = {""};
  for (const auto& part : split(pattern, '/')) {
    if (!part.empty() && part != ".") paths = TRY(match_component(paths, part));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<std::vector<MountSpec>> complete_mounts(const ContainerSpec& spec) {
  std::vector<MountSpec> mounts;
  for (const auto& mount : spec.mounts) {
    if (mount.type == MountSpec::Type::glob) {
      TRY(add_globbed(mount, mounts));
    } else {
      mounts.push_back(mount);
    }
  }
  return mounts;
}

MountPlaces mount_places(Core& core) {
  MountPlaces places;
  places.make_name = [] { return random_hex(32); };
  places.home = environment_value(core.options().environment, "HOME");
  places.data_path = [&core](const std::string& name) { return core.store().value()->volumes().data_path(name); };
  places.file_system = [&core](const std::string& name) -> Result<std::optional<VolumeFileSystem>> {
    const auto* store = TRY(core.store());
    const auto volume = TRY(store->volumes().find(name));
    if (!volume || !is_mounted_volume(*volume)) return std::optional<VolumeFileSystem>();
    return std::optional(TRY(file_system_of(*volume)));
  };
  return places;
}

Result<void> check_sources(const MountPlan& plan) {
  for (const auto& planned : plan.mounts) {
    if (planned.record.type != "bind") continue;
    struct stat status{};
    if (stat(planned.record.source.c_str(), &status) == 0) continue;
    if (errno == ENOENT) {
      return Error(Errc::not_found,
                   fmt::format("statfs {}: no such file or directory", printable(planned.record.source)))
          .with_sys(ENOENT);
    }
    return Error::from_errno(fmt::format("look at '{}'", printable(planned.record.source)));
  }
  return ok();
}

}  // namespace ctr::engine
