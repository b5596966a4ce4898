#include "engine/network/proxy/rules.h"

#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "base/file.h"
#include "base/netlink.h"
#include "engine/network/proxy/endpoint.h"

namespace ctr::engine::network {
namespace {

constexpr uint32_t k_mark_priority = 100;
constexpr uint32_t k_udp_priority = 101;
constexpr uint32_t k_loopback_index = 1;  // of every network namespace

Result<void> switch_on(const std::string& name) {
  const auto path = "/proc/sys/net/" + name;
  const auto file = TRY(open_path(path, O_WRONLY));
  return write_all(file.get(), "1", path);
}

// What is there already is from a process of ours that has ended.
Result<void> unless(int error, Result<NetlinkReply> reply) {
  if (reply || reply.error().sys() == error) return ok();
  return std::move(reply).error();
}

fib_rule_hdr rule_header(int family) {
  fib_rule_hdr header{};
  header.family = static_cast<uint8_t>(family);
  header.action = FR_ACT_TO_TBL;
  return header;
}

rtmsg route_header(int family, uint8_t prefix_bits) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(family);
  header.rtm_dst_len = prefix_bits;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_HOST;
  header.rtm_type = RTN_LOCAL;
  return header;
}

}  // namespace

Result<ProxyRules> ProxyRules::make() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return Error::from_errno("open a netlink socket in the container's network");
  ProxyRules rules(std::move(socket));
  TRY(rules.bring_up_loopback());
  TRY(switch_on("ipv4/tcp_fwmark_accept"));
  TRY(switch_on("ipv4/fwmark_reflect"));
  rules.has_ipv6_ = static_cast<bool>(switch_on("ipv6/fwmark_reflect"));
  TRY(rules.add_mark_rules(AF_INET));
  if (rules.has_ipv6_) TRY(rules.add_mark_rules(AF_INET6));
  return rules;
}

// Whoever comes first: routes over it are taken while it is up only.
Result<void> ProxyRules::bring_up_loopback() {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(k_loopback_index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  NetlinkRequest request(RTM_NEWLINK, 0, ++sequence_, header);
  TRY(exchange_netlink(socket_.get(), request, sequence_, "set the loopback of the container up"));
  return ok();
}

Result<void> ProxyRules::add_mark_rules(int family) {
  NetlinkRequest rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, ++sequence_, rule_header(family));
  rule.attribute(FRA_TABLE, k_mark_table);
  rule.attribute(FRA_PRIORITY, k_mark_priority);
  rule.attribute(FRA_FWMARK, k_proxy_mark);
  rule.attribute(FRA_FWMASK, UINT32_MAX);
  TRY(unless(EEXIST, exchange_netlink(socket_.get(), rule, sequence_, "add the rule for published connections")));
  NetlinkRequest route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ++sequence_, route_header(family, 0));
  route.attribute(RTA_TABLE, k_mark_table);
  route.attribute(RTA_OIF, k_loopback_index);
  // The container's ends of published connections take it over.
  const auto metrics = route.begin_nested(RTA_METRICS);
  route.attribute(RTAX_CC_ALGO, k_local_congestion_control.data(), k_local_congestion_control.size());
  route.end_nested(metrics);
  return unless(EEXIST, exchange_netlink(socket_.get(), route, sequence_, "add the route of published connections"));
}

Result<void> ProxyRules::change_udp_rule(int family, uint16_t port, uint16_t type, uint16_t flags) {
  NetlinkRequest rule(type, flags, ++sequence_, rule_header(family));
  rule.attribute(FRA_TABLE, k_udp_table);
  rule.attribute(FRA_PRIORITY, k_udp_priority);
  const uint8_t protocol = IPPROTO_UDP;
  rule.attribute(FRA_IP_PROTO, &protocol, sizeof protocol);
  const fib_rule_port_range range = {port, port};
  rule.attribute(FRA_SPORT_RANGE, &range, sizeof range);
  const bool adds = type == RTM_NEWRULE;
  auto reply =
      exchange_netlink(socket_.get(), rule, sequence_,
                       (adds ? "add" : "remove") + std::string(" the rule for UDP port ") + std::to_string(port));
  return unless(adds ? EEXIST : ENOENT, std::move(reply));
}

Result<void> ProxyRules::add_udp_port(uint16_t port) {
  TRY(change_udp_rule(AF_INET, port, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL));
  return has_ipv6_ ? change_udp_rule(AF_INET6, port, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL) : ok();
}

Result<void> ProxyRules::remove_udp_port(uint16_t port) {
  TRY(change_udp_rule(AF_INET, port, RTM_DELRULE, 0));
  return has_ipv6_ ? change_udp_rule(AF_INET6, port, RTM_DELRULE, 0) : ok();
}

Result<void> ProxyRules::add_udp_client(const IpAddress& client, const IpAddress& container) {
  const auto bits = static_cast<uint8_t>(client.size_bytes() * 8);
  NetlinkRequest route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, ++sequence_, route_header(client.family, bits));
  route.attribute(RTA_TABLE, k_udp_table);
  route.attribute(RTA_DST, client.bytes.data(), client.size_bytes());
  route.attribute(RTA_OIF, k_loopback_index);
  // Else an answer of a server that is bound to no address would have its own destination as its source.
  route.attribute(RTA_PREFSRC, container.bytes.data(), container.size_bytes());
  TRY(exchange_netlink(socket_.get(), route, sequence_, "add the route to the UDP client " + client.to_string()));
  return ok();
}

Result<void> ProxyRules::remove_udp_client(const IpAddress& client) {
  const auto bits = static_cast<uint8_t>(client.size_bytes() * 8);
  NetlinkRequest route(RTM_DELROUTE, 0, ++sequence_, route_header(client.family, bits));
  route.attribute(RTA_TABLE, k_udp_table);
  route.attribute(RTA_DST, client.bytes.data(), client.size_bytes());
  return unless(ESRCH, exchange_netlink(socket_.get(), route, sequence_,
                                        "remove the route to the UDP client " + client.to_string()));
}

}  // namespace ctr::engine::network
