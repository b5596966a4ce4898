#include "engine/network/membership.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/random.h"
#include "base/text.h"
#include "runtime/network_namespace.h"

namespace ctr::engine::network {
namespace {

constexpr uint16_t k_dns_port = 53;
// Of the addresses of a subnet, so many are tried: a network with more members than this has no place left.
constexpr int k_most_addresses = 1 << 17;
// So many leases are remembered of those that nobody holds any more.
constexpr size_t k_most_old_leases = 1024;

// The name of the cable's end in the hub. It follows from the address, so that there cannot be two with the same: what
// is left of a container that has ended answers for it no more when another one has it.
std::string port_name(const std::string& container_id, const std::optional<IpAddress>& ipv4) {
  if (!ipv4) return "v" + container_id.substr(0, 8);
  return "v" + to_hex(std::string_view(reinterpret_cast<const char*>(ipv4->bytes.data()), 4));
}

std::vector<runtime::SocketKind> wanted_sockets(const NetworkDefinition& network) {
  const auto address = network.names_address();
  if (!address) return {};
  return {{address->family, SOCK_DGRAM}, {address->family, SOCK_STREAM}};
}

MacAddress random_mac() {
  MacAddress mac{0x02, 0x42};
  const uint64_t random = random_number();
  std::memcpy(mac.data() + 2, &random, mac.size() - 2);
  return mac;
}

Result<void> furnish_hub(const NetworkDefinition& network, Netlink& outside) {
  TRY(outside.set_link_up(TRY(outside.link_index("lo"))));
  const bool has_gateway = !network.subnets.empty() && network.subnets.front().gateway;
  const auto mac = has_gateway ? mac_of(*network.subnets.front().gateway) : random_mac();
  TRY(outside.add_bridge(network.interface_name, mac, network.mtu_bytes()));
  const int bridge = TRY(outside.link_index(network.interface_name));
  for (const auto& subnet : network.subnets) {
    if (subnet.gateway) TRY(outside.add_address(bridge, *subnet.gateway, subnet.subnet.bits));
  }
  return ok();
}

Result<void> bind_socket(const Fd& socket, const IpAddress& address) {
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) {
    return Error::from_errno("share the port of names");
  }
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (address.family == AF_INET) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(k_dns_port);
    std::memcpy(&name.sin_addr, address.bytes.data(), sizeof name.sin_addr);
    std::memcpy(&storage, &name, size = sizeof name);
  } else {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(k_dns_port);
    std::memcpy(&name.sin6_addr, address.bytes.data(), sizeof name.sin6_addr);
    std::memcpy(&storage, &name, size = sizeof name);
  }
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0) return ok();
  return Error::from_errno("bind to port 53 of the gateway " + address.to_string());
}

void unplug(Netlink& outside, const std::string& port) {
  if (const auto index = outside.link_index(port)) {
    outside.remove_link(*index).ignore("it has gone by itself at this moment");
  }
}

// The ports of members whose monitors were killed: their containers may run on, and have no right to their addresses.
void unplug_dead(MemberFiles& files, Netlink& outside) {
  const auto names = files.names();
  for (const auto& container : files.forget_dead()) {
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const auto& entry) { return entry.short_id == short_id(container); });
    unplug(outside, port_name(container, found == names.end() ? std::nullopt : found->ipv4));
  }
}

// The ones that a container asks for by itself: nullopt when it takes any.
Result<std::optional<IpAddress>> wanted_address(const NetworkAttachment& wanted, int family) {
  for (const auto& text : wanted.ips) {
    const auto address = TRY(parse_ip_address(text));
    if (address.family == family) return std::optional<IpAddress>(address);
  }
  return std::optional<IpAddress>();
}

Error taken(const MemberFiles& files, const NetworkDefinition& network, const IpAddress& address) {
  std::string holder = "another container";
  for (const auto& names : files.names()) {
    if (names.ipv4 == address || names.ipv6 == address) holder = "\"" + names.name + "\"";
  }
  return Error(Errc::in_use,
               fmt::format("{} is already used by {} on network \"{}\"", address.to_string(), holder, network.name))
      .with_hint("choose another address, or none, and get one that is free");
}

// The names of all leases. In a network that gives millions of addresses the old ones would pile up: each is a file
// that every start looks at. Who calls holds the lock of the network, so that nobody is about to take one that goes.
Result<std::set<std::string>> used_addresses(const Dir& leases) {
  const auto names = TRY(leases.list());
  std::set<std::string> used(names.begin(), names.end());
  if (used.size() <= k_most_old_leases) return used;
  for (const auto& name : names) {
    if (!TRY(FileLock::try_acquire(leases, name, LockMode::exclusive))) continue;
    TRY(leases.remove_file(name));
    used.erase(name);
  }
  return used;
}

// The first and last address that are given out.
std::pair<IpAddress, IpAddress> lease_range(const NetworkSubnet& subnet) {
  IpAddress last = subnet.last.value_or(last_address(subnet.subnet));
  return {subnet.first.value_or(first_host(subnet.subnet)), last};
}

bool may_be_given(const NetworkSubnet& subnet, const IpAddress& address) {
  if (subnet.gateway == address || address == subnet.subnet.base) return false;
  return address.family != AF_INET || address != last_address(subnet.subnet);
}

}  // namespace

Json to_json(const LinkPlan& plan) {
  return Json::object().set("definition", to_json(plan.network)).set("wanted", to_json(plan.wanted));
}

Result<LinkPlan> link_plan_from_json(const JsonReader& reader) {
  LinkPlan plan;
  if (const auto network = TRY(reader.find_object("definition"))) plan.network = TRY(definition_from_json(*network));
  if (const auto wanted = TRY(reader.find_object("wanted"))) plan.wanted = TRY(attachment_from_json(*wanted));
  return plan;
}

Json to_json(const LinkState& state) {
  Json addresses = Json::array();
  for (const auto& entry : state.addresses) {
    Json address = Json::object();
    address.set("address", entry.address.to_string()).set("bits", uint64_t{entry.bits});
    if (entry.gateway) address.set("gateway", entry.gateway->to_string());
    addresses.push(std::move(address));
  }
  return Json::object()
      .set("network", state.network)
      .set("id", state.network_id)
      .set("interface", state.interface_name)
      .set("mac", to_string(state.mac))
      .set("addresses", std::move(addresses))
      .set("aliases", Json::strings(state.aliases));
}

Result<LinkState> link_state_from_json(const JsonReader& reader) {
  LinkState state;
  state.network = TRY(reader.get_string("network"));
  state.network_id = TRY(reader.get_string("id"));
  state.interface_name = TRY(reader.get_string("interface"));
  state.mac = TRY(parse_mac(TRY(reader.get_string("mac"))));
  for (const auto& element : TRY(reader.elements("addresses"))) {
    LinkAddress entry;
    entry.address = TRY(parse_ip_address(TRY(element.get_string("address"))));
    entry.bits = static_cast<uint8_t>(std::min<uint64_t>(TRY(element.get_uint("bits")), 128));
    if (const auto gateway = TRY(element.find_string("gateway"))) entry.gateway = TRY(parse_ip_address(*gateway));
    state.addresses.push_back(entry);
  }
  state.aliases = TRY(reader.strings("aliases"));
  return state;
}

Result<Membership> Membership::join(const NetworkUser& user, LinkPlan plan, const std::string& interface_name,
                                    Netlink& inside) {
  const NetworkDefinition network = plan.network;
  auto files = TRY(MemberFiles::open(user.net_dir, network.name));
  const Fd found = files.open_hub();
  auto door = TRY(found.valid() ? runtime::open_network_namespace(found, wanted_sockets(network))
                                : runtime::make_network_namespace(wanted_sockets(network)));
  Membership self(std::move(plan), std::move(door.file), std::move(door.netlink));
  if (!found.valid()) TRY(furnish_hub(network, self.outside_));
  unplug_dead(files, self.outside_);
  files.remove(user.container_id);
  self.state_.network = network.name;
  self.state_.network_id = network.id;
  self.state_.interface_name = interface_name;
  self.state_.aliases = self.plan_.wanted.aliases;
  TRY(self.take_addresses(files));
  TRY(self.bind_names(std::move(door.sockets)));
  TRY(self.plug_in(user));
  auto entered = self.configure(inside);
  if (entered) entered = self.enter(user, files);
  if (entered) return self;
  unplug(self.outside_, self.port(user));
  return std::move(entered).error();
}

// What others know the member by.
Result<void> Membership::enter(const NetworkUser& user, MemberFiles& files) {
  names_file_ = files.dir().path() + "/" + k_names_file;
  struct stat status{};
  if (::fstat(hub_.get(), &status) < 0) return Error::from_errno("look at the namespace of a network");
  MemberNames names{.ipv4 = {},
                    .ipv6 = {},
                    .name = user.container_name,
                    .aliases = state_.aliases,
                    .short_id = short_id(user.container_id),
                    .servers = user.servers};
  for (const auto& entry : state_.addresses) {
    (entry.address.family == AF_INET ? names.ipv4 : names.ipv6) = entry.address;
  }
  Member member;
  member.container = user.container_id;
  member.monitor = TRY(runtime::process_ref(::getpid()));
  member.descriptor = hub_.get();
  member.inode = status.st_ino;
  files.add(std::move(member), std::move(names));
  TRY(show_definition(files.dir(), plan_.network));
  return files.write();
}

Result<void> Membership::take_addresses(const MemberFiles& files) {
  const auto& network = plan_.network;
  const bool gives = network.ipam != "none";
  if (gives) {
    const auto leases = TRY(files.leases());
    for (const auto& subnet : network.subnets) TRY(take_address(files, leases, subnet));
  }
  for (const auto& text : plan_.wanted.ips) {
    const auto address = TRY(parse_ip_address(text));
    const bool has = std::any_of(state_.addresses.begin(), state_.addresses.end(),
                                 [&](const auto& entry) { return entry.address == address; });
    if (has) continue;
    std::vector<std::string> subnets;
    for (const auto& subnet : network.subnets) {
      if (subnet.subnet.base.family == address.family) subnets.push_back(to_string(subnet.subnet));
    }
    if (subnets.empty() || !gives) {
      return Error(Errc::invalid,
                   fmt::format("{}: the network \"{}\" gives no addresses of this kind", text, network.name));
    }
    return Error(Errc::invalid, fmt::format("{} is outside {}", text, ctr::join(subnets, " and ")))
        .with_hint(fmt::format("`ctr network inspect {}` shows its subnets", network.name));
  }
  if (!plan_.wanted.mac.empty()) {
    state_.mac = TRY(parse_mac(plan_.wanted.mac));
  } else if (!state_.addresses.empty()) {
    state_.mac = mac_of(state_.addresses.front().address);
  } else {
    state_.mac = random_mac();
  }
  return ok();
}

// One address of the subnet; of several subnets of a family, the first that has the wanted one, or else the first.
Result<void> Membership::take_address(const MemberFiles& files, const Dir& leases, const NetworkSubnet& subnet) {
  const int family = subnet.subnet.base.family;
  const auto wanted = TRY(wanted_address(plan_.wanted, family));
  const auto try_one = [&](const IpAddress& address) -> Result<bool> {
    auto lease = TRY(FileLock::try_acquire(leases, address.to_string(), LockMode::exclusive));
    if (!lease) return false;
    leases_.push_back(std::move(*lease));
    state_.addresses.push_back({.address = address, .bits = subnet.subnet.bits, .gateway = subnet.gateway});
    return true;
  };
  if (wanted) {
    if (!contains(subnet.subnet, *wanted)) return ok();
    if (!may_be_given(subnet, *wanted)) {
      return Error(Errc::invalid, fmt::format("{} is the network's own address", wanted->to_string()))
          .with_hint("choose another address, or none, and get one that is free");
    }
    return TRY(try_one(*wanted)) ? ok() : Result<void>(taken(files, plan_.network, *wanted));
  }
  const bool has = std::any_of(state_.addresses.begin(), state_.addresses.end(),
                               [&](const auto& entry) { return entry.address.family == family; });
  if (has) return ok();
  // An address that nobody has had yet comes first: what others remember of an address, and what the kernel is still
  // taking down of who had it, is then of no matter.
  const auto used = TRY(used_addresses(leases));
  for (const bool again : {false, true}) {
    auto [address, last] = lease_range(subnet);
    for (int tries = 0; tries < k_most_addresses && !is_below(last, address); ++tries) {
      const bool fits = may_be_given(subnet, address) && used.contains(address.to_string()) == again;
      if (fits && TRY(try_one(address))) return ok();
      if (address == last) break;
      address = next_address(address);
    }
  }
  return Error(Errc::in_use, fmt::format("all addresses of {} are taken on network \"{}\"", to_string(subnet.subnet),
                                         plan_.network.name))
      .with_hint("remove containers of the network, or make one with a larger --subnet or --ip-range");
}

Result<void> Membership::plug_in(const NetworkUser& user) {
  VethPair pair;
  pair.name = port(user);
  pair.bridge_index = TRY(outside_.link_index(plan_.network.interface_name));
  pair.peer_name = state_.interface_name;
  pair.peer_mac = state_.mac;
  pair.peer_namespace = user.namespace_fd;
  pair.mtu_bytes = plan_.network.mtu_bytes();
  auto added = outside_.add_veth(pair);
  if (!added && added.error().code() == Errc::exists) {
    unplug(outside_, pair.name);
    added = outside_.add_veth(pair);
  }
  return added;
}

Result<void> Membership::configure(Netlink& inside) const {
  const int link = TRY(inside.link_index(state_.interface_name));
  TRY(inside.set_link_up(link));
  for (const auto& entry : state_.addresses) TRY(inside.add_address(link, entry.address, entry.bits));
  for (const auto& text : plan_.wanted.link_local_ips) {
    const auto address = TRY(parse_ip_address(text));
    TRY(inside.add_address(link, address, address.family == AF_INET ? 16 : 64));
  }
  for (const auto& route : plan_.network.routes) {
    TRY(inside.add_route(
        {.link_index = link, .destination = route.destination, .gateway = route.gateway, .metric = route.metric}));
  }
  return ok();
}

Result<void> Membership::bind_names(std::vector<Fd> sockets) {
  const auto address = plan_.network.names_address();
  if (!address) return ok();
  if (sockets.size() != 2) return Error(Errc::internal, "the sockets for names of a network came incomplete");
  for (const Fd& socket : sockets) TRY(bind_socket(socket, *address));
  udp_ = std::move(sockets[0]);
  tcp_ = std::move(sockets[1]);
  return ok();
}

std::optional<NameService> Membership::name_service() const {
  if (!udp_.valid()) return std::nullopt;
  return NameService{.network = plan_.network.name,
                     .names_file = names_file_,
                     .gateway = plan_.network.names_address().value_or(IpAddress{}),
                     .udp = udp_.get(),
                     .tcp = tcp_.get()};
}

Result<void> Membership::repair(const NetworkUser& user, Netlink& inside) {
  const bool whole = outside_.link_index(port(user)) && inside.link_index(state_.interface_name);
  if (!whole) TRY(plug_in(user));
  return configure(inside);
}

Result<void> Membership::leave(const NetworkUser& user, Cable cable) {
  auto files = TRY(MemberFiles::open(user.net_dir, plan_.network.name));
  if (cable == Cable::removed) unplug(outside_, port(user));
  leases_.clear();
  files.remove(user.container_id);
  return files.write();
}

std::string Membership::port(const NetworkUser& user) const {
  for (const auto& entry : state_.addresses) {
    if (entry.address.family == AF_INET) return port_name(user.container_id, entry.address);
  }
  return port_name(user.container_id, std::nullopt);
}

}  // namespace ctr::engine::network
