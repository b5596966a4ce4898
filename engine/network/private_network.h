// The networks of a container by itself: `--network private` (the default) and `--network none`.
//
// Source: the manual page ctr-run(1), "--network".
#pragma once

#include <memory>
#include <optional>

#include "base/json.h"
#include "base/result.h"
#include "engine/network/uplink.h"
#include "runtime/monitor.h"

namespace ctr::engine::network {

// What the monitor has to do for a fresh network namespace: loopback, and with an uplink the way out.
struct NetworkPlan {
  std::optional<UplinkPlan> uplink;  // nullopt: loopback only
  bool operator==(const NetworkPlan&) const = default;
};
Json to_json(const NetworkPlan& plan);
Result<NetworkPlan> network_plan_from_json(const JsonReader& reader);

// For MonitorHooks::make_network.
std::unique_ptr<runtime::NetworkSetup> make_network_setup(NetworkPlan plan);

}  // namespace ctr::engine::network
