#include "cli/runtime/foreground.h"

#include <poll.h>

#include <cerrno>

#include "runtime/join.h"

namespace ctr::cli::runtime {
namespace {

Result<void> forward_signals(ctr::runtime::Launched& launched, const ctr::runtime::AlsoRead& also) {
  const auto signals = TRY(ctr::runtime::JoinSignals::block());
  pollfd entries[] = {{.fd = launched.init.pidfd(), .events = POLLIN, .revents = 0},
                      {.fd = signals.fd(), .events = POLLIN, .revents = 0},
                      {.fd = also.fd, .events = POLLIN, .revents = 0}};
  while (entries[0].revents == 0) {
    if (::poll(entries, 3, -1) < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("poll");
    }
    while (const auto number = signals.next()) {
      launched.init.signal(*number).ignore("a program that has ended meanwhile is seen by its descriptor");
    }
    if (entries[2].revents != 0) also.read();
  }
  return ok();
}

}  // namespace

Result<ExitStatus> stay_in_front(ctr::runtime::Launched& launched, const ctr::runtime::AlsoRead& also) {
  if (!launched.console_master.valid()) {
    TRY(forward_signals(launched, also));
  } else {
    const ctr::runtime::JoinOptions join{
        .stdin_fd = 0, .stdout_fd = 1, .signal_proxy = true, .terminal = true, .also = also};
    (void)TRY(ctr::runtime::join_console(launched.console_master.get(), launched.init.pidfd(), join));
    launched.console_master.reset();
  }
  ExitStatus status = TRY(launched.init.wait());
  // What it said before its end.
  if (also.fd >= 0) also.read();
  return status;
}

}  // namespace ctr::cli::runtime
