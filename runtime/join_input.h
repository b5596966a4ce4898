// The caller's input on its way to a container.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/console.h"

namespace ctr::runtime {

// Reads the caller's stdin, finds the detach keys and keeps what could not be passed on yet.
class [[nodiscard]] InputSource {
 public:
  // `fd` is borrowed; -1: there is no input. `keys` are bytes; empty: never detaches.
  InputSource(int fd, std::string keys);

  int fd() const { return fd_; }
  // True when the next read is wanted: open, and all that was read has been passed on.
  bool wants_read() const { return fd_ >= 0 && waiting_.empty(); }
  std::string_view waiting() const { return waiting_; }
  void consume(size_t bytes) { waiting_.erase(0, bytes); }
  void close() { fd_ = -1; }

  enum class State {
    data,      // in waiting(), maybe nothing
    end,       // end of file: the last of waiting() is all there is
    hung_up,   // the terminal is gone
    detached,  // the keys were typed
  };
  // One read of at most `limit_bytes`. `hang_up`: poll(2) said POLLHUP.
  State read(size_t limit_bytes, bool hang_up);

 private:
  int fd_ = -1;
  bool terminal_ = false;
  DetachMatcher matcher_;
  std::string waiting_;
};

}  // namespace ctr::runtime
