// The caller's terminal and pipes: raw mode, window sizes, detach keys, and the loop that joins them to a pty.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::runtime {

struct WindowSize {
  uint16_t rows = 0;
  uint16_t columns = 0;
  bool operator==(const WindowSize&) const = default;
};
// nullopt when `fd` is no terminal.
std::optional<WindowSize> window_size(int fd);
Result<void> set_window_size(int fd, WindowSize size);

// Puts a terminal into raw mode for its life. Restores what it found, also the output flags, on every way out; the
// holder keeps the fatal signals blocked (JoinSignals), so that a signal is a way out too.
class [[nodiscard]] RawMode {
 public:
  static Result<RawMode> enter(int fd);
  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();

  // Once more, after a shell has changed the modes while we were stopped. False when the terminal is gone.
  bool apply() const;

 private:
  RawMode(int fd, const termios& saved) : fd_(fd), saved_(saved) {}
  int fd_ = -1;
  termios saved_ = {};
};

// "ctrl-p,ctrl-q" as the bytes that detach; empty text switches detaching off.
//
// Keys are "ctrl-X" with X of a-z @ [ \ ] ^ _ or single characters, separated by commas.
// Errors: invalid, naming the key.
Result<std::string> parse_detach_keys(std::string_view text);

// Finds the detach sequence in what is typed, over any borders between reads.
class DetachMatcher {
 public:
  explicit DetachMatcher(std::string keys) : keys_(std::move(keys)) {}
  // What is to be passed on of `input` (a prefix that might become the sequence is held back), and whether the sequence
  // is complete; the rest of `input` is then dropped.
  struct Step {
    std::string pass;
    bool detached = false;
  };
  Step feed(std::string_view input);

 private:
  std::string keys_;
  size_t matched_ = 0;
};

// One more descriptor that a loop reads when there is something.
struct AlsoRead {
  int fd = -1;  // -1: none
  std::function<void()> read = {};
};

// How the caller's descriptors are joined to a container. They are borrowed; -1 leaves a stream out.
struct JoinOptions {
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  std::string detach_keys = {};  // bytes, from parse_detach_keys()
  bool signal_proxy = false;     // forward every signal that can be
  bool terminal = false;         // the container has a terminal: raw mode and window sizes if stdin_fd is one, too
  AlsoRead also = {};            // only with a pty
};

struct JoinEnd {
  bool detached = false;
  int exit_code = 0;  // unless detached
};

// Joins the caller to a pty master of a local process (`exec -t`) until the process has ended and its output is
// written. `pidfd` is the process's, waited for by the caller afterwards: exit_code is not set.
// Errors: interrupted when a signal ends the command and signal_proxy is off.
Result<JoinEnd> join_console(int pty_master, int pidfd, const JoinOptions& options);

}  // namespace ctr::runtime
