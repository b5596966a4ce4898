#include "base/unix_stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>

#include "base/descriptors.h"
#include "base/file.h"

namespace ctr {
namespace {

constexpr size_t k_max_fds = 16;
constexpr timeval k_send_time{.tv_sec = 10, .tv_usec = 0};

}  // namespace

Result<Fd> connect_stream(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const Fd parent = TRY(open_path(directory, O_PATH | O_DIRECTORY));
  const std::string through = "/proc/self/fd/" + std::to_string(parent.get()) + "/" + name;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || through.size() >= sizeof address.sun_path) {
    return Error(Errc::invalid, "'" + path + "' is not a path for a socket");
  }
  std::memcpy(address.sun_path, through.data(), through.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Error::from_errno("create a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return Error::from_errno("connect to '" + path + "'");
  }
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &k_send_time, sizeof k_send_time) < 0) {
    return Error::from_errno("set a time limit for '" + path + "'");
  }
  return socket;
}

Result<void> send_with_descriptors(int socket, std::string_view bytes, const std::vector<int>& fds) {
  CTR_ASSERT(!bytes.empty() && fds.size() <= k_max_fds);
  DescriptorRoom<k_max_fds> room;
  bool first = true;
  while (!bytes.empty()) {
    iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (first) room.put(message, fds);
    const ssize_t size = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno("send to a socket");
    first = false;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return ok();
}

}  // namespace ctr
