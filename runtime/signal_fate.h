// Whether a signal would reach a container's program at all.
#pragma once

#include <string_view>

namespace ctr::runtime {

// `status` and `syscall` are the texts of /proc/PID/status and /proc/PID/syscall (proc(5)). True for the first process
// of a pid namespace that has no handler for `signal`, does not block it and does not wait for signals: the kernel
// drops the signal then (pid_namespaces(7)), and who waits for its effect waits in vain. While rt_sigtimedwait(2)
// waits, the mask in `status` lacks what it waits for. SIGKILL and SIGSTOP are never dropped when they come from
// outside.
bool drops_signal(std::string_view status, std::string_view syscall, int signal);

// The same of a process at this moment; false when that cannot be told. A program that waits for signals in turns with
// something else may look as if it dropped them in between: look more than once.
bool process_drops_signal(int pid, int signal);

}  // namespace ctr::runtime
