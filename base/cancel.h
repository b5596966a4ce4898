// CancelToken tells long operations that the user asked to stop.
#pragma once

#include <csignal>

#include "base/fd.h"
#include "base/result.h"

namespace ctr {

// A descriptor that becomes readable on the request, and the check for it.
//
// Built by main from a signalfd for SIGINT and SIGTERM; a default-constructed token never fires.
class CancelToken {
 public:
  CancelToken() = default;
  // Does not own `fd`; readable means "stop".
  explicit CancelToken(int fd) : fd_(fd) {}
  // For poll sets; -1 when it never fires.
  int fd() const { return fd_; }
  bool requested() const;
  // Error interrupted when requested: `TRY(cancel.check());`
  Result<void> check() const;

 private:
  int fd_ = -1;
};

// Blocks `signals` and returns a signalfd for them, non-blocking.
Result<Fd> make_signal_fd(const sigset_t& signals);

}  // namespace ctr
