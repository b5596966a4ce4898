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

// Takes the messages of one datagram; true behind the last one of the list.
Result<bool> take_messages(std::string_view bytes, uint32_t sequence, std::string_view what,
                           std::vector<NetlinkMessage>* out) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr head{};
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > bytes.size()) {
      return Error(Errc::corrupt, "a broken netlink answer to " + std::string(what));
    }
    const std::string_view payload = bytes.substr(NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN);
    bytes.remove_prefix(std::min<size_t>(NLMSG_ALIGN(head.nlmsg_len), bytes.size()));
    if (head.nlmsg_seq != sequence) continue;
    if (head.nlmsg_type == NLMSG_DONE) return true;
    if (head.nlmsg_type == NLMSG_ERROR) {
      int32_t negative = 0;
      if (payload.size() >= sizeof negative) std::memcpy(&negative, payload.data(), sizeof negative);
      return Error::from_errno(std::string(what), -negative);
    }
    out->push_back({.type = head.nlmsg_type, .payload = std::string(payload)});
  }
  return false;
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

Result<std::vector<NetlinkMessage>> dump_netlink(int fd, NetlinkRequest& request, uint32_t sequence,
                                                 std::string_view what) {
  TRY(send_netlink(fd, request, what));
  std::vector<NetlinkMessage> out;
  for (bool done = false; !done;) {
    alignas(NLMSG_ALIGNTO) std::array<char, 32768> buffer{};
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("receive the answer to " + std::string(what));
    done = TRY(take_messages({buffer.data(), static_cast<size_t>(got)}, sequence, what, &out));
  }
  return out;
}

std::optional<std::string_view> find_netlink_attribute(std::string_view attributes, uint16_t type) {
  while (attributes.size() >= sizeof(rtattr)) {
    rtattr head{};
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > attributes.size()) return std::nullopt;
    if ((head.rta_type & NLA_TYPE_MASK) == type) return attributes.substr(RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0));
    attributes.remove_prefix(std::min<size_t>(RTA_ALIGN(head.rta_len), attributes.size()));
  }
  return std::nullopt;
}

}  // namespace ctr
