#include "cli/runtime/foreground.h"

#include <poll.h>

#include <cerrno>

#include "runtime/console.h"
#include "runtime/join.h"

namespace ctr::cli::runtime {
namespace {

Result<void> forward_signals(ctr::runtime::Launched& launched) {
  const auto signals = TRY(ctr::runtime::JoinSignals::block());
  pollfd entries[] = {{.fd = launched.init.pidfd(), .events = POLLIN, .revents = 0},
                      {.fd = signals.fd(), .events = POLLIN, .revents = 0}};
  while (entries[0].revents == 0) {
    if (::poll(entries, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("poll");
    }
    while (const auto number = signals.next()) {
      launched.init.signal(*number).ignore("a program that has ended meanwhile is seen by its descriptor");
    }
  }
  return ok();
}

}  // namespace

Result<ExitStatus> stay_in_front(ctr::runtime::Launched& launched) {
  if (!launched.console_master.valid()) {
    TRY(forward_signals(launched));
    return launched.init.wait();
  }
  const ctr::runtime::JoinOptions join{.stdin_fd = 0, .stdout_fd = 1, .signal_proxy = true, .terminal = true};
  (void)TRY(ctr::runtime::join_console(launched.console_master.get(), launched.init.pidfd(), join));
  launched.console_master.reset();
  return launched.init.wait();
}

}  // namespace ctr::cli::runtime
