#include "base/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/descriptors.h"
#include "base/wait.h"

namespace ctr {
namespace {

constexpr size_t k_max_fds = 16;
constexpr size_t k_max_bytes = size_t{64} << 10;
// A peer that does not read for this long is broken: packets are small and few.
constexpr std::chrono::milliseconds k_send_time{10'000};

Result<sockaddr_un> make_address(const Dir& dir, std::string_view name) {
  // Through the descriptor of the directory, since sun_path is too short for most homes.
  std::string path = "/proc/self/fd/" + std::to_string(dir.fd()) + "/" + std::string(name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos ||
      path.size() >= sizeof address.sun_path) {
    return Error(Errc::invalid, "'" + std::string(name) + "' is not a name for a socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::string socket_name(const Dir& dir, std::string_view name) {
  return "'" + dir.path() + "/" + std::string(name) + "'";
}

Result<Fd> make_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Error::from_errno("create a socket");
  return fd;
}

}  // namespace

Result<Fd> Channel::listen(const Dir& dir, std::string_view name) {
  auto address = TRY(make_address(dir, name));
  Fd fd = TRY(make_socket());
  // bind(2) gives the file the mode of the socket; a chmod behind it would leave a moment for others.
  if (::fchmod(fd.get(), 0600) < 0) return Error::from_errno("set the mode of a socket");
  if (::unlinkat(dir.fd(), std::string(name).c_str(), 0) < 0 && errno != ENOENT) {
    return Error::from_errno("remove " + socket_name(dir, name));
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return Error::from_errno("create the socket " + socket_name(dir, name));
  }
  if (::listen(fd.get(), SOMAXCONN) < 0) return Error::from_errno("listen on " + socket_name(dir, name));
  return fd;
}

Result<Channel> Channel::connect(const Dir& dir, std::string_view name) {
  auto address = TRY(make_address(dir, name));
  Fd fd = TRY(make_socket());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return Error::from_errno("connect to " + socket_name(dir, name));
  }
  return Channel(std::move(fd));
}

Result<Channel> Channel::accept(int listener) {
  Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd.valid()) return Error::from_errno("accept a connection");
  return Channel(std::move(fd));
}

Result<void> Channel::send(const Json& body, const std::vector<int>& fds) {
  std::string text = dump_json(body);
  if (text.size() > k_max_bytes || fds.size() > k_max_fds) {
    return Error(Errc::invalid, "a message of " + std::to_string(text.size()) + " bytes and " +
                                    std::to_string(fds.size()) + " descriptors is larger than the limit of " +
                                    std::to_string(k_max_bytes) + " bytes and " + std::to_string(k_max_fds));
  }
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  DescriptorRoom<k_max_fds> room;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  room.put(header, fds);
  while (::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EAGAIN) {
      TRY(wait_for(socket_.get(), POLLOUT, {}, k_send_time).context("send a message"));
    } else if (errno != EINTR) {
      return Error::from_errno("send a message");
    }
  }
  return ok();
}

Result<std::optional<Message>> Channel::receive(const CancelToken& cancel,
                                                std::optional<std::chrono::milliseconds> timeout) {
  // Not set to zero: most messages are small, and memory that nobody touches costs nothing.
  const auto text = std::make_unique_for_overwrite<char[]>(k_max_bytes);
  DescriptorRoom<k_max_fds> room;
  iovec part{.iov_base = text.get(), .iov_len = k_max_bytes};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  room.offer(header);
  ssize_t size = -1;
  while (true) {
    TRY(wait_for(socket_.get(), POLLIN, cancel, timeout).context("wait for a message"));
    size = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size >= 0) break;
    // A peer that died with packets unread resets the connection: it is as gone as one that closed.
    if (errno == ECONNRESET) return std::optional<Message>();
    if (errno != EINTR && errno != EAGAIN) return Error::from_errno("receive a message");
  }
  // Taken first, so that they are closed whatever follows.
  Message message{.body = {}, .fds = take_descriptors(header)};
  if (size == 0) return std::optional<Message>();
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Error(Errc::invalid, "a message larger than the limit of " + std::to_string(k_max_bytes) + " bytes and " +
                                    std::to_string(k_max_fds) + " descriptors was received");
  }
  message.body = TRY(parse_json({text.get(), static_cast<size_t>(size)}, "a message"));
  return std::optional(std::move(message));
}

Json to_json(const Error& error) {
  Json value;
  value.set("code", errc_name(error.code())).set("errno", error.sys()).set("message", error.message());
  value.set("frames", Json::strings(error.frames())).set("hint", error.hint());
  return value;
}

Error error_from_json(const Json& value) {
  JsonReader reader(value, "error");
  auto text = [&](const char* key) { return reader.string_or(key, "").value_or(""); };
  std::string message = text("message");
  Error error(errc_from_name(text("code")), message.empty() ? "an error without words" : message);
  error = std::move(error).with_hint(text("hint"));
  auto sys = reader.int_or("errno", 0).value_or(0);
  if (sys > 0 && sys < 4096) error = std::move(error).with_sys(static_cast<int>(sys));  // MAX_ERRNO of the kernel
  auto frames = reader.strings("frames").value_or({});
  // context() puts in front, so the innermost frame goes first.
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) error = std::move(error).context(*frame);
  return error;
}

}  // namespace ctr
