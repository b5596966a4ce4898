// HookState: what hooks inside the container read of it.
#pragma once

#include <string>

namespace ctr::runtime {

// The state of the specification as JSON, cut in two around the pid: only the process inside knows its own number.
struct HookState {
  std::string before_pid;
  std::string behind_pid;
  std::string directory;  // absolute, of the bundle: where createContainer hooks are started
};

}  // namespace ctr::runtime
