#include "engine/mounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "engine/mount_words.h"
#include "runtime/mount_options.h"

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

// What of the source is mounted.
void add_part(const MountSpec& mount, runtime::SpecMount& planned) {
  if (mount.subpath.empty()) return;
  const auto option = mount.makes_subpath ? runtime::k_made_subpath_option : runtime::k_subpath_option;
  planned.options.push_back(std::string(option) + mount.subpath);
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
  if (!words.id_map.empty()) options.push_back(words.id_map);
  return options;
}

constexpr size_t k_page_bytes = 4096;

// Where an overlay keeps what is written; empty: nowhere, it is read-only.
struct OverlayDirs {
  std::string upper;
  std::string work;
};

// Overlayfs splits and unescapes its options by rules that differ from kernel to kernel: only plain paths are given.
Result<void> check_plain(const std::string& path) {
  if (path.find_first_of(":,\\\"") == std::string::npos) return ok();
  return Error(Errc::unsupported,
               fmt::format("an overlay of '{}' is not supported: the path has one of : , \\ \"", printable(path)));
}

std::vector<std::string> overlay_options(const MountWords& words, const std::vector<std::string>& lower,
                                         const OverlayDirs& dirs) {
  auto options = words.kept;
  options.insert(options.begin(), words.writable ? "rw" : "ro");
  options.push_back(propagation_of(words));
  options.push_back("lowerdir=" + join(lower, ":"));
  if (!dirs.upper.empty()) {
    options.push_back("upperdir=" + dirs.upper);
    options.push_back("workdir=" + dirs.work);
  }
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
  record.id_mapped = !words.id_map.empty();
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
    const bool has_parts = mount.type == MountSpec::Type::volume || mount.type == MountSpec::Type::bind ||
                           mount.type == MountSpec::Type::memory || mount.type == MountSpec::Type::image;
    if (!mount.subpath.empty() && (!has_parts || words.overlay)) {
      return Error(Errc::unsupported, fmt::format("the subpath of the mount at '{}' is not supported: only volumes, "
                                                  "images and directories of the host can be mounted in part",
                                                  printable(destination)));
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
      case MountSpec::Type::memory:
        return add_memory(mount, destination, words);
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
    add_part(mount, planned.mount);
    planned.record = make_record(planned, words, "bind");
    planned.record.subpath = mount.subpath;
    if (words.overlay) TRY(overlay(planned, words, {mount.source}));
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  // The pod's monitor holds the mount namespace in which there is a file system at this place.
  Result<void> add_memory(const MountSpec& mount, const std::string& destination, const MountWords& words) {
    if (places_.memory_dir.empty()) {
      return Error(Errc::invalid, fmt::format("the mount at '{}' is memory of a pod, and the container is in none",
                                              printable(destination)));
    }
    if (mount.source.empty() || mount.source == ".." || mount.source.find('/') != std::string::npos) {
      return Error(Errc::invalid, fmt::format("'{}' is not a name of memory of a pod", printable(mount.source)));
    }
    PlannedMount planned;
    planned.mount = {destination, "bind", places_.memory_dir + "/" + mount.source, bind_options(words, true)};
    add_part(mount, planned.mount);
    planned.record = make_record(planned, words, "tmpfs");
    planned.record.source = "tmpfs";
    planned.record.subpath = mount.subpath;
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  Result<void> add_volume(const MountSpec& mount, const std::string& destination, const MountWords& words) {
    VolumeUse use;
    use.anonymous = mount.source.empty();
    use.name = use.anonymous ? places_.make_name() : mount.source;
    use.destination = destination;
    // With a map of the user's own nobody can say who is to own on the disk what the image has.
    use.copy_up = words.copy_up && mount.subpath.empty() && !words.id_map.starts_with("idmap=");
    PlannedMount planned = TRY(mount_of(use, mount, destination, words));
    planned.record = make_record(planned, words, "volume");
    planned.record.source = places_.data_path(use.name);
    planned.record.name = use.name;
    planned.record.anonymous = use.anonymous;
    planned.record.copy_up = use.copy_up;
    planned.record.subpath = mount.subpath;
    if (words.overlay) TRY(overlay(planned, words, {planned.mount.source}));
    plan_.mounts.push_back(std::move(planned));
    plan_.volumes.push_back(std::move(use));
    return ok();
  }

  // The directory of the store, or the file system that the volume is.
  Result<PlannedMount> mount_of(const VolumeUse& use, const MountSpec& mount, const std::string& destination,
                                const MountWords& words) {
    const auto& subpath = mount.subpath;
    PlannedMount planned;
    planned.mount = {destination, "bind", places_.data_path(use.name), bind_options(words, true)};
    const auto system = use.anonymous ? std::nullopt : TRY(places_.file_system(use.name));
    if (!system) {
      add_part(mount, planned.mount);
      return planned;
    }
    if (words.overlay || !subpath.empty() || !words.id_map.empty()) {
      const auto* word = words.overlay ? "O" : subpath.empty() ? "idmap" : "subpath";
      return Error(Errc::unsupported,
                   fmt::format("the option '{}' of the mount at '{}' is not supported: the volume {} is "
                               "a file system of its own",
                               word, printable(destination), use.name));
    }
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

  // The layers as they are belong to every container: an overlay shows them, under a directory of this container's.
  Result<void> add_image(const MountSpec& mount, const std::string& destination, const MountWords& typed) {
    auto words = typed;
    const auto& said = mount.options;
    words.writable = std::find(said.begin(), said.end(), "rw") != said.end();
    add_default(words.kept, "nosuid", "suid");
    add_default(words.kept, "nodev", "dev");
    const auto layers = TRY(places_.image(mount.source, mount.subpath));
    PlannedMount planned;
    planned.mount = {destination, "overlay", "overlay", {words.writable ? "rw" : "ro", "nosuid", "nodev"}};
    planned.record = make_record(planned, words, "image");
    planned.record.source = mount.source;
    planned.record.image_id = layers.id;
    planned.record.subpath = mount.subpath;
    TRY(overlay(planned, words, layers.dirs));
    plan_.mounts.push_back(std::move(planned));
    return ok();
  }

  // Turns the mount into an overlay over `lower`. What is written goes to a directory of the container's; a read-only
  // one needs it all the same when `lower` is one directory, of which alone there is no overlay.
  Result<void> overlay(PlannedMount& planned, const MountWords& words, const std::vector<std::string>& lower) {
    TRY(places_.check_overlays());
    OverlayDirs dirs{words.upper_dir, words.work_dir};
    if (dirs.upper.empty() && (words.writable || lower.size() == 1)) {
      planned.record.scratch = fmt::format("overlay/{}", scratch_count_++);
      const auto place = places_.bundle + "/" + planned.record.scratch;
      dirs = {place + "/upper", place + "/work"};
    }
    for (const auto& path : lower) TRY(check_plain(path));
    for (const auto* path : {&dirs.upper, &dirs.work}) TRY(check_plain(*path));
    planned.mount.type = "overlay";
    planned.mount.source = "overlay";
    planned.mount.options = overlay_options(words, lower, dirs);
    // Attributes of overlays are kept in the user. name space, the only one writable in a user namespace.
    planned.mount.options.emplace_back("userxattr");
    // mount(2) takes a page of options, and cuts off the rest.
    if (join(planned.mount.options, ",").size() >= k_page_bytes) {
      return Error(Errc::unsupported, fmt::format("the mount at '{}' has too many layers: the paths of {} do not fit "
                                                  "into the {} bytes of a mount's options",
                                                  printable(planned.mount.destination), lower.size(), k_page_bytes));
    }
    planned.record.overlay = true;
    std::erase_if(planned.record.options, [](const auto& word) { return word == "bind" || word == "rbind"; });
    if (words.overlay) planned.record.options.emplace_back("O");
    return ok();
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
    if (choice == ImageVolumes::tmpfs) mount.options = {"suid", "exec"};  // as podman
    mount.destination = destination;
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

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
  sort_by_depth(plan.mounts);
  return plan;
}

}  // namespace ctr::engine
