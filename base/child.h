// Processes started with posix_spawn(3) and held by a pidfd. One of the two doors through which processes start.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/result.h"

namespace ctr {

struct SpawnOptions {
  std::string program;            // absolute path
  std::vector<std::string> argv;  // argv[0] included
  std::vector<std::string> env;   // KEY=VALUE, complete: nothing is inherited
  // {descriptor here, number there}; everything else is closed (CLOEXEC) in the child. 0-2 not named become /dev/null.
  std::vector<std::pair<int, int>> fds = {};
  std::string cwd = {};                                        // empty: unchanged
  enum class Session { same, fresh } session = Session::same;  // setsid(2)
};

// How a process ended.
struct ExitStatus {
  int code = 0;    // exit code, or 128 + signal as shells say
  int signal = 0;  // the signal that killed it, or 0
  bool operator==(const ExitStatus&) const = default;
};

// A process we started. It is waited for on destruction: killed with SIGKILL first unless released or already reaped.
class [[nodiscard]] Child {
 public:
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();
  static Child adopt(pid_t pid, Fd pidfd) { return Child(pid, std::move(pidfd)); }

  pid_t pid() const { return pid_; }
  // Readable when the process has ended.
  int pidfd() const { return pidfd_.get(); }
  Result<void> signal(int number) const;
  // Errors: interrupted, timed_out.
  Result<ExitStatus> wait(const CancelToken& cancel = {}, std::optional<std::chrono::milliseconds> timeout = {});
  // Nobody waits for it any more (it outlives us).
  Fd release();

 private:
  friend Result<Child> spawn(const SpawnOptions& options);
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  Fd pidfd_;
};

// Starts a program with no signal blocked or ignored.
// Errors: from execve, named with the program (not_found, permission).
Result<Child> spawn(const SpawnOptions& options);

struct Output {
  ExitStatus status;
  std::string out;
  std::string err;
};
// Runs to the end and collects the streams that `options.fds` does not name (over 1 MiB of each is dropped). `input` is
// its stdin, as a file in memory. What descendants print after its end is not waited for.
// Errors: as spawn(); interrupted and timed_out, then the program has been killed.
Result<Output> run_program(SpawnOptions options, std::string_view input, std::chrono::milliseconds timeout,
                           const CancelToken& cancel = {});

}  // namespace ctr
