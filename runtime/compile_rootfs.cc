#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

constexpr uint64_t k_directory = O_PATH | O_DIRECTORY;

// Overlay refuses to reuse a work directory that a volatile mount has left marked; the mark is
// <work>/work/incompat/volatile (Documentation/filesystems/overlayfs.rst, "Volatile mount").
void emit_remove_volatile_mark(int16_t work, ProgramBuilder* out) {
  out->add({.kind = ChildOpKind::remove_dir, .b = work, .text = out->text("work/incompat/volatile")});
  out->add({.kind = ChildOpKind::remove_dir, .b = work, .text = out->text("work/incompat")});
}

Result<void> emit_overlay(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out) {
  if (plan.lower_dirs.empty()) return Error(Errc::invalid, "the container has no layers");
  if (plan.lower_dirs.size() > k_max_lower_dirs) {
    return Error(Errc::unsupported, fmt::format("the image has {} layers; overlay file systems take {}",
                                                plan.lower_dirs.size(), k_max_lower_dirs));
  }
  const auto count = static_cast<int>(plan.lower_dirs.size());
  const int16_t lower = out->take_registers(count);
  for (int i = 0; i < count; ++i) {
    const std::string& path = plan.lower_dirs[static_cast<size_t>(i)];
    out->act(fmt::format("open layer '{}'", path));
    out->add({.kind = ChildOpKind::open_path,
              .a = static_cast<int16_t>(lower + i),
              .text = out->text(path),
              .x = k_directory});
  }
  int16_t upper = -1;
  std::string options;
  if (!plan.upper_dir.empty()) {
    upper = out->take_registers(2);
    out->act(fmt::format("open upper directory '{}'", plan.upper_dir));
    out->add({.kind = ChildOpKind::open_path, .a = upper, .text = out->text(plan.upper_dir), .x = k_directory});
    out->act(fmt::format("open work directory '{}'", plan.work_dir));
    const auto work = static_cast<int16_t>(upper + 1);
    out->add({.kind = ChildOpKind::open_path, .a = work, .text = out->text(plan.work_dir), .x = k_directory});
    emit_remove_volatile_mark(work, out);
    if (plan.skip_sync) options += ",volatile";
  }
  // Attributes of overlay are kept in the user. name space, the only one writable in a user namespace.
  if (input.is_mapped()) options += ",userxattr";
  // In quotes, since a label may contain commas.
  const std::string& label = input.spec.linux_config.mount_label;
  if (!label.empty()) options += fmt::format(",context=\"{}\"", label);
  out->act(fmt::format("mount the overlay of {} layer{} at '{}'", count, count == 1 ? "" : "s", plan.mount_point));
  out->add({.kind = ChildOpKind::mount_overlay,
            .a = lower,
            .b = upper,
            .text = out->text(options),
            .more = out->text(plan.mount_point),
            .x = static_cast<uint64_t>(count)});
  for (int i = 0; i < count; ++i) out->close_register(static_cast<int16_t>(lower + i));
  if (upper >= 0) {
    out->close_register(upper);
    out->close_register(static_cast<int16_t>(upper + 1));
  }
  return ok();
}

// Opens a path of the host, unless that has been done ahead. Returns its register.
int16_t emit_open(const std::string& path, uint64_t flags, ProgramBuilder* out) {
  const auto ahead = out->take_ahead(path, flags);
  const int16_t file = ahead ? ahead->source : out->take_register();
  out->add({.kind = ChildOpKind::open_path,
            .a = file,
            .text = out->text(path),
            .x = flags,
            .z = ahead ? uint64_t{1} : uint64_t{0}});
  return file;
}

// The tree becomes a mount on top of itself, since only mounts can be pivoted to; `isolated` when its copy would pass
// on what is mounted in it. Returns the register of its root.
int16_t emit_directory(const std::string& directory, bool isolated, ProgramBuilder* out) {
  out->act(fmt::format("bind root directory '{}'", directory));
  const int16_t place = emit_open(directory, k_directory, out);
  const int16_t mount = out->take_register();
  out->add({.kind = ChildOpKind::clone_tree, .a = mount, .b = place, .x = AT_RECURSIVE});
  if (isolated) {
    out->add({.kind = ChildOpKind::set_mount, .a = mount, .z = MS_PRIVATE | uint64_t{AT_RECURSIVE} << 32});
  }
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = place});
  out->close_register(place);
  return mount;
}

// The file is opened with O_NONBLOCK, so that a FIFO cannot stop the child; append_file refuses what is no regular
// file.
constexpr uint64_t k_edit = O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY;

std::string_view edit_words(RootEdit::Kind kind) {
  switch (kind) {
    case RootEdit::Kind::append:
      return "append to";
    case RootEdit::Kind::replace:
      return "write";
    case RootEdit::Kind::link:
      return "link";
  }
  return "write";
}

// Puts the bytes of `source` behind those of the file that `path` below register `dir` is opened as.
void emit_bytes(const std::string& source, int16_t dir, const std::string& path, uint64_t flags, uint64_t resolve,
                ProgramBuilder* out) {
  const int16_t from = emit_open(source, O_RDONLY, out);
  const int16_t file = out->take_register();
  out->add({.kind = ChildOpKind::open_in_root,
            .a = file,
            .b = dir,
            .text = out->text(path),
            .x = flags,
            .y = 0644,
            .z = resolve | RESOLVE_NO_MAGICLINKS});
  out->add({.kind = ChildOpKind::append_file, .a = file, .b = from});
  out->close_register(file);
  out->close_register(from);
}

void emit_edit(const RootEdit& edit, int16_t root, ProgramBuilder* out) {
  const std::string path = clean_destination(edit.path).substr(1);
  const size_t slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  out->act(fmt::format("{} '{}'", edit_words(edit.kind), edit.path));
  const int16_t dir = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = dir,
            .b = root,
            .text = out->text(slash == std::string::npos ? "." : path.substr(0, slash)),
            .x = k_target_directory,
            .y = 0755});
  if (edit.kind == RootEdit::Kind::append) {
    emit_bytes(edit.source, root, path, k_edit, RESOLVE_IN_ROOT, out);
  } else {
    out->add({.kind = ChildOpKind::remove_file, .b = dir, .text = out->text(name)});
    if (edit.kind == RootEdit::Kind::link) {
      out->add({.kind = ChildOpKind::make_symlink, .b = dir, .text = out->text(edit.source), .more = out->text(name)});
    } else {
      emit_bytes(edit.source, dir, name, k_edit | O_EXCL, RESOLVE_BENEATH, out);
    }
  }
  out->close_register(dir);
}

}  // namespace

void emit_root_ahead(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out) {
  if (!opens_ahead(input)) return;
  out->act("open the container's root and what is put into it");
  if (plan.kind == RootfsPlan::Kind::directory) out->open_ahead(plan.directory, k_directory, 0);
  if (plan.kind == RootfsPlan::Kind::fuse) out->open_ahead(plan.mount_point, k_directory, 0);
  for (const RootEdit& edit : plan.edits) {
    if (edit.kind != RootEdit::Kind::link) out->open_ahead(edit.source, O_RDONLY, 0);
  }
}

void emit_edits(const RootfsPlan& plan, int16_t root, ProgramBuilder* out) {
  if (plan.edits.empty()) return;
  // What is made has the modes that are asked for, whatever the caller's own mask is.
  out->act("set the mask for new files");
  out->add({.kind = ChildOpKind::set_umask, .x = 022});
  for (const RootEdit& edit : plan.edits) emit_edit(edit, root, out);
}

Result<void> emit_fuse(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out) {
  if (input.host.fuse_overlayfs.empty()) {
    return Error(Errc::unsupported, "this container needs fuse-overlayfs, which is not installed")
        .with_hint("install the package fuse-overlayfs");
  }
  std::string options = TRY(fuse_directories(plan));
  if (plan.shift_ids) {
    // Id in the layers, id of the outer namespace that stands for it, count. The layers were unpacked under the outer
    // map, so that a container's id N finds what the image gave to N.
    const IdMap nested = TRY(nest_map(input.spec.linux_config.ids, input.host.default_map()));
    options += ",uidmapping=" + format_ranges(nested.uids, ':');
    options += ",gidmapping=" + format_ranges(nested.gids, ':');
  }
  if (plan.skip_sync) options += ",volatile";
  out->act(fmt::format("start fuse-overlayfs of {} layers at '{}'", plan.lower_dirs.size(), plan.mount_point));
  out->add({.kind = ChildOpKind::start_fuse,
            .text = out->text_list({input.host.fuse_overlayfs, "-f", "-o", options, "/dev/fd/3"}),
            .more = out->text(plan.mount_point)});
  return ok();
}

Result<int16_t> emit_rootfs(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out) {
  if (plan.kind == RootfsPlan::Kind::directory) return emit_directory(plan.directory, shares_mounts(input.spec), out);
  // A mount that came from another user namespace is locked and cannot be pivoted to; a copy of it can.
  if (plan.kind == RootfsPlan::Kind::fuse) return emit_directory(plan.mount_point, shares_mounts(input.spec), out);
  TRY(emit_overlay(input, plan, out));
  // Its root is opened through the path once more: what a descriptor of before the mount means is covered by it.
  const int16_t root = out->take_register();
  out->act(fmt::format("open the container's root '{}'", plan.mount_point));
  out->add({.kind = ChildOpKind::open_path, .a = root, .text = out->text(plan.mount_point), .x = k_directory});
  return root;
}

}  // namespace ctr::runtime
