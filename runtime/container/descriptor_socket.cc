#include "runtime/container/descriptor_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "base/descriptors.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"

namespace ctr::runtime {

Result<Fd> connect_descriptor_socket(const std::string& path) {
  const std::string act = fmt::format("connect to the socket '{}'", printable(path));
  const std::string absolute = TRY(absolute_path(path));
  const size_t slash = absolute.rfind('/');
  // An address holds 107 bytes: the directory is named by its descriptor.
  const Dir dir = TRY(Dir::open(slash == 0 ? "/" : absolute.substr(0, slash)).context(act));
  const std::string name = fmt::format("/proc/self/fd/{}/{}", dir.fd(), absolute.substr(slash + 1));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return Error(Errc::invalid, act + ": the file's name is too long");
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Error::from_errno("make a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return Error::from_errno(act);
  }
  return socket;
}

Result<void> send_descriptor(int socket, int fd, std::string_view name) {
  iovec part{.iov_base = const_cast<char*>(name.data()), .iov_len = name.size()};
  DescriptorRoom<1> room;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  room.put(message, std::array{fd});
  ssize_t sent = -1;
  do sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::from_errno(fmt::format("send the descriptor of {}", name));
  return ok();
}

}  // namespace ctr::runtime
