// One more process in a container that runs, or waits to be started.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/container/create.h"
#include "runtime/container/state_root.h"
#include "runtime/exec_process.h"
#include "runtime/launch.h"

namespace ctr::runtime {

struct ContainerExecRequest {
  const StateRoot& root;
  const HostFacts& host;
  std::string id;
  std::string process_file;         // a process object of the specification; empty: `words` over the container's
  ExecWords words;                  // with process_file, only `terminal` counts: it asks for one
  std::string pid_file = {};        // empty: none
  std::vector<int> extra_fds = {};  // become 3, 4, …
  size_t listening_fds = 0;         // the first of them, as sd_listen_fds(3) counts
  std::string console_socket = {};  // takes the master of the terminal; empty: it stays with what is returned
  CreateRequest::Terminal terminal = CreateRequest::Terminal::socket;
  std::string cgroup = {};  // below the container's, "/" for that itself; empty: the container's
  bool ignore_paused = false;
  ProgramGuard guard = {};
};

// Errors: not_found, bad_state, invalid, and as launch_exec().
Result<Launched> exec_container(const ContainerExecRequest& request);

}  // namespace ctr::runtime
