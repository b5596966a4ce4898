#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "runtime/compile_parts.h"
#include "runtime/mount_options.h"

namespace ctr::runtime {
namespace {

// Files of procfs that container tools replace on purpose; anything else below /proc would let a container's
// configuration lie to the code that trusts procfs (CVE-2019-16884).
constexpr std::array<std::string_view, 11> k_proc_files = {"/proc/cpuinfo",
                                                           "/proc/diskstats",
                                                           "/proc/meminfo",
                                                           "/proc/stat",
                                                           "/proc/swaps",
                                                           "/proc/uptime",
                                                           "/proc/loadavg",
                                                           "/proc/slabinfo",
                                                           "/proc/sys/kernel/ns_last_pid",
                                                           "/proc/sys/crypto/fips_enabled",
                                                           "/proc/net/dev"};

bool is_bind(const SpecMount& mount, const MountOptions& options) {
  return options.bind || mount.type == "bind" || mount.type == "rbind";
}

bool is_kernel_directory(std::string_view destination) {
  return destination == "/proc" || destination == "/sys" || destination == "/dev";
}

Result<void> check_destination(const std::string& destination) {
  if (destination == "/") return Error(Errc::invalid, "a mount cannot replace the root directory '/'");
  if (!destination.starts_with("/proc/")) return ok();
  if (std::find(k_proc_files.begin(), k_proc_files.end(), destination) != k_proc_files.end()) return ok();
  return Error(Errc::invalid, fmt::format("'{}' cannot be mounted on: it is inside '/proc'", destination));
}

// What was asked for is applied to every mount of the tree, as far as it only takes rights away.
void emit_attributes(const MountOptions& options, bool recursive, int16_t mount, ProgramBuilder* out) {
  const uint64_t tree = recursive ? AT_RECURSIVE : 0;
  const bool atime = (options.clear & MOUNT_ATTR__ATIME) != 0;
  if (options.set != 0 || options.clear != 0) {
    const uint64_t scope = options.clear == 0 && !atime ? tree : 0;
    if (scope == 0 && tree != 0 && (options.set & ~uint64_t{MOUNT_ATTR__ATIME}) != 0) {
      out->add({.kind = ChildOpKind::set_mount,
                .a = mount,
                .x = options.set & ~uint64_t{MOUNT_ATTR__ATIME},
                .z = uint64_t{AT_RECURSIVE} << 32});
    }
    out->add({.kind = ChildOpKind::set_mount, .a = mount, .x = options.set, .y = options.clear, .z = scope << 32});
  }
  if (options.set_recursive != 0 || options.clear_recursive != 0) {
    out->add({.kind = ChildOpKind::set_mount,
              .a = mount,
              .x = options.set_recursive,
              .y = options.clear_recursive,
              .z = uint64_t{AT_RECURSIVE} << 32});
  }
  // Private unless asked otherwise: a container's mounts are nobody else's business.
  const uint64_t propagation = options.propagation == 0 ? uint64_t{MS_PRIVATE} : options.propagation;
  const uint64_t reach = options.propagation == 0 || options.propagation_recursive ? tree : 0;
  if (recursive || options.propagation != 0) {
    out->add({.kind = ChildOpKind::set_mount, .a = mount, .z = propagation | reach << 32});
  }
}

// Opens the target and mounts `mount` on it.
void emit_attach(const std::string& destination, uint64_t target_kind, int16_t like, unsigned mode, int16_t mount,
                 int16_t root, ProgramBuilder* out) {
  uint64_t kind = target_kind;
  if (is_kernel_directory(destination))
    kind |= k_target_no_symlinks;
  else if (!destination.starts_with("/proc/"))
    kind |= k_target_not_proc;
  const int16_t target = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = target,
            .b = root,
            .text = out->text(destination.substr(1)),
            .x = kind,
            .y = mode,
            .z = static_cast<uint64_t>(like < 0 ? 0 : like)});
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = target});
  out->close_register(target);
}

void emit_bind(const std::string& source_path, const MountOptions& options, const std::string& destination,
               int16_t root, ProgramBuilder* out) {
  const int16_t source = out->take_register();
  const int16_t mount = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = source, .text = out->text(source_path), .x = O_PATH});
  out->add(
      {.kind = ChildOpKind::clone_tree, .a = mount, .b = source, .x = options.recursive ? uint64_t{AT_RECURSIVE} : 0});
  emit_attributes(options, true, mount, out);
  emit_attach(destination, k_target_like_b, source, is_kernel_directory(destination) ? 0755 : 0755, mount, root, out);
  out->close_register(source);
  out->close_register(mount);
}

// Groups that are not mapped cannot own a terminal: the option is left out (devpts then uses the opener's group).
std::vector<std::string> devpts_data(const CompileInput& input, const std::vector<std::string>& data) {
  std::vector<std::string> out;
  for (const std::string& option : data) {
    if (option.starts_with("gid=") && input.user_namespace) {
      const auto gid = parse_unsigned(std::string_view(option).substr(4), "gid", UINT32_MAX);
      if (!gid || !to_outside(input.spec.linux_config.ids.gids, static_cast<uint32_t>(*gid))) continue;
    }
    out.push_back(option);
  }
  return out;
}

std::vector<std::string> mount_data(const CompileInput& input, const SpecMount& mount, const std::string& type,
                                    const MountOptions& options) {
  std::vector<std::string> data = type == "devpts" ? devpts_data(input, options.data) : options.data;
  // What the mount table shows in front.
  data.insert(data.begin(), "source=" + (mount.source.empty() ? type : mount.source));
  return data;
}

// The kernel gives a fresh sysfs only to owners of the network namespace.
bool needs_sysfs_bind(const CompileInput& input, const std::string& type) {
  return type == "sysfs" && input.user_namespace && !input.spec.has_fresh_namespace(NamespaceType::network);
}

void emit_copy_up(const std::string& destination, int16_t mount, int16_t root, ProgramBuilder* out) {
  const int16_t from = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = from,
            .b = root,
            .text = out->text(destination.substr(1)),
            .x = k_target_directory | k_target_not_proc,
            .y = 0755});
  out->add({.kind = ChildOpKind::copy_up, .a = mount, .b = from});
  out->close_register(from);
}

Result<void> emit_fresh(const CompileInput& input, const SpecMount& spec_mount, const MountOptions& options,
                        const std::string& destination, int16_t root, ProgramBuilder* out) {
  const std::string type = spec_mount.type == "cgroup" ? "cgroup2" : spec_mount.type;
  const std::vector<std::string> data = mount_data(input, spec_mount, type, options);
  const int16_t mount = out->take_register();
  // A tmpfs that is to be filled first becomes read-only afterwards.
  const uint64_t attributes = options.copy_up ? options.set & ~uint64_t{MOUNT_ATTR_RDONLY} : options.set;
  out->add({.kind = ChildOpKind::make_mount,
            .a = mount,
            .text = out->text(type),
            .more = out->text_list(data),
            .x = attributes});
  if (options.copy_up && type == "tmpfs") emit_copy_up(destination, mount, root, out);
  if (attributes != options.set) {
    out->add({.kind = ChildOpKind::set_mount, .a = mount, .x = MOUNT_ATTR_RDONLY});
  }
  if (options.propagation != 0) {
    out->add({.kind = ChildOpKind::set_mount, .a = mount, .z = options.propagation});
  }
  emit_attach(destination, k_target_directory, -1, 0755, mount, root, out);
  out->close_register(mount);
  return ok();
}

Result<void> emit_mount(const CompileInput& input, const SpecMount& mount, int16_t root, ProgramBuilder* out) {
  const std::string destination = clean_destination(mount.destination);
  TRY(check_destination(destination));
  const MountOptions options =
      TRY(parse_mount_options(mount.options).context(fmt::format("mount at '{}'", destination)));
  if (is_bind(mount, options)) {
    out->act(fmt::format("bind '{}' at '{}'", mount.source, destination));
    emit_bind(mount.source, options, destination, root, out);
    return ok();
  }
  if (needs_sysfs_bind(input, mount.type)) {
    MountOptions bind = options;
    bind.recursive = true;
    out->act(fmt::format("bind '/sys' at '{}', as the network is the host's", destination));
    emit_bind("/sys", bind, destination, root, out);
    return ok();
  }
  const bool cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
  if (cgroup && input.host.cgroup.mount_point.empty()) return ok();
  if (mount.type.empty()) return Error(Errc::invalid, fmt::format("the mount at '{}' has no type", destination));
  out->act(fmt::format("mount {} at '{}'", cgroup ? "cgroup2" : mount.type, destination));
  return emit_fresh(input, mount, options, destination, root, out);
}

// Values reach procfs through a mount nobody else has: whatever the image put at /proc, these writes hit the kernel.
void emit_proc_writes(const CompileInput& input, ProgramBuilder* out) {
  const bool sets_score = input.process.oom_score_adj && !applies_outside(input);
  if (input.spec.linux_config.sysctl.empty() && !sets_score) return;
  out->act("mount a private proc");
  const int16_t proc = out->take_register();
  out->add({.kind = ChildOpKind::make_mount, .a = proc, .text = out->text("proc"), .more = out->text_list({})});
  for (const auto& [name, value] : input.spec.linux_config.sysctl) {
    out->act(fmt::format("set sysctl '{}' to '{}'", name, value));
    out->add({.kind = ChildOpKind::write_file,
              .b = proc,
              .text = out->text("sys/" + sysctl_path(name)),
              .more = out->text(value)});
  }
  if (sets_score) emit_oom_score(input.process, proc, out);
  out->close_register(proc);
}

}  // namespace

std::string clean_destination(std::string_view path) {
  std::string out;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    out += "/" + part;
  }
  return out.empty() ? "/" : out;
}

std::string sysctl_path(const std::string& name) {
  std::string path = name;
  if (path.find('/') == std::string::npos) std::replace(path.begin(), path.end(), '.', '/');
  return path;
}

bool has_own_dev(const RuntimeSpec& spec) {
  for (const SpecMount& mount : spec.mounts) {
    if (clean_destination(mount.destination) == "/dev") return mount.type == "tmpfs";
  }
  return false;
}

Result<void> emit_mounts(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  for (const SpecMount& mount : input.spec.mounts) TRY(emit_mount(input, mount, root, out));
  emit_proc_writes(input, out);
  return ok();
}

void emit_masks(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  const SpecLinux& config = input.spec.linux_config;
  for (const std::string& path : config.readonly_paths) {
    out->act(fmt::format("make '{}' read-only", path));
    out->add({.kind = ChildOpKind::readonly_path, .b = root, .text = out->text(clean_destination(path).substr(1))});
  }
  if (config.masked_paths.empty()) return;
  // One empty file system covers all directories, and the host's null device, checked to be it, all files
  // (CVE-2025-31133).
  out->act("prepare the covers of masked paths");
  const int16_t null_device = out->take_register();
  const int16_t empty = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = null_device, .text = out->text("/dev/null"), .x = O_PATH});
  out->add({.kind = ChildOpKind::check_device, .a = null_device, .x = S_IFCHR, .y = makedev(1, 3)});
  out->add({.kind = ChildOpKind::make_mount,
            .a = empty,
            .text = out->text("tmpfs"),
            .more = out->text_list({"size=4k", "nr_inodes=2", "mode=0555"}),
            .x = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});
  for (const std::string& path : config.masked_paths) {
    out->act(fmt::format("mask '{}'", path));
    out->add({.kind = ChildOpKind::mask_path,
              .a = null_device,
              .b = empty,
              .text = out->text(clean_destination(path).substr(1)),
              .x = static_cast<uint64_t>(root)});
  }
  out->close_register(null_device);
  out->close_register(empty);
}

}  // namespace ctr::runtime
