#include "base/cancel.h"

#include <poll.h>
#include <sys/signalfd.h>

namespace ctr {

bool CancelToken::requested() const {
  if (fd_ < 0) return false;
  pollfd entry{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) > 0;
}

Result<void> CancelToken::check() const {
  if (requested()) return Error(Errc::interrupted, "interrupted");
  return ok();
}

Result<Fd> make_signal_fd(const sigset_t& signals) {
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) < 0) return Error::from_errno("block signals");
  Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return Error::from_errno("create a signal descriptor");
  return fd;
}

}  // namespace ctr
