#include "engine/network/netlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

#include "base/netlink.h"
#include "base/text.h"

namespace ctr::engine::network {
namespace {

void add_address_attribute(NetlinkRequest& request, uint16_t type, const IpAddress& address) {
  request.attribute(type, address.bytes.data(), address.size_bytes());
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
  NetlinkRequest request(RTM_GETLINK, 0, ++sequence_, header);
  std::string text(name);
  request.attribute(IFLA_IFNAME, text.c_str(), text.size() + 1);
  request.attribute(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
  std::string what = "find the network interface '" + text + "'";
  auto reply = TRY(exchange_netlink(socket_.get(), request, sequence_, what));
  std::memcpy(&header, reply.header.data(), sizeof header);
  // NLM_F_ACK makes the kernel send an acknowledgement behind the answer; take it off the socket.
  TRY(read_netlink_reply(socket_.get(), sequence_, what));
  return header.ifi_index;
}

Result<void> Netlink::set_link_up(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  NetlinkRequest request(RTM_NEWLINK, 0, ++sequence_, header);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "set network interface " + std::to_string(index) + " up"));
  return ok();
}

namespace {

NetlinkRequest link_change(int index, uint32_t sequence) {
  ifinfomsg header{};
  header.ifi_index = index;
  return NetlinkRequest(RTM_NEWLINK, 0, sequence, header);
}

}  // namespace

Result<void> Netlink::set_link_mtu(int index, uint32_t mtu_bytes) {
  auto request = link_change(index, ++sequence_);
  request.attribute(IFLA_MTU, mtu_bytes);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "set the MTU of network interface " + std::to_string(index)));
  return ok();
}

Result<void> Netlink::set_link_queue(int index, uint32_t packets) {
  auto request = link_change(index, ++sequence_);
  request.attribute(IFLA_TXQLEN, packets);
  TRY(exchange_netlink(socket_.get(), request, sequence_,
                       "set the queue of network interface " + std::to_string(index)));
  return ok();
}

Result<void> Netlink::add_address(int link_index, const IpAddress& address, uint8_t prefix_bits,
                                  Neighbours neighbours) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(address.family);
  header.ifa_prefixlen = prefix_bits;
  header.ifa_index = static_cast<uint32_t>(link_index);
  uint32_t flags = address.family == AF_INET6 ? IFA_F_NODAD : 0U;
  if (neighbours == Neighbours::behind_gateway) flags |= IFA_F_NOPREFIXROUTE;
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ++sequence_, header);
  add_address_attribute(request, IFA_LOCAL, address);
  add_address_attribute(request, IFA_ADDRESS, address);
  request.attribute(IFA_FLAGS, flags);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "add the address " + address.to_string()));
  return ok();
}

namespace {

rtmsg unicast_route(int family, uint8_t bits) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(family);
  header.rtm_dst_len = bits;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = RTN_UNICAST;
  return header;
}

void add_name(NetlinkRequest& request, const std::string& name) {
  request.attribute(IFLA_IFNAME, name.c_str(), name.size() + 1);
}

void add_kind(NetlinkRequest& request, std::string_view kind) {
  request.attribute(IFLA_INFO_KIND, kind.data(), kind.size());
}

ifinfomsg link_that_is_up() {
  ifinfomsg header{};
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  return header;
}

}  // namespace

Result<void> Netlink::add_default_route(const DefaultRoute& route) {
  rtmsg header = unicast_route(route.gateway.family, 0);
  if (route.on_link) header.rtm_flags = RTNH_F_ONLINK;
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, ++sequence_, header);
  add_address_attribute(request, RTA_GATEWAY, route.gateway);
  request.attribute(RTA_OIF, static_cast<uint32_t>(route.link_index));
  if (route.preferred_source) add_address_attribute(request, RTA_PREFSRC, *route.preferred_source);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "add the default route by " + route.gateway.to_string()));
  return ok();
}

Result<void> Netlink::add_route(const StaticRoute& route) {
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, ++sequence_,
                         unicast_route(route.gateway.family, route.destination.bits));
  add_address_attribute(request, RTA_DST, route.destination.base);
  add_address_attribute(request, RTA_GATEWAY, route.gateway);
  request.attribute(RTA_OIF, static_cast<uint32_t>(route.link_index));
  if (route.metric != 0) request.attribute(RTA_PRIORITY, route.metric);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "add the route to " + route.destination.base.to_string()));
  return ok();
}

Result<void> Netlink::add_bridge(const std::string& name, const MacAddress& mac, uint32_t mtu_bytes) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ++sequence_, link_that_is_up());
  add_name(request, name);
  request.attribute(IFLA_ADDRESS, mac.data(), mac.size());
  if (mtu_bytes != 0) request.attribute(IFLA_MTU, mtu_bytes);
  const size_t info = request.begin_nested(IFLA_LINKINFO);
  add_kind(request, "bridge");
  const size_t data = request.begin_nested(IFLA_INFO_DATA);
  request.attribute(IFLA_BR_FORWARD_DELAY, uint32_t{0});
  const uint8_t snooping = 0;  // who wants which group is not worth the wait on a link without wires
  request.attribute(IFLA_BR_MCAST_SNOOPING, &snooping, sizeof snooping);
  request.end_nested(data);
  request.end_nested(info);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "make the bridge '" + name + "'"));
  return ok();
}

Result<void> Netlink::add_veth(const VethPair& pair) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ++sequence_, link_that_is_up());
  add_name(request, pair.name);
  if (pair.mtu_bytes != 0) request.attribute(IFLA_MTU, pair.mtu_bytes);
  request.attribute(IFLA_MASTER, static_cast<uint32_t>(pair.bridge_index));
  const size_t info = request.begin_nested(IFLA_LINKINFO);
  add_kind(request, "veth");
  const size_t data = request.begin_nested(IFLA_INFO_DATA);
  const size_t peer = request.begin_nested(VETH_INFO_PEER);
  // The kernel refuses a peer that is up (ENOTCONN): the other end is not there yet.
  request.nested_header(ifinfomsg{});
  add_name(request, pair.peer_name);
  request.attribute(IFLA_ADDRESS, pair.peer_mac.data(), pair.peer_mac.size());
  if (pair.mtu_bytes != 0) request.attribute(IFLA_MTU, pair.mtu_bytes);
  request.attribute(IFLA_NET_NS_FD, static_cast<uint32_t>(pair.peer_namespace));
  request.end_nested(peer);
  request.end_nested(data);
  request.end_nested(info);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "make the interface '" + pair.peer_name + "'"));
  return ok();
}

Result<void> Netlink::remove_link(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  NetlinkRequest request(RTM_DELLINK, 0, ++sequence_, header);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "remove network interface " + std::to_string(index)));
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
