// The networks of a container with a network namespace of its own: `--network private` (the default), `--network none`,
// and user networks.
//
// Source: the manual page ctr-run(1), "--network".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/network/links.h"
#include "engine/network/proxy_plan.h"
#include "engine/network/uplink.h"
#include "runtime/monitor.h"

namespace ctr::engine::network {

// What programs of the caller's see of the container's first process, when they look for its namespaces.
enum class Sight {
  shown,
  // Once it makes itself root of its user namespace it is another user of the host: then the kernel lets nobody look
  // until it runs the container's program (ptrace(2), "dumpable").
  until_root,
  // It is in a user namespace in which others are, or ends before its namespaces do.
  hidden,
};

// What the monitor has to do for a fresh network namespace: loopback, and with an uplink the way out.
struct NetworkPlan {
  std::optional<UplinkPlan> uplink;  // nullopt: loopback only. With `links`, for when one of them leads out
  std::optional<LinksPlan> links;    // nullopt: in no user network, and never
  std::optional<ProxyPlan> proxy;    // nullopt: nothing is published, and no names are answered
  // Networks and the way out are there before the container's first process goes on, which sets up the interfaces.
  bool before_mounts = false;
  Sight sight = Sight::shown;
  std::string hosts_file;  // on the host, whose address in there is followed; empty: none
  bool operator==(const NetworkPlan&) const = default;
};
Json to_json(const NetworkPlan& plan);
Result<NetworkPlan> network_plan_from_json(const JsonReader& reader);

// Is called when a helper has ended and is about to be started again, with its name.
using RestartNotice = std::function<void(std::string_view helper)>;
// For MonitorHooks::make_network. `sockets` are those of plan.proxy->ports.
std::unique_ptr<runtime::NetworkSetup> make_network_setup(NetworkPlan plan, std::vector<Fd> sockets = {},
                                                          RestartNotice notice = {});

}  // namespace ctr::engine::network
