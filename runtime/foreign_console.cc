#include "runtime/foreign_console.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "base/descriptors.h"
#include "base/wait.h"

namespace ctr::runtime {
namespace {

// The runtime has written before it ends.
constexpr std::chrono::milliseconds k_patience{1000};

}  // namespace

Result<ConsoleSocket> ConsoleSocket::listen(std::string path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(Errc::invalid, fmt::format("the path of the console socket '{}' is longer than {} bytes", path,
                                            sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid()) return Error::from_errno("make a socket");
  // What a monitor that was killed has left.
  (void)::unlink(path.c_str());
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listener.get(), 1) < 0) {
    return Error::from_errno(fmt::format("listen at '{}'", path));
  }
  return ConsoleSocket(std::move(listener), std::move(path));
}

ConsoleSocket::~ConsoleSocket() {
  if (listener_.valid()) (void)::unlink(path_.c_str());
}

Result<Fd> ConsoleSocket::receive() const {
  TRY(wait_for(listener_.get(), POLLIN, {}, k_patience).context("the runtime did not hand over the terminal"));
  const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.valid()) return Error::from_errno("accept the runtime's connection");
  TRY(wait_for(connection.get(), POLLIN, {}, k_patience).context("the runtime did not hand over the terminal"));
  char bytes[4096];  // a name nobody needs
  DescriptorRoom<1> room;
  iovec data{.iov_base = bytes, .iov_len = sizeof bytes};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  room.offer(message);
  if (::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC) < 0) return Error::from_errno("receive the terminal");
  auto fds = take_descriptors(message);
  if (fds.empty()) return Error(Errc::internal, "the runtime did not hand over the terminal");
  return std::move(fds.front());
}

}  // namespace ctr::runtime
