#include "base/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace ctr {

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<Fd> Fd::duplicate() const {
  int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return Error::from_errno("duplicate a file descriptor");
  return Fd(copy);
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return Error::from_errno("create a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<SocketPair> make_socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) {
    return Error::from_errno("create a socket pair");
  }
  return SocketPair{Fd(ends[0]), Fd(ends[1])};
}

Result<Fd> make_sealed_memfd(const char* name, std::string_view content) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return Error::from_errno("create a memory file");
  TRY(write_all(fd.get(), content, "a memory file"));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return Error::from_errno("rewind a memory file");
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
    return Error::from_errno("seal a memory file");
  }
  return fd;
}

Result<std::string> read_all(int fd, size_t limit_bytes, std::string_view what) {
  // Most files are small, and memory that nobody has touched yet costs a page fault each 4 KiB.
  std::array<char, 4096> small;
  std::vector<char> large;
  std::span<char> chunk = small;
  std::string content;
  while (true) {
    ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno("read " + std::string(what));
    if (count == 0) return content;
    if (content.size() + static_cast<size_t>(count) > limit_bytes) {
      return Error(Errc::invalid, std::string(what) + " is larger than " + std::to_string(limit_bytes) + " bytes");
    }
    content.append(chunk.data(), static_cast<size_t>(count));
    if (large.empty() && content.size() > 2 * small.size()) {
      large.resize(size_t{64} << 10);
      chunk = large;
    }
  }
}

Result<void> write_all(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno("write " + std::string(what));
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return ok();
}

Result<void> set_nonblocking(int fd) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    return Error::from_errno("set a descriptor non-blocking");
  return ok();
}

Result<void> set_inherit(int fd, Inherit inherit) {
  if (::fcntl(fd, F_SETFD, inherit == Inherit::yes ? 0 : FD_CLOEXEC) < 0) return Error::from_errno("set close-on-exec");
  return ok();
}

}  // namespace ctr
