// Parts that both loops on the caller's side share: signals as data, and outputs that never block the loop.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::runtime {

// Holds back every signal that would end or stop this process, and delivers them as numbers. Faults, SIGKILL, SIGSTOP,
// SIGCHLD and the two stops of background jobs keep their meaning.
class [[nodiscard]] JoinSignals {
 public:
  static Result<JoinSignals> block();
  JoinSignals(JoinSignals&&) noexcept;
  JoinSignals& operator=(JoinSignals&&) = delete;
  // Gives the former mask back. SIGPIPEs that our own writes raised are swallowed.
  ~JoinSignals();

  int fd() const { return fd_.get(); }
  // The next one; nullopt when there is none. SIGPIPE is never reported.
  std::optional<int> next() const;

 private:
  JoinSignals(Fd fd, const sigset_t& former) : fd_(std::move(fd)), former_(former) {}
  Fd fd_;
  sigset_t former_ = {};
};

// The error of a command that a signal has ended.
Error ended_by_signal(int number);

// One of the caller's outputs. Borrowed descriptors may be shared with other processes, so that their O_NONBLOCK is not
// ours to change: pipes and terminals are opened once more, sockets take MSG_DONTWAIT.
class [[nodiscard]] OutputSink {
 public:
  // -1: everything is swallowed.
  explicit OutputSink(int fd);

  // True when nothing waits to be written.
  bool idle() const { return waiting_.size() == written_; }
  // What the loop waits for POLLOUT on while not idle.
  int poll_fd() const { return own_.valid() ? own_.get() : fd_; }

  enum class State {
    idle,
    blocked,  // the reader is slow
    broken,   // the reader is gone (EPIPE): what comes is swallowed from here on
    hung_up,  // the terminal is gone (EIO), likewise
  };
  // Adds bytes and writes what it can. Errors: io for disks (no_space, …).
  Result<State> write(std::string_view bytes);
  Result<State> flush();

 private:
  ssize_t write_once(std::string_view bytes) const;

  int fd_ = -1;
  Fd own_;
  enum class Kind { plain, reopened, socket, careful } kind_ = Kind::plain;
  std::string waiting_;
  size_t written_ = 0;
};

}  // namespace ctr::runtime
