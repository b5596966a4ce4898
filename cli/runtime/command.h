// A sub-command of `ctr runtime`, and what it is given to work with.
//
// The dialect is that of crun and runc: options of the program before the sub-command, its own options anywhere behind.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "cli/option.h"
#include "cli/runtime/args.h"
#include "runtime/cgroup_plan.h"

namespace ctr::cli::runtime {

class Log;

// The options before the sub-command.
struct Globals {
  std::string root;
  ctr::runtime::CgroupManager cgroup_manager = ctr::runtime::CgroupManager::cgroupfs;
  bool debug = false;
};

struct RuntimeContext {
  std::string program;  // what we were called: "crun", "runc", "ctr runtime"
  Globals globals;
  const Environment& environment;
  Log& log;
  // Descriptors that were open when the program was started, from 3 on: what --preserve-fds may pass.
  int first_own_fd = 3;
};

struct RuntimeCommand {
  std::string_view name;
  std::string_view usage;    // what follows the name: "[OPTION]... CONTAINER"
  std::string_view summary;  // one line, no final period
  std::span<const OptionSpec> options;
  size_t least_words = 0, most_words = 1;
  // The words behind the first one are a command of their own, options and all.
  Trailing trailing = Trailing::options;
  // The exit code. Errors are told by the caller.
  Result<int> (*run)(RuntimeContext& context, const RuntimeArgs& args) = nullptr;
  int failure_code = 1;
  bool starts_programs = false;  // in containers, whose root may try to write to the file of this one

  static constexpr size_t k_any_words = static_cast<size_t>(-1);
};

// Every sub-command, in the order of the help text.
std::span<const RuntimeCommand* const> all_runtime_commands();

// Each in the file of its name; resume is in pause.cc.
extern const RuntimeCommand k_runtime_create;
extern const RuntimeCommand k_runtime_delete;
extern const RuntimeCommand k_runtime_exec;
extern const RuntimeCommand k_runtime_features;
extern const RuntimeCommand k_runtime_events;
extern const RuntimeCommand k_runtime_kill;
extern const RuntimeCommand k_runtime_list;
extern const RuntimeCommand k_runtime_pause;
extern const RuntimeCommand k_runtime_ps;
extern const RuntimeCommand k_runtime_resume;
extern const RuntimeCommand k_runtime_run;
extern const RuntimeCommand k_runtime_spec;
extern const RuntimeCommand k_runtime_start;
extern const RuntimeCommand k_runtime_state;
extern const RuntimeCommand k_runtime_update;

}  // namespace ctr::cli::runtime
