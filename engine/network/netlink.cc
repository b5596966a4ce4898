#include "engine/network/netlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

#include "base/text.h"

namespace ctr::engine::network {
namespace {

// One request: a netlink header, a family header and attributes, in a fixed buffer with checked bounds.
class Request {
 public:
  template <typename Header>
  Request(uint16_t type, uint16_t flags, uint32_t sequence, const Header& header) {
    nlmsghdr head{};
    head.nlmsg_type = type;
    head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    head.nlmsg_seq = sequence;
    append(&head, sizeof head);
    append(&header, sizeof header);
  }

  void attribute(uint16_t type, const void* data, size_t size_bytes) {
    rtattr attribute{};
    attribute.rta_type = type;
    attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(size_bytes));
    append(&attribute, sizeof attribute);
    append(data, size_bytes);
  }
  void attribute(uint16_t type, const IpAddress& address) {
    attribute(type, address.bytes.data(), address.size_bytes());
  }
  void attribute(uint16_t type, uint32_t value) { attribute(type, &value, sizeof value); }

  std::string_view finish() {
    auto length = static_cast<uint32_t>(used_);
    std::memcpy(buffer_.data(), &length, sizeof length);  // nlmsg_len is the first member
    return {buffer_.data(), used_};
  }

 private:
  void append(const void* data, size_t size_bytes) {
    size_t aligned = NLMSG_ALIGN(used_);
    CTR_ASSERT(aligned + size_bytes <= buffer_.size());
    std::memcpy(buffer_.data() + aligned, data, size_bytes);
    used_ = aligned + size_bytes;
  }

  alignas(NLMSG_ALIGNTO) std::array<char, 512> buffer_{};
  size_t used_ = 0;
};

struct Reply {
  uint16_t type = 0;
  int error = 0;                  // of an NLMSG_ERROR, as a positive errno
  std::array<char, 64> header{};  // the family header of any other message
};

Result<Reply> read_reply(int fd, uint32_t sequence, std::string_view what) {
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
    Reply reply{.type = head.nlmsg_type};
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

Result<Reply> exchange(int fd, Request& request, uint32_t sequence, std::string_view what) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  std::string_view bytes = request.finish();
  if (::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    return Error::from_errno(std::string(what));
  }
  auto reply = TRY(read_reply(fd, sequence, what));
  if (reply.error != 0) return Error::from_errno(std::string(what), reply.error);
  return reply;
}

}  // namespace

size_t IpAddress::size_bytes() const { return family == AF_INET ? 4 : 16; }

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

Result<IpAddress> parse_ip_address(std::string_view text) {
  IpAddress address;
  std::string copy(text);
  for (int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, copy.c_str(), address.bytes.data()) == 1) {
      address.family = family;
      return address;
    }
  }
  return Error(Errc::invalid, "'" + printable(text) + "' is not an IP address");
}

Result<int> Netlink::link_index(std::string_view name) {
  ifinfomsg header{};
  Request request(RTM_GETLINK, 0, ++sequence_, header);
  std::string text(name);
  request.attribute(IFLA_IFNAME, text.c_str(), text.size() + 1);
  request.attribute(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
  std::string what = "find the network interface '" + text + "'";
  auto reply = TRY(exchange(socket_.get(), request, sequence_, what));
  std::memcpy(&header, reply.header.data(), sizeof header);
  // NLM_F_ACK makes the kernel send an acknowledgement behind the answer; take it off the socket.
  TRY(read_reply(socket_.get(), sequence_, what));
  return header.ifi_index;
}

Result<void> Netlink::set_link_up(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  Request request(RTM_NEWLINK, 0, ++sequence_, header);
  TRY(exchange(socket_.get(), request, sequence_, "set network interface " + std::to_string(index) + " up"));
  return ok();
}

Result<void> Netlink::set_link_mtu(int index, uint32_t mtu_bytes) {
  ifinfomsg header{};
  header.ifi_index = index;
  Request request(RTM_NEWLINK, 0, ++sequence_, header);
  request.attribute(IFLA_MTU, mtu_bytes);
  TRY(exchange(socket_.get(), request, sequence_, "set the MTU of network interface " + std::to_string(index)));
  return ok();
}

Result<void> Netlink::add_address(int link_index, const IpAddress& address, uint8_t prefix_bits) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(address.family);
  header.ifa_prefixlen = prefix_bits;
  header.ifa_index = static_cast<uint32_t>(link_index);
  if (address.family == AF_INET6) header.ifa_flags = IFA_F_NODAD;
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ++sequence_, header);
  request.attribute(IFA_LOCAL, address);
  request.attribute(IFA_ADDRESS, address);
  TRY(exchange(socket_.get(), request, sequence_, "add the address " + address.to_string()));
  return ok();
}

Result<void> Netlink::add_default_route(const DefaultRoute& route) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(route.gateway.family);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = RTN_UNICAST;
  if (route.on_link) header.rtm_flags = RTNH_F_ONLINK;
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ++sequence_, header);
  request.attribute(RTA_GATEWAY, route.gateway);
  request.attribute(RTA_OIF, static_cast<uint32_t>(route.link_index));
  if (route.preferred_source) request.attribute(RTA_PREFSRC, *route.preferred_source);
  TRY(exchange(socket_.get(), request, sequence_, "add the default route by " + route.gateway.to_string()));
  return ok();
}

bool has_default_route(std::string_view route_table, int family) {
  for (const auto& line : split(route_table, '\n')) {
    std::vector<std::string> fields;
    for (auto& field : split(line, ' ')) {
      for (auto& part : split(field, '\t')) {
        if (!part.empty()) fields.push_back(part);
      }
    }
    // /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask …
    if (family == AF_INET && fields.size() >= 8 && fields[1] == "00000000" && fields[7] == "00000000") return true;
    // /proc/net/ipv6_route: destination prefix source prefix next-hop metric refcnt use flags device
    if (family == AF_INET6 && fields.size() >= 10 && fields[1] == "00" && fields[9] != "lo" &&
        fields[0] == std::string(32, '0')) {
      return true;
    }
  }
  return false;
}

}  // namespace ctr::engine::network
