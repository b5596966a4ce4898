#include "engine/plan_network.h"

#include <algorithm>

#include "base/text.h"
#include "engine/network/uplink.h"
#include "engine/networks.h"
#include "engine/ports.h"

namespace ctr::engine {

namespace {

Result<network::LinksPlan> plan_links(const ContainerSpec& spec, const NetworkOwner& owner) {
  network::LinksPlan plan;
  plan.net_dir = owner.run + "/net";
  plan.state_dir = owner.run + "/containers/" + owner.id;
  plan.container_id = owner.id;
  plan.container_name = owner.name;
  plan.hosts_file = owner.hosts_file;
  plan.resolv_file = owner.resolv_file;
  plan.own_names = owner.own_names;
  if (spec.dns_servers != std::vector<std::string>{"none"}) plan.dns_servers = spec.dns_servers;
  for (const auto& wanted : spec.network.networks) plan.links.push_back(TRY(plan_link(owner.store, wanted)));
  return plan;
}

// Whether its hosts file has the address by which the host is reached from outside, too.
bool names_host(const network::NetworkPlan& plan, const NetworkOwner& owner) {
  if (!owner.host_address.empty() || plan.uplink->options.host_loopback) return false;
  if (!plan.links) return true;
  const auto& links = plan.links->links;
  return std::any_of(links.begin(), links.end(), [](const auto& link) { return !link.network.internal; });
}

network::Sight sight_of(UsernsChoice::Mode mode) {
  using Mode = UsernsChoice::Mode;
  if (mode == Mode::host) return network::Sight::shown;
  const bool joins = mode == Mode::container || mode == Mode::pod || mode == Mode::path;
  return joins ? network::Sight::hidden : network::Sight::until_root;
}

}  // namespace

bool sets_up_interface(const std::map<std::string, std::string>& sysctls) {
  return std::any_of(sysctls.begin(), sysctls.end(), [](const auto& entry) {
    const bool slashes = entry.first.find('/') < entry.first.find('.');
    const auto words = split(entry.first, slashes ? '/' : '.');
    if (words.size() < 5 || words[0] != "net" || (words[2] != "conf" && words[2] != "neigh")) return false;
    return words[3] != "all" && words[3] != "default" && words[3] != "lo";
  });
}

Result<std::optional<network::NetworkPlan>> plan_network(const ContainerSpec& spec, const runtime::HostFacts& host,
                                                         const NetworkOwner& owner) {
  std::optional<network::NetworkPlan> plan;
  if (spec.network.mode == NetworkChoice::Mode::none) plan = network::NetworkPlan{};
  const bool joins = spec.network.mode == NetworkChoice::Mode::bridge;
  if (!joins && spec.network.mode != NetworkChoice::Mode::private_) return plan;
  plan.emplace();
  plan->before_mounts = sets_up_interface(spec.sysctls);
  plan->sight = sight_of(spec.userns.mode);
  if (joins) plan->links = TRY(plan_links(spec, owner));
  plan->uplink = TRY(network::plan_uplink(spec.network, host));
  if (joins) plan->uplink->interface_name = network::k_uplink_interface;
  if (names_host(*plan, owner)) plan->hosts_file = owner.hosts_file;
  if (joins) {
    plan->proxy.emplace();
    plan->proxy->resolver = network::ResolverPlan{.net_dir = owner.run + "/net", .host_address = owner.host_address};
  }
  if (can_publish(spec.network) && !spec.ports.empty()) {
    if (!plan->proxy) plan->proxy.emplace();
    plan->proxy->ports = single_ports(spec.ports);
  }
  return plan;
}

}  // namespace ctr::engine
