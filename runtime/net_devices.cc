#include "runtime/net_devices.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>

#include <set>
#include <vector>

#include "base/fd.h"
#include "base/netlink.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

// Of one message of a list of links or addresses.
template <typename Header>
Header header_of(const NetlinkMessage& message) {
  Header header{};
  std::memcpy(&header, message.payload.data(), std::min(sizeof header, message.payload.size()));
  return header;
}

template <typename Header>
std::string_view attributes_of(const NetlinkMessage& message) {
  const std::string_view payload = message.payload;
  return payload.substr(std::min<size_t>(NLMSG_ALIGN(sizeof(Header)), payload.size()));
}

// An address with what it takes to add it elsewhere.
struct Address {
  ifaddrmsg header{};
  uint32_t flags = 0;
  std::string local;  // bytes; empty: as `address`
  std::string address;
  std::string broadcast;
};

std::string text_of(const std::optional<std::string_view>& value) {
  return value ? std::string(*value) : std::string();
}

Address to_address(const NetlinkMessage& message) {
  Address out;
  out.header = header_of<ifaddrmsg>(message);
  const std::string_view attributes = attributes_of<ifaddrmsg>(message);
  out.flags = out.header.ifa_flags;
  const auto flags = find_netlink_attribute(attributes, IFA_FLAGS);
  if (flags && flags->size() == sizeof out.flags) std::memcpy(&out.flags, flags->data(), sizeof out.flags);
  out.local = text_of(find_netlink_attribute(attributes, IFA_LOCAL));
  out.address = text_of(find_netlink_attribute(attributes, IFA_ADDRESS));
  out.broadcast = text_of(find_netlink_attribute(attributes, IFA_BROADCAST));
  return out;
}

// The devices of one network namespace.
class Links {
 public:
  explicit Links(int fd) : fd_(fd) {}

  // Name → index.
  Result<std::map<std::string, int>> list() {
    ifinfomsg header{};
    NetlinkRequest request(RTM_GETLINK, NLM_F_DUMP, ++sequence_, header);
    std::map<std::string, int> out;
    for (const NetlinkMessage& message : TRY(dump_netlink(fd_, request, sequence_, "list the network devices"))) {
      if (message.type != RTM_NEWLINK) continue;
      const std::string name = text_of(find_netlink_attribute(attributes_of<ifinfomsg>(message), IFLA_IFNAME));
      out[name.c_str()] = header_of<ifinfomsg>(message).ifi_index;
    }
    return out;
  }

  // The permanent global addresses of a device.
  Result<std::vector<Address>> addresses(int index) {
    ifaddrmsg header{};
    NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP, ++sequence_, header);
    std::vector<Address> out;
    for (const NetlinkMessage& message : TRY(dump_netlink(fd_, request, sequence_, "list the network addresses"))) {
      if (message.type != RTM_NEWADDR) continue;
      Address address = to_address(message);
      const bool kept = (address.flags & IFA_F_PERMANENT) != 0 && address.header.ifa_scope == RT_SCOPE_UNIVERSE;
      if (kept && address.header.ifa_index == static_cast<uint32_t>(index)) out.push_back(std::move(address));
    }
    return out;
  }

  Result<void> move(int index, int netns_fd, const std::string& name) {
    ifinfomsg header{};
    header.ifi_index = index;
    NetlinkRequest request(RTM_NEWLINK, 0, ++sequence_, header);
    request.attribute(IFLA_NET_NS_FD, static_cast<uint32_t>(netns_fd));
    request.attribute(IFLA_IFNAME, name.c_str(), name.size() + 1);
    TRY(exchange_netlink(fd_, request, sequence_, "move it into the container"));
    return ok();
  }

  Result<void> set_up(int index) {
    ifinfomsg header{};
    header.ifi_index = index;
    header.ifi_flags = header.ifi_change = IFF_UP;
    NetlinkRequest request(RTM_NEWLINK, 0, ++sequence_, header);
    TRY(exchange_netlink(fd_, request, sequence_, "set it up"));
    return ok();
  }

  Result<void> add(int index, const Address& address) {
    ifaddrmsg header = address.header;
    header.ifa_index = static_cast<uint32_t>(index);
    header.ifa_flags = 0;
    // What the kernel notes about an address is not for setting. It was this device's: nobody else has it.
    uint32_t flags = address.flags & (IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS);
    if (header.ifa_family == AF_INET6) flags |= IFA_F_NODAD;
    NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ++sequence_, header);
    request.attribute(IFA_FLAGS, flags);
    if (!address.local.empty()) request.attribute(IFA_LOCAL, address.local.data(), address.local.size());
    request.attribute(IFA_ADDRESS, address.address.data(), address.address.size());
    if (!address.broadcast.empty()) {
      request.attribute(IFA_BROADCAST, address.broadcast.data(), address.broadcast.size());
    }
    TRY(exchange_netlink(fd_, request, sequence_, "add an address to it"));
    return ok();
  }

 private:
  int fd_;
  uint32_t sequence_ = 0;
};

// A device on its way.
struct Move {
  std::string name;
  std::string inside;
  int index = 0;
  std::vector<Address> addresses;
};

Result<std::vector<Move>> plan_moves(const std::map<std::string, std::string>& devices, Links* host, Links* container) {
  const std::map<std::string, int> here = TRY(host->list());
  const std::map<std::string, int> there = TRY(container->list());
  std::vector<Move> out;
  for (const auto& [name, given] : devices) {
    const auto device = here.find(name);
    if (device == here.end()) return Error(Errc::not_found, fmt::format("network device '{}' is not there", name));
    const std::string& inside = given.empty() ? name : given;
    if (there.contains(inside)) {
      return Error(Errc::exists, fmt::format("the container has a network device '{}' already", inside));
    }
    out.push_back(
        {.name = name, .inside = inside, .index = device->second, .addresses = TRY(host->addresses(device->second))});
  }
  return out;
}

Result<void> carry_out(const Move& move, int netns_fd, Links* host, Links* container) {
  const std::map<std::string, int> before = TRY(container->list());
  TRY(host->move(move.index, netns_fd, move.inside));
  // Neither the index nor, with a template, the name is known in advance.
  for (const auto& [name, index] : TRY(container->list())) {
    if (before.contains(name)) continue;
    TRY(container->set_up(index));
    for (const Address& address : move.addresses) TRY(container->add(index, address));
    return ok();
  }
  return Error(Errc::not_found, "it is not in the container");
}

}  // namespace

Result<void> move_net_devices(const std::map<std::string, std::string>& devices, int netlink_fd, int netns_fd) {
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return Error::from_errno("open a netlink socket");
  Links host(socket.get());
  Links container(netlink_fd);
  for (const Move& move : TRY(plan_moves(devices, &host, &container).context("netDevices"))) {
    TRY(carry_out(move, netns_fd, &host, &container).context(fmt::format("netDevices: device '{}'", move.name)));
  }
  return ok();
}

}  // namespace ctr::runtime
