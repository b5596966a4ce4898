// The user networks of a container that runs: held by its monitor.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/network/membership.h"
#include "engine/network/netlink.h"

namespace ctr::engine::network {

// Where the state of a running container's networks is told, in $XDG_RUNTIME_DIR/ctr/containers/<id>.
inline constexpr const char* k_network_state_file = "net.json";

struct LinksPlan {
  std::string net_dir;    // $XDG_RUNTIME_DIR/ctr/net
  std::string state_dir;  // of k_network_state_file
  std::string container_id;
  std::string container_name;
  // The container's /etc/hosts, to which its addresses are added; empty: it has none of ctr.
  std::string hosts_file;
  std::string resolv_file;               // its /etc/resolv.conf, which names the resolver of a network; or empty
  std::vector<std::string> own_names;    // what its addresses are called there
  std::vector<std::string> dns_servers;  // that are asked for names of others on its behalf; empty: the networks'
  std::vector<LinkPlan> links;           // in the order of the interfaces
  bool operator==(const LinksPlan&) const = default;
};
Json to_json(const LinksPlan& plan);
Result<LinksPlan> links_plan_from_json(const JsonReader& reader);

// Errors: not_found when the container has told nothing: it does not run, or is in no such network.
Result<std::vector<LinkState>> read_link_states(const std::string& state_dir);

// The name of the interface of each of `links`: as they want, or the first of eth0, eth1, … that is free.
std::vector<std::string> interface_names(const std::vector<LinkPlan>& links);

// The text of a resolv.conf with these servers in the place of those that are in it; pure.
std::string with_servers(std::string_view resolv_conf, const std::vector<std::string>& servers);

class [[nodiscard]] Links {
 public:
  // `namespace_fd` and `inside` (of the container's namespace) outlive this object.
  Links(LinksPlan plan, int namespace_fd, Netlink& inside);

  // Joins all networks of the plan. Errors: as Membership::join(); none is joined then.
  Result<void> join_all();
  // Errors: exists when the container is in it already.
  Result<void> connect(LinkPlan plan);
  // Errors: not_found.
  Result<void> disconnect(const std::string& network);
  Result<void> repair();
  // The container has another name.
  Result<void> rename(const std::string& name);
  // Out of all of them. What cannot be undone is left to the kernel, which undoes it with the monitor.
  void leave_all();

  // Whether some network leads out, also before it is joined, and the IPv4 address that goes out over it.
  bool leads_out() const;
  std::optional<IpAddress> source_address() const;
  std::vector<LinkState> states() const;
  // For the resolver; descriptors are valid as long as the container stays in that network.
  std::vector<NameService> name_services() const;

 private:
  NetworkUser user() const;
  std::string hosts_lines(const LinkState& state) const;
  std::vector<std::string> servers_without_networks() const;
  Result<void> tell() const;

  LinksPlan plan_;
  int namespace_fd_;
  Netlink& inside_;
  std::list<Membership> joined_;
};

}  // namespace ctr::engine::network
