// A container's place in a user network: a virtual cable from its network namespace to the network's bridge, addresses
// that nobody else has meanwhile, and the names that others find it by.
//
//   container's namespace            the network's namespace (the "hub")
//     eth0 ═══════════ veth ═══════════ v<id8> ─ bridge, which has the gateways' addresses
//
// No process is in the hub: descriptors of its members' monitors keep it, and it ends with the last of them. All that a
// monitor holds here ends with it, too, should it be killed: leases are locks, and lines in the files are looked after.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/result.h"
#include "engine/network/definition.h"
#include "engine/network/members.h"
#include "engine/network/netlink.h"
#include "engine/spec.h"

namespace ctr::engine::network {

// One network that a container is to be in.
struct LinkPlan {
  NetworkDefinition network;
  NetworkAttachment wanted;
  bool operator==(const LinkPlan&) const = default;
};
Json to_json(const LinkPlan& plan);
Result<LinkPlan> link_plan_from_json(const JsonReader& reader);

// The container that joins; the descriptors are borrowed.
struct NetworkUser {
  std::string net_dir;  // $XDG_RUNTIME_DIR/ctr/net
  std::string container_id;
  std::string container_name;
  int namespace_fd = -1;                  // its network namespace
  std::vector<std::string> servers = {};  // name servers of its own
};

struct LinkAddress {
  IpAddress address;
  uint8_t bits = 0;
  std::optional<IpAddress> gateway;
  bool operator==(const LinkAddress&) const = default;
};

// What became of a plan.
struct LinkState {
  std::string network;
  std::string network_id;
  std::string interface_name;
  MacAddress mac{};
  std::vector<LinkAddress> addresses;
  std::vector<std::string> aliases;
  bool operator==(const LinkState&) const = default;
};
Json to_json(const LinkState& state);
Result<LinkState> link_state_from_json(const JsonReader& reader);

// What a resolver for the names of a network works with: sockets in the hub that are bound to its gateway, port 53.
// Each member's resolver has its own, and the kernel divides the questions among them (SO_REUSEPORT).
struct NameService {
  std::string network;
  std::string names_file;  // absolute: see members.h
  IpAddress gateway;
  int udp = -1;  // borrowed
  int tcp = -1;  // not listening yet
};

class [[nodiscard]] Membership {
 public:
  // `inside`: of the container's namespace. `interface_name`: what the container sees.
  // Errors: in_use for an address that somebody has; invalid for one that the network cannot give.
  static Result<Membership> join(const NetworkUser& user, LinkPlan plan, const std::string& interface_name,
                                 Netlink& inside);
  Membership(Membership&&) noexcept = default;
  Membership& operator=(Membership&&) noexcept = default;
  ~Membership() = default;

  const LinkPlan& plan() const { return plan_; }
  const LinkState& state() const { return state_; }
  // nullopt where the network has no names, or no gateway.
  std::optional<NameService> name_service() const;
  // Puts in order what somebody has taken out of order: interface, addresses, routes.
  Result<void> repair(const NetworkUser& user, Netlink& inside);
  // Takes the container out. Removing a cable takes the kernel 15 ms; that of a container that has ended goes by itself
  // soon.
  enum class Cable { removed, left };
  Result<void> leave(const NetworkUser& user, Cable cable);

 private:
  Membership(LinkPlan plan, Fd hub, Fd netlink)
      : plan_(std::move(plan)), hub_(std::move(hub)), outside_(std::move(netlink)) {}
  Result<void> take_addresses(const MemberFiles& files);
  Result<void> take_address(const MemberFiles& files, const Dir& leases, const NetworkSubnet& subnet);
  std::string port(const NetworkUser& user) const;
  Result<void> plug_in(const NetworkUser& user);
  Result<void> configure(Netlink& inside) const;
  Result<void> enter(const NetworkUser& user, MemberFiles& files);
  Result<void> bind_names(std::vector<Fd> sockets);

  LinkPlan plan_;
  LinkState state_;
  Fd hub_;  // keeps the network
  Netlink outside_;
  std::vector<FileLock> leases_;
  Fd udp_;
  Fd tcp_;
  std::string names_file_;
};

}  // namespace ctr::engine::network
