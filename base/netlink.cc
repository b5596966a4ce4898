#include "base/netlink.h"

#include <sys/socket.h>

#include <algorithm>

namespace ctr {
namespace {

Result<void> send_netlink(int fd, NetlinkRequest& request, std::string_view what) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  std::string_view bytes = request.finish();
  if (::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    return Error::from_errno(std::string(what));
  }
  return ok();
}

}  // namespace

Result<NetlinkReply> read_netlink_reply(int fd, uint32_t sequence, std::string_view what) {
  alignas(NLMSG_ALIGNTO) std::array<char, 32768> buffer{};
  while (true) {
    ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("receive the answer to " + std::string(what));
    nlmsghdr head{};
    if (static_cast<size_t>(got) < sizeof head)
      return Error(Errc::corrupt, "a short netlink answer to " + std::string(what));
    std::memcpy(&head, buffer.data(), sizeof head);
    if (head.nlmsg_seq != sequence) continue;
    NetlinkReply reply{.type = head.nlmsg_type};
    const char* payload = buffer.data() + NLMSG_HDRLEN;
    size_t payload_bytes = static_cast<size_t>(got) - NLMSG_HDRLEN;
    if (head.nlmsg_type == NLMSG_ERROR) {
      int32_t negative = 0;
      if (payload_bytes >= sizeof negative) std::memcpy(&negative, payload, sizeof negative);
      reply.error = -negative;
    } else {
      std::memcpy(reply.header.data(), payload, std::min(payload_bytes, reply.header.size()));
    }
    return reply;
  }
}

Result<NetlinkReply> exchange_netlink(int fd, NetlinkRequest& request, uint32_t sequence, std::string_view what) {
  TRY(send_netlink(fd, request, what));
  auto reply = TRY(read_netlink_reply(fd, sequence, what));
  if (reply.error != 0) return Error::from_errno(std::string(what), reply.error);
  return reply;
}

}  // namespace ctr
