#include "engine/plan_network.h"

#include "engine/network/uplink.h"
#include "engine/ports.h"

namespace ctr::engine {

Result<std::optional<network::NetworkPlan>> plan_network(const ContainerSpec& spec, const runtime::HostFacts& host) {
  std::optional<network::NetworkPlan> plan;
  if (spec.network.mode == NetworkChoice::Mode::none) plan = network::NetworkPlan{};
  if (spec.network.mode == NetworkChoice::Mode::private_) {
    plan.emplace();
    plan->uplink = TRY(network::plan_uplink(spec.network, host));
    plan->before_root = spec.userns.mode != UsernsChoice::Mode::host;
  }
  if (plan && can_publish(spec.network) && !spec.ports.empty()) {
    plan->proxy = network::ProxyPlan{.ports = single_ports(spec.ports)};
  }
  return plan;
}

}  // namespace ctr::engine
