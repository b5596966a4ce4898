#include "runtime/join.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace ctr::runtime {

namespace {

sigset_t joined_signals() {
  sigset_t set = {};
  ::sigfillset(&set);
  for (int number :
       {SIGKILL, SIGSTOP, SIGCHLD, SIGTTIN, SIGTTOU, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    ::sigdelset(&set, number);
  return set;
}

}  // namespace

Result<JoinSignals> JoinSignals::block() {
  sigset_t set = joined_signals();
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return Error::from_errno("signalfd");
  sigset_t former = {};
  // Threads: there are none, and sigprocmask(2) fails for no valid set.
  (void)::sigprocmask(SIG_BLOCK, &set, &former);
  return JoinSignals(std::move(fd), former);
}

JoinSignals::JoinSignals(JoinSignals&& other) noexcept = default;

JoinSignals::~JoinSignals() {
  if (!fd_.valid()) return;
  sigset_t pipe_set = {};
  ::sigemptyset(&pipe_set);
  ::sigaddset(&pipe_set, SIGPIPE);
  timespec at_once = {};
  while (::sigtimedwait(&pipe_set, nullptr, &at_once) > 0) {
  }
  (void)::sigprocmask(SIG_SETMASK, &former_, nullptr);
}

std::optional<int> JoinSignals::next() const {
  signalfd_siginfo info = {};
  while (::read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    auto number = static_cast<int>(info.ssi_signo);
    if (number != SIGPIPE) return number;
  }
  return std::nullopt;
}

Error ended_by_signal(int number) {
  const char* name = ::sigabbrev_np(number);
  return Error(Errc::interrupted, std::string("ended by signal ") + (name != nullptr ? name : std::to_string(number)));
}

OutputSink::OutputSink(int fd) : fd_(fd) {
  struct stat facts = {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) return;
  if (S_ISSOCK(facts.st_mode)) {
    kind_ = Kind::socket;
    return;
  }
  // A regular file must not be opened again: the new descriptor would have its own position.
  if (!S_ISFIFO(facts.st_mode) && ::isatty(fd) == 0) return;
  std::string self = "/proc/self/fd/" + std::to_string(fd);
  own_.reset(::open(self.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  kind_ = own_.valid() ? Kind::reopened : Kind::careful;
}

ssize_t OutputSink::write_once(std::string_view bytes) const {
  switch (kind_) {
    case Kind::reopened:
      return ::write(own_.get(), bytes.data(), bytes.size());
    case Kind::socket:
      return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::careful: {
      // A pipe that polls as writable takes PIPE_BUF bytes without blocking.
      pollfd entry = {fd_, POLLOUT, 0};
      if (::poll(&entry, 1, 0) == 0) return errno = EAGAIN, -1;
      return ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    }
    case Kind::plain:
      break;
  }
  return ::write(fd_, bytes.data(), bytes.size());
}

Result<OutputSink::State> OutputSink::write(std::string_view bytes) {
  if (fd_ < 0) return State::idle;
  // Straight from the caller's buffer as long as the reader keeps up.
  while (idle() && !bytes.empty()) {
    ssize_t size = write_once(bytes);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  if (bytes.empty()) return idle() ? State::idle : State::blocked;
  waiting_.append(bytes);
  return flush();
}

Result<OutputSink::State> OutputSink::flush() {
  while (!idle()) {
    ssize_t size = write_once(std::string_view(waiting_).substr(written_));
    if (size >= 0) {
      written_ += static_cast<size_t>(size);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return State::blocked;
    int sys = errno;
    fd_ = -1;
    own_.reset();
    waiting_.clear();
    written_ = 0;
    if (sys == EPIPE || sys == ECONNRESET) return State::broken;
    if (sys == EIO) return State::hung_up;
    return Error::from_errno("write the container's output", sys);
  }
  waiting_.clear();
  written_ = 0;
  return State::idle;
}

}  // namespace ctr::runtime
