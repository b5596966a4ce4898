// Fd owns one file descriptor.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace ctr {

class [[nodiscard]] Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor up to the caller.
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  // A second descriptor for the same open file description, CLOEXEC, numbered 3 or more.
  Result<Fd> duplicate() const;

 private:
  int fd_ = -1;
};

// Both ends of pipe2(2), CLOEXEC.
struct Pipe {
  Fd read_end;
  Fd write_end;
};
Result<Pipe> make_pipe();

// Both ends of a connected AF_UNIX SOCK_SEQPACKET pair, CLOEXEC.
struct SocketPair {
  Fd ours;
  Fd theirs;
};
Result<SocketPair> make_socket_pair();

// A memfd holding `content`, sealed against every change, positioned at 0. `name` shows in /proc/PID/fd only.
Result<Fd> make_sealed_memfd(const char* name, std::string_view content);

// Reads to the end of `fd`. Errors: invalid when more than `limit_bytes` come.
Result<std::string> read_all(int fd, size_t limit_bytes, std::string_view what);
// Writes all of `bytes`, going on after EINTR and short writes.
Result<void> write_all(int fd, std::string_view bytes, std::string_view what);
// Sets O_NONBLOCK on the open file description, which other processes may share.
Result<void> set_nonblocking(int fd);
enum class Inherit { no, yes };
// Clears (yes) or sets (no) CLOEXEC.
Result<void> set_inherit(int fd, Inherit inherit);

}  // namespace ctr
