// Carries a compiled program out: clone3 and the talk with the child. What launch(), launch_exec() and
// launch_in_userns() have in common.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "runtime/launch.h"
#include "runtime/program.h"

namespace ctr::runtime {

struct StartRequest {
  ChildProgram program;
  const HostFacts& host;
  // {register, descriptor}; they stay open here.
  std::vector<std::pair<int, int>> descriptors = {};
  int cgroup_fd = -1;
  LaunchObserver* observer = nullptr;
  std::vector<int> private_fds = {};  // the child closes them first thing
  // Present exactly when the program hands a listener over.
  std::optional<SeccompAgent> agent = {};
  AgentSubject subject = {};
  pid_t container_pid = 0;  // of the container's first process; 0: the one that is started
};
// Errors: what the failed step says, see launch().
Result<Launched> start_program(StartRequest request);

// The error for the step of `program` that `report` names.
Error step_error(const ChildProgram& program, const ChildReport& report);

Error step_error(const LaterSteps& later, const ChildReport& report);

// What `program` does after it was started over its socket; empty when it has no such part.
LaterSteps later_steps(const ChildProgram& program);
// The error for an act that failed with `sys` in an op of this kind.
Error act_error(const std::string& words, ChildOpKind kind, int sys);

// Carries out ChildProgram::outside.
Result<void> apply_outside(const ChildProgram& program, pid_t pid);

// Descriptors that may be put in places 0 to `places - 1` in any order: copies numbered above, where needed.
class [[nodiscard]] HighDescriptors {
 public:
  explicit HighDescriptors(int places) : places_(places) {}
  // `fd`, or a copy of it out of the way. -1: /dev/null.
  Result<int> add(int fd);

 private:
  int places_;
  std::vector<Fd> copies_;
};

}  // namespace ctr::runtime
