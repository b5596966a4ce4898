// Secrets. Those with a name of their own lie side by side on one tmpfs at /run/secrets. Those with a path are files of
// a second tmpfs, mounted one by one: it lies below the first, since only mounts that are attached can be copied
// (before Linux 6.15), and nobody can reach it there.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include <algorithm>

#include "runtime/compile_parts.h"
#include "runtime/secret_files.h"

namespace ctr::runtime {
namespace {

constexpr const char* k_secrets_dir = "run/secrets";
constexpr uint64_t k_attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
// A tmpfs counts whole pages; directories and the root take some, too.
constexpr uint64_t k_page_bytes = 4096;
constexpr uint64_t k_spare_pages = 16;

bool lies_open(const SecretFile& file) { return file.target.find('/') == std::string::npos; }

std::string path_of(const SecretFile& file) {
  return file.target.starts_with('/') ? file.target : fmt::format("/{}/{}", k_secrets_dir, file.target);
}

Result<void> check_owner(const CompileInput& input, const SecretFile& file) {
  const IdMap& ids = input.spec.linux_config.ids;
  if (!input.spec.has_fresh_namespace(NamespaceType::user)) return ok();
  if (to_outside(ids.uids, file.uid) && to_outside(ids.gids, file.gid)) return ok();
  return Error(Errc::invalid, fmt::format("the secret at '{}' is for {}:{}, which the container's user namespace does "
                                          "not have",
                                          path_of(file), file.uid, file.gid));
}

// Registers of the two file systems; -1: not needed.
struct Memory {
  int16_t open = -1;
  int16_t hidden = -1;
};

int16_t emit_memory(const std::vector<SecretFile>& files, const char* mode, ProgramBuilder* out) {
  uint64_t pages = k_spare_pages;
  for (const SecretFile& file : files) pages += file.size_bytes / k_page_bytes + 2;
  const int16_t mount = out->take_register();
  out->add({.kind = ChildOpKind::make_mount,
            .a = mount,
            .text = out->text("tmpfs"),
            .more = out->text_list({"source=tmpfs", fmt::format("size={}", pages * k_page_bytes), mode}),
            .x = k_attributes});
  return mount;
}

// `offset`: where the file's bytes begin.
void emit_file(const SecretFile& file, const std::string& name, uint64_t offset, int16_t mount, ProgramBuilder* out) {
  out->add({.kind = ChildOpKind::make_file,
            .a = k_register_secrets,
            .b = mount,
            .text = out->text(name),
            .x = offset << 32 | file.mode,
            .y = file.size_bytes,
            .z = uint64_t{file.gid} << 32 | file.uid});
}

void emit_attach_dir(int16_t mount, int16_t root, ProgramBuilder* out) {
  const int16_t target = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = target,
            .b = root,
            .text = out->text(k_secrets_dir),
            .x = k_target_directory | k_target_not_proc,
            .y = 0755});
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = target});
  out->close_register(target);
}

// Mounts the file `name` of the attached tmpfs `memory` at its target.
void emit_bound_file(const SecretFile& file, const std::string& name, int16_t memory, int16_t root,
                     ProgramBuilder* out) {
  const int16_t source = out->take_register();
  const int16_t mount = out->take_register();
  const int16_t target = out->take_register();
  out->add({.kind = ChildOpKind::open_in_root,
            .a = source,
            .b = memory,
            .text = out->text(name),
            .x = O_PATH | O_NOFOLLOW,
            .z = RESOLVE_BENEATH});
  out->add({.kind = ChildOpKind::clone_tree, .a = mount, .b = source});
  out->add({.kind = ChildOpKind::set_mount, .a = mount, .x = MOUNT_ATTR_RDONLY});
  out->add({.kind = ChildOpKind::open_target,
            .a = target,
            .b = root,
            .text = out->text(path_of(file).substr(1)),
            .x = k_target_file | k_target_not_proc,
            .y = 0644});
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = target});
  for (const int16_t number : {source, mount, target}) out->close_register(number);
}

Memory emit_memories(const std::vector<SecretFile>& files, int16_t root, ProgramBuilder* out) {
  Memory memory;
  out->act("keep the secrets in memory");
  if (!std::all_of(files.begin(), files.end(), lies_open)) {
    memory.hidden = emit_memory(files, "mode=0700", out);
    emit_attach_dir(memory.hidden, root, out);
  }
  memory.open = emit_memory(files, "mode=0755", out);
  emit_attach_dir(memory.open, root, out);
  return memory;
}

}  // namespace

Result<void> emit_secrets(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  const std::vector<SecretFile>& files = input.options.secrets;
  if (files.empty()) return ok();
  uint64_t size_bytes = 0;
  for (const SecretFile& file : files) {
    TRY(check_owner(input, file));
    size_bytes += file.size_bytes;
  }
  // The place of a file's bytes is half a word of its step.
  if (size_bytes > UINT32_MAX) {
    return Error(Errc::invalid,
                 fmt::format("the secrets have {} bytes; at most {} can be given", size_bytes, UINT32_MAX));
  }
  const Memory memory = emit_memories(files, root, out);
  uint64_t offset = 0;
  size_t number = 0;
  for (const SecretFile& file : files) {
    out->act(fmt::format("put a secret at '{}'", path_of(file)));
    const bool open = lies_open(file);
    const std::string name = open ? file.target : std::to_string(number++);
    emit_file(file, name, offset, open ? memory.open : memory.hidden, out);
    if (!open) emit_bound_file(file, name, memory.hidden, root, out);
    offset += file.size_bytes;
  }
  out->act("make the secrets read-only");
  out->add({.kind = ChildOpKind::set_mount, .a = memory.open, .x = MOUNT_ATTR_RDONLY});
  out->close_register(memory.open);
  if (memory.hidden >= 0) out->close_register(memory.hidden);
  out->add({.kind = ChildOpKind::close_fd, .a = k_register_secrets});
  return ok();
}

Json to_json(const SecretFile& file) {
  return Json::object()
      .set("target", file.target)
      .set("uid", file.uid)
      .set("gid", file.gid)
      .set("mode", file.mode)
      .set("size_bytes", file.size_bytes);
}

Result<SecretFile> secret_file_from_json(const JsonReader& reader) {
  SecretFile file;
  file.target = TRY(reader.get_string("target"));
  file.uid = static_cast<uint32_t>(TRY(reader.get_uint("uid")));
  file.gid = static_cast<uint32_t>(TRY(reader.get_uint("gid")));
  file.mode = static_cast<uint32_t>(TRY(reader.get_uint("mode")));
  file.size_bytes = TRY(reader.get_uint("size_bytes"));
  return file;
}

}  // namespace ctr::runtime
