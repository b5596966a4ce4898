#include "engine/mount_sources.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/random.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/image_lookup.h"
#include "engine/volume_options.h"
#include "storage/merged_view.h"
#include "storage/rootfs.h"

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

// Later containers win over earlier ones, and what is mounted by hand over all.
Result<void> add_inherited(Core& core, const ContainerSpec& spec, std::vector<MountSpec>& mounts) {
  std::vector<MountSpec> inherited;
  for (const auto& text : spec.volumes_from) {
    const auto from = TRY(parse_volumes_from(text));
    const auto what = fmt::format("looking up container \"{}\" for volumes-from", printable(from.container));
    const auto entry = TRY(resolve_container(core, from.container).context(what));
    const auto record = TRY(read_record(TRY(TRY(core.store())->containers().open(entry.id))).context(what));
    for (const auto& mount : record.mounts) {
      auto given = inherited_mount(mount, from.options);
      if (!given) continue;
      std::erase_if(inherited, [&](const auto& other) { return other.destination == given->destination; });
      inherited.push_back(std::move(*given));
    }
  }
  for (auto& mount : inherited) {
    const bool covered = std::any_of(mounts.begin(), mounts.end(), [&](const auto& other) {
      const auto place = clean_destination(other.destination);
      return place && *place == mount.destination;
    });
    if (!covered) mounts.push_back(std::move(mount));
  }
  return ok();
}

// Of the options that a mount was planned with, those that say what the container may do there.
bool is_attribute(std::string_view word) {
  constexpr auto k_words =
      std::to_array<std::string_view>({"ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev"});
  return std::find(k_words.begin(), k_words.end(), word) != k_words.end();
}

ImageLayers layers_of(const FoundImage& found, storage::RootfsSpec rootfs) {
  return {found.record.id.hex(), std::move(rootfs.lower)};
}

}  // namespace

Result<VolumesFrom> parse_volumes_from(const std::string& text) {
  const auto pair = split_once(text, ':');
  VolumesFrom from{pair ? pair->first : text, {}};
  if (pair) from.options = split(pair->second, ',');
  int access = 0;
  int label = 0;
  for (const auto& word : from.options) {
    if (word == "ro" || word == "rw") {
      if (++access > 1) return Error(Errc::invalid, "cannot set ro or rw options more than once");
    } else if (word == "z") {
      if (++label > 1) return Error(Errc::invalid, "cannot set :z more than once in mount options");
    } else {
      return Error(Errc::invalid, fmt::format("invalid option \"{}\" specified - volumes from another container can "
                                              "only use z,ro,rw options",
                                              printable(word)));
    }
  }
  if (from.container.empty()) return Error(Errc::invalid, "--volumes-from: the name of a container is missing");
  return from;
}

std::optional<MountSpec> inherited_mount(const MountRecord& record, const std::vector<std::string>& options) {
  // An overlay belongs to its container.
  if ((record.type != "bind" && record.type != "volume") || record.overlay) return std::nullopt;
  MountSpec mount;
  mount.type = record.type == "bind" ? MountSpec::Type::bind : MountSpec::Type::volume;
  mount.source = record.type == "bind" ? record.source : record.name;
  mount.destination = record.destination;
  mount.subpath = record.subpath;
  mount.options = options;
  if (options.empty()) {
    // The options of a volume that is a file system come along with it.
    for (const auto& word : record.options) {
      if (record.type == "bind" || is_attribute(word)) mount.options.push_back(word);
    }
  }
  if (!record.copy_up && record.subpath.empty()) mount.options.emplace_back("nocopy");
  return mount;
}

Result<std::vector<std::string>> expand_glob(const std::string& pattern) {
  std::vector<std::string> paths = {""};
  for (const auto& part : split(pattern, '/')) {
    if (!part.empty() && part != ".") paths = TRY(match_component(paths, part));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<std::vector<MountSpec>> complete_mounts(Core& core, const ContainerSpec& spec) {
  std::vector<MountSpec> mounts;
  for (const auto& mount : spec.mounts) {
    if (mount.type == MountSpec::Type::glob) {
      TRY(add_globbed(mount, mounts));
    } else {
      mounts.push_back(mount);
    }
  }
  TRY(add_inherited(core, spec, mounts));
  return mounts;
}

MountPlaces mount_places(Core& core, const std::string& bundle) {
  MountPlaces places;
  places.make_name = [] { return random_hex(32); };
  places.bundle = bundle;
  places.home = environment_value(core.options().environment, "HOME");
  places.data_path = [&core](const std::string& name) { return core.store().value()->volumes().data_path(name); };
  places.file_system = [&core](const std::string& name) -> Result<std::optional<VolumeFileSystem>> {
    const auto* store = TRY(core.store());
    const auto volume = TRY(store->volumes().find(name));
    if (!volume || !is_mounted_volume(*volume)) return std::optional<VolumeFileSystem>();
    return std::optional(TRY(file_system_of(*volume)));
  };
  places.image = [&core](const std::string& image, const std::string& subpath) -> Result<ImageLayers> {
    const auto* store = TRY(core.store());
    const auto found = TRY(get_image_record(core, image));
    const auto config = TRY(store->images().read_config(found.record));
    // Of the stack only the layers are wanted, whoever's writable directory is above them.
    auto rootfs =
        TRY(storage::make_rootfs(*store, TRY(core.driver()), config.diff_ids, storage::ContainerId::make_random()));
    if (subpath.empty()) return layers_of(found, std::move(rootfs));
    const auto view = TRY(storage::MergedView::open(rootfs.lower));
    rootfs.lower = TRY(view.directories(subpath).context(fmt::format("the image {}", printable(image))));
    return layers_of(found, std::move(rootfs));
  };
  places.check_overlays = [&core]() -> Result<void> {
    if (TRY(core.driver()) == storage::OverlayDriver::native) return ok();
    return Error(Errc::unsupported,
                 "mounts of images and with the option 'O' need overlay mounts of the kernel in a user namespace");
  };
  return places;
}

namespace {

// Names the directory on the way that bars it, whose it is, and who the container is outside of its namespace.
Error unreachable(const std::string& source, int sys) {
  const std::string frame = fmt::format("bind '{}'", printable(source));
  for (size_t end = source.find('/', 1); sys == EACCES && end != std::string::npos; end = source.find('/', end + 1)) {
    const std::string place = source.substr(0, end);
    struct stat status{};
    if (access(place.c_str(), X_OK) == 0 || stat(place.c_str(), &status) != 0) continue;
    const auto uid = geteuid();
    return Error(Errc::permission,
                 fmt::format("{}: '{}' belongs to uid {} and gid {} with mode {:04o}, and the container is uid {} and "
                             "gid {} on this host: {}",
                             frame, printable(place), status.st_uid, status.st_gid, status.st_mode & 07777u, uid,
                             getegid(), std::strerror(sys)))
        .with_sys(sys)
        .with_hint(fmt::format("let uid {} in, as with `setfacl -m u:{}:x {}`, or mount a directory of your own", uid,
                               uid, printable(place)));
  }
  return Error::from_errno(frame, sys);
}

}  // namespace

Result<void> check_sources(const MountPlan& plan) {
  for (const auto& planned : plan.mounts) {
    if (planned.record.type != "bind") continue;
    struct stat status{};
    if (stat(planned.record.source.c_str(), &status) == 0) {
      if (!planned.record.overlay || S_ISDIR(status.st_mode)) continue;
      return Error(Errc::invalid, fmt::format("the option 'O' of the mount at '{}' needs a directory, and '{}' is none",
                                              printable(planned.record.destination), printable(planned.record.source)));
    }
    if (errno == ENOENT) {
      return Error(Errc::not_found,
                   fmt::format("statfs {}: no such file or directory", printable(planned.record.source)))
          .with_sys(ENOENT)
          .with_hint("make the directory first; -v makes none");
    }
    return unreachable(planned.record.source, errno);
  }
  return ok();
}

}  // namespace ctr::engine
