// Paths that are covered or made read-only, and values that are written below /proc.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/text.h"
#include "runtime/compile_parts.h"

namespace ctr::runtime {

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

// Values reach procfs through a mount nobody else has: whatever the image put at /proc, these writes hit the kernel.
void emit_proc_writes(const CompileInput& input, ProgramBuilder* out) {
  const bool sets_score = input.process.oom_score_adj && !applies_outside(input);
  if (input.spec.linux_config.sysctl.empty() && !sets_score) return;
  const int16_t proc = out->take_register();
  if (mount_table(input.spec) == MountTable::own) {
    // With the host's pid namespace a user namespace may not have a procfs of its own: a copy of the host's then.
    const bool may_borrow = input.is_mapped() && !input.spec.has_fresh_namespace(NamespaceType::pid);
    out->act("mount a private proc");
    out->add({.kind = ChildOpKind::make_mount,
              .a = proc,
              .text = out->text("proc"),
              .more = out->text_list({}),
              .z = may_borrow ? uint64_t{1} + out->text("/proc") : 0});
  } else {
    out->act("open '/proc'");
    out->add({.kind = ChildOpKind::open_path, .a = proc, .text = out->text("/proc"), .x = O_PATH | O_DIRECTORY});
  }
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
