// ChildProgram: the compiled steps of one launch, and the builder that writes it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/child_ops.h"
#include "runtime/id_mapped_mount.h"
#include "runtime/idmap.h"

namespace ctr::runtime {

struct ChildProgram {
  std::vector<ChildOp> ops;
  // What each op is about, in words for people ("mount proc at '/proc'"). Ops of one act share their words.
  std::vector<std::string> words;
  std::string arena;
  std::vector<uint32_t> argv;  // offsets in the arena
  std::vector<uint32_t> envp;
  uint64_t clone_flags = 0;  // of the first clone
  IdMap first_map;           // what the launcher writes for the first process; empty: nothing
  // The first process clones the container's process and ends (clone_child).
  bool clones_again = false;
  bool waits_at_start = false;
  bool waits_for_hooks = false;  // everything is mounted, and nothing pivoted: the launcher runs hooks of its own
  bool hands_over_namespaces = false;
  bool hands_over_console = false;
  bool waits_before_exec = false;
  bool waits_for_outside = false;  // `outside` is to be done at a wait of its own, before that one
  // The first op behind wait_start: what comes from here on is reported to who starts the container. 0: there is none.
  size_t first_later_step = 0;
  // The container's namespaces, in the order of namespace_order(): what wait_start hands out, or what an exec joins.
  std::vector<int16_t> namespace_registers;
  // The map that a user namespace which was joined must have; empty: any.
  IdMap joined_map;
  // Moved by the launcher: name on the host → name in the container.
  std::map<std::string, std::string> net_devices;
  // Made by the launcher before the first clone.
  std::vector<IdMappedMount> id_mapped_mounts;
  std::vector<std::string> notices;
  // What the launcher does to the process while that waits for the last go, with the words of each: settings that take
  // rights outside of the process's user namespace. Kinds: write_file (text below /proc/PID), set_rlimit (raises the
  // hard limit where it is lower), set_io_priority, set_scheduler.
  std::vector<ChildOp> outside;
  std::vector<std::string> outside_words;
  bool hands_over_listener = false;
};

class ProgramBuilder {
 public:
  ChildProgram take() { return std::move(program_); }
  ChildProgram& program() { return program_; }

  // All ops up to the next call are about this act.
  void act(std::string words) { words_ = std::move(words); }
  // Adds an op with fields as its kind in child_ops.h says.
  void add(const ChildOp& op);
  // Adds an op that the launcher carries out: see ChildProgram::outside.
  void add_outside(const ChildOp& op);

  // Places bytes in the arena and returns where. A NUL is added behind.
  uint32_t text(std::string_view bytes);
  // Places words one behind the other, each ended by NUL, then an empty one.
  uint32_t text_list(const std::vector<std::string>& words);
  // Places raw bytes, aligned for what the kernel reads there.
  uint32_t bytes(std::string_view raw);

  // A register no one else uses. They are few: temporary ones are given back.
  int16_t take_register();
  // `count` in a row.
  int16_t take_registers(int count);
  // Adds an op that closes the descriptor and frees the register.
  void close_register(int16_t number);

  // The registers of a path that was opened ahead of its turn.
  struct Ahead {
    int16_t source = -1;  // -1 in it if it could not be opened
    int16_t made = 0;     // of a copy that the launcher has made, -1 in it likewise; 0: there is none
  };
  // The path of the host is opened now, with open(2)'s flags, for a later take_ahead of the same.
  void open_ahead(const std::string& path, uint64_t flags, int16_t made);
  // Each is given out once.
  std::optional<Ahead> take_ahead(const std::string& path, uint64_t flags);

  // The mount in this register, which stays taken, becomes read-only when nothing is to be made in it any more.
  void freeze_later(int16_t mount) { to_freeze_.push_back(mount); }
  // Each is given out once.
  std::vector<int16_t> take_to_freeze() { return std::exchange(to_freeze_, {}); }

 private:
  ChildProgram program_;
  std::string words_;
  std::vector<int16_t> free_;
  int next_ = k_first_free_register;
  std::multimap<std::pair<std::string, uint64_t>, Ahead> ahead_;
  std::vector<int16_t> to_freeze_;
};

// The name of a kind, for golden files ("attach_mount").
std::string_view child_op_name(ChildOpKind kind);
// One line an op: its kind, its operands, and the act it belongs to.
std::string format_program(const ChildProgram& program);

}  // namespace ctr::runtime
