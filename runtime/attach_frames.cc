// One packet of the attach protocol, out and in.
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

#include "base/descriptors.h"
#include "runtime/attach.h"

namespace ctr::runtime {

Result<void> send_packet(int socket, Frame frame, std::string_view data, int fd) {
  CTR_ASSERT(data.size() <= k_frame_bytes);
  auto kind = static_cast<uint8_t>(frame);
  iovec parts[2] = {{&kind, 1}, {const_cast<char*>(data.data()), data.size()}};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = data.empty() ? 1 : 2;
  DescriptorRoom<1> room;
  if (fd >= 0) room.put(message, std::array{fd});
  ssize_t sent = -1;
  do sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::from_errno("send to the other end of the attach socket");
  return ok();
}

Result<std::optional<Packet>> receive_packet(int socket, PacketBuffer& buffer) {
  const std::span<char> bytes = buffer.bytes();
  iovec part = {bytes.data(), bytes.size()};
  DescriptorRoom<1> room;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  room.offer(message);
  ssize_t size = -1;
  do size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0) return Error::from_errno("receive from the attach socket");
  Packet packet;
  for (auto& fd : take_descriptors(message)) packet.fd = std::move(fd);
  if (size == 0) return std::optional<Packet>();
  if ((message.msg_flags & MSG_TRUNC) != 0) return Error(Errc::invalid, "a packet on the attach socket is too large");
  packet.frame = static_cast<Frame>(static_cast<uint8_t>(bytes[0]));
  packet.data = std::string_view(bytes.data() + 1, static_cast<size_t>(size) - 1);
  return std::optional<Packet>(std::move(packet));
}

}  // namespace ctr::runtime
