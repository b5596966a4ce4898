#include "runtime/program.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/result.h"

namespace ctr::runtime {
namespace {

// In the order of ChildOpKind.
constexpr std::string_view k_names[] = {
    "send_fds",
    "wait_go",
    "report_ready",
    "wait_start",
    "set_parent_death_signal",
    "set_dumpable",
    "reset_signals",
    "set_session",
    "new_session_keyring",
    "set_user",
    "set_group",
    "set_groups",
    "keep_capabilities",
    "limit_bounding_set",
    "set_capabilities",
    "raise_ambient",
    "no_new_privileges",
    "load_filter",
    "set_rlimit",
    "set_umask",
    "set_cpus",
    "set_memory_policy",
    "set_personality",
    "set_io_priority",
    "set_scheduler",
    "set_home",
    "set_hostname",
    "set_domainname",
    "unshare",
    "set_namespace",
    "clone_child",
    "start_fuse",
    "loopback_up",
    "open_netlink",
    "open_socket",
    "open_path",
    "open_ahead",
    "open_in_root",
    "open_target",
    "find_target",
    "close_fd",
    "check_device",
    "check_place",
    "check_other",
    "check_type",
    "write_file",
    "make_symlink",
    "make_dir",
    "make_file",
    "make_node",
    "copy_symlink",
    "remove_dir",
    "remove_file",
    "append_file",
    "set_propagation",
    "mount_overlay",
    "make_mount",
    "mount_on",
    "remount",
    "clone_tree",
    "set_mount",
    "attach_mount",
    "copy_up",
    "mask_path",
    "readonly_path",
    "pivot_root",
    "hide_mount",
    "isolate_mount",
    "switch_root",
    "open_console",
    "set_console",
    "change_dir",
    "retry_dir",
    "move_fd",
    "close_others",
    "close_on_exec",
    "run_hook",
    "find_program",
    "execute",
    "stay",
    "finish",
};
static_assert(std::size(k_names) == static_cast<size_t>(ChildOpKind::finish) + 1);

std::string text_at(const ChildProgram& program, uint32_t offset) { return program.arena.c_str() + offset; }

bool has_text(ChildOpKind kind) {
  switch (kind) {
    case ChildOpKind::set_hostname:
    case ChildOpKind::set_domainname:
    case ChildOpKind::open_path:
    case ChildOpKind::open_ahead:
    case ChildOpKind::open_in_root:
    case ChildOpKind::open_target:
    case ChildOpKind::find_target:
    case ChildOpKind::write_file:
    case ChildOpKind::make_symlink:
    case ChildOpKind::make_dir:
    case ChildOpKind::make_file:
    case ChildOpKind::make_node:
    case ChildOpKind::copy_symlink:
    case ChildOpKind::remove_dir:
    case ChildOpKind::remove_file:
    case ChildOpKind::mount_overlay:
    case ChildOpKind::check_other:
    case ChildOpKind::make_mount:
    case ChildOpKind::mount_on:
    case ChildOpKind::mask_path:
    case ChildOpKind::hide_mount:
    case ChildOpKind::isolate_mount:
    case ChildOpKind::readonly_path:
    case ChildOpKind::retry_dir:
    case ChildOpKind::set_home:
    case ChildOpKind::execute:
    case ChildOpKind::find_program:
    case ChildOpKind::start_fuse:
      return true;
    default:
      return false;
  }
}

bool has_more(ChildOpKind kind) {
  return kind == ChildOpKind::write_file || kind == ChildOpKind::make_symlink || kind == ChildOpKind::mount_overlay ||
         kind == ChildOpKind::start_fuse;
}

bool has_list(ChildOpKind kind) {
  return kind == ChildOpKind::make_mount || kind == ChildOpKind::mount_on || kind == ChildOpKind::remount;
}

// Registers are named by their distance, so that limits can change without touching every golden file.
std::string register_name(int number) {
  constexpr std::array<std::string_view, 9> k_fixed = {"go",     "report", "hand",    "stdin", "stdout",
                                                       "stderr", "init",   "waiting", "start"};
  if (number < static_cast<int>(k_fixed.size())) return std::string(k_fixed[static_cast<size_t>(number)]);
  if (number < k_first_free_register) return fmt::format("extra{}", number - k_register_extra);
  if (number >= k_register_hook_output) return fmt::format("hook{}", number - k_register_hook_output);
  return fmt::format("r{}", number - k_first_free_register);
}

std::string quoted_list(const ChildProgram& program, uint32_t offset) {
  std::string out;
  for (const char* word = program.arena.c_str() + offset; *word != '\0'; word += std::string_view(word).size() + 1) {
    out += fmt::format(" '{}'", word);
  }
  return out;
}

std::string numbers(const ChildProgram& program, const ChildOp& op) {
  if (op.kind == ChildOpKind::make_mount && op.z != 0) {
    return fmt::format(" {:#x} {:#x} or '{}'", op.x, op.y, text_at(program, static_cast<uint32_t>(op.z - 1)));
  }
  if (op.x == 0 && op.y == 0 && op.z == 0) return {};
  return fmt::format(" {:#x} {:#x} {:#x}", op.x, op.y, op.z);
}

// Raw bytes in the arena, in words.
std::string describe_bytes(const ChildProgram& program, const ChildOp& op) {
  if (op.kind == ChildOpKind::set_scheduler) {
    SchedAttr attributes;
    std::memcpy(&attributes, program.arena.data() + op.text, sizeof attributes);
    return fmt::format(" policy {} flags {:#x} nice {} priority {} deadline {}/{}/{}", attributes.policy,
                       attributes.flags, attributes.nice, attributes.priority, attributes.runtime, attributes.deadline,
                       attributes.period);
  }
  const bool has_mask = op.kind == ChildOpKind::set_cpus || (op.kind == ChildOpKind::set_memory_policy && op.y != 0);
  if (!has_mask) return {};
  uint64_t first = 0;
  std::memcpy(&first, program.arena.data() + op.text, sizeof first);
  return fmt::format(" mask {:#x}", first);
}

std::string format_op(const ChildProgram& program, const ChildOp& op) {
  std::string out = fmt::format("   {}", child_op_name(op.kind));
  if (op.a >= 0) out += fmt::format(" {}", register_name(op.a));
  if (op.b >= 0) out += fmt::format(" {}", register_name(op.b));
  const bool list =
      op.kind == ChildOpKind::execute || op.kind == ChildOpKind::find_program || op.kind == ChildOpKind::start_fuse;
  if (list)
    out += quoted_list(program, op.text);
  else if (has_text(op.kind))
    out += fmt::format(" '{}'", text_at(program, op.text));
  if (has_list(op.kind))
    out += " [" + quoted_list(program, op.more) + " ]";
  else if (has_more(op.kind))
    out += fmt::format(" '{}'", text_at(program, op.more));
  out += describe_bytes(program, op);
  return out + numbers(program, op) + '\n';
}

// Ops below the words they share.
std::string format_ops(const ChildProgram& program, const std::vector<ChildOp>& ops,
                       const std::vector<std::string>& words) {
  std::string out;
  std::string act;
  for (size_t i = 0; i < ops.size(); ++i) {
    if (words[i] != act) {
      act = words[i];
      out += fmt::format("# {}\n", act);
    }
    out += format_op(program, ops[i]);
  }
  return out;
}

}  // namespace

void ProgramBuilder::add(const ChildOp& op) {
  program_.ops.push_back(op);
  program_.words.push_back(words_);
}

void ProgramBuilder::add_outside(const ChildOp& op) {
  program_.outside.push_back(op);
  program_.outside_words.push_back(words_);
}

uint32_t ProgramBuilder::text(std::string_view bytes) {
  const auto offset = static_cast<uint32_t>(program_.arena.size());
  program_.arena.append(bytes).push_back('\0');
  return offset;
}

uint32_t ProgramBuilder::text_list(const std::vector<std::string>& words) {
  const auto offset = static_cast<uint32_t>(program_.arena.size());
  for (const std::string& word : words) program_.arena.append(word).push_back('\0');
  program_.arena.push_back('\0');
  return offset;
}

uint32_t ProgramBuilder::bytes(std::string_view raw) {
  // struct sock_filter and uint32_t want 4; the arena itself is allocated with more.
  program_.arena.resize((program_.arena.size() + 7) / 8 * 8, '\0');
  return text(raw);
}

void ProgramBuilder::open_ahead(const std::string& path, uint64_t flags, int16_t made) {
  const int16_t number = take_register();
  add({.kind = ChildOpKind::open_ahead, .a = number, .text = text(path), .x = flags});
  ahead_.emplace(std::pair(path, flags), Ahead{.source = number, .made = made});
}

std::optional<ProgramBuilder::Ahead> ProgramBuilder::take_ahead(const std::string& path, uint64_t flags) {
  const auto found = ahead_.find(std::pair(path, flags));
  if (found == ahead_.end()) return std::nullopt;
  const Ahead ahead = found->second;
  ahead_.erase(found);
  return ahead;
}

int16_t ProgramBuilder::take_register() {
  if (free_.empty()) return take_registers(1);
  const int16_t number = free_.back();
  free_.pop_back();
  return number;
}

int16_t ProgramBuilder::take_registers(int count) {
  CTR_ASSERT(next_ + count <= k_register_hook_output);
  const auto first = static_cast<int16_t>(next_);
  next_ += count;
  return first;
}

void ProgramBuilder::close_register(int16_t number) {
  add({.kind = ChildOpKind::close_fd, .a = number});
  free_.push_back(number);
}

std::string_view child_op_name(ChildOpKind kind) { return k_names[static_cast<size_t>(kind)]; }

std::string format_program(const ChildProgram& program) {
  std::string out = fmt::format("clone {:#x}{}\n", program.clone_flags, program.clones_again ? " again" : "");
  out += format_ops(program, program.ops, program.words);
  if (program.outside.empty()) return out;
  return out + "from outside\n" + format_ops(program, program.outside, program.outside_words);
}

}  // namespace ctr::runtime
