#include "engine/port_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "engine/network/proxy_plan.h"
#include "engine/network_holder.h"
#include "engine/port_words.h"
#include "engine/ports.h"

namespace ctr::engine {
namespace {

using network::PublishedPort;

std::string port_name(const PublishedPort& port) {
  return fmt::format("{}/{}", port.container_port, network::protocol_name(port.protocol));
}

// All addresses are shown as 0.0.0.0, and may be named so.
bool matches(const PublishedPort& port, const PublishedPort& wanted) {
  const bool all = port.host_ip.empty() && wanted.host_ip == "0.0.0.0";
  return port.protocol == wanted.protocol && port.container_port == wanted.container_port &&
         (wanted.host_port == 0 || port.host_port == wanted.host_port) &&
         (wanted.host_ip.empty() || all || port.host_ip == wanted.host_ip);
}

// Until this is written there is what there was.
Result<void> keep_ports(Core& core, NetworkHolder& holder, std::vector<PortMapping> ports) {
  holder.spec().ports = std::move(ports);
  TRY(holder.write());
  core.record_event(holder.event("update"));
  return ok();
}

Result<void> publish(const NetworkHolder& holder, const PublishedPort& port, const Fd& socket) {
  return holder.tell(Json::object().set("publish", to_json(port)), socket.get())
      .context("publish port " + port_name(port));
}

Result<void> unpublish(const NetworkHolder& holder, const PublishedPort& port) {
  return holder.tell(Json::object().set("unpublish", to_json(port))).context("take back port " + port_name(port));
}

// What could not be done as a whole.
void take_back(const NetworkHolder& holder, const std::vector<PublishedPort>& ports) {
  for (const auto& port : ports) unpublish(holder, port).ignore("the error that came first is told");
}

Result<void> publish_all(const NetworkHolder& holder, const std::vector<PublishedPort>& ports,
                         const std::vector<Fd>& sockets) {
  for (size_t i = 0; i < ports.size(); ++i) {
    auto done = publish(holder, ports[i], sockets[i]);
    if (done) continue;
    take_back(holder, {ports.begin(), ports.begin() + static_cast<ptrdiff_t>(i)});
    return done;
  }
  return ok();
}

Result<void> check_publishable(const ContainerSpec& spec) {
  if (can_publish(spec.network)) return ok();
  if (spec.network.mode == NetworkChoice::Mode::pod) {
    return Error(Errc::unsupported, "the network of a container in a pod is that of the pod")
        .with_hint("publish the port on the pod");
  }
  return Error(Errc::unsupported, "ports cannot be published for a container without a network of its own");
}

}  // namespace

Result<std::vector<PortMapping>> add_ports(Core& core, const std::string& name_or_id,
                                           std::vector<PortMapping> mappings) {
  auto holder = TRY(NetworkHolder::open(core, name_or_id));
  TRY(check_publishable(holder.spec()));
  const auto sockets = TRY(bind_mappings(core, mappings));
  auto all = holder.spec().ports;
  all.insert(all.end(), mappings.begin(), mappings.end());
  all = TRY(combine_mappings(all));
  if (holder.runs()) TRY(publish_all(holder, single_ports(mappings), sockets));
  if (auto kept = keep_ports(core, holder, std::move(all)); !kept) {
    if (holder.runs()) take_back(holder, single_ports(mappings));
    return std::move(kept).error();
  }
  return mappings;
}

Result<void> remove_ports(Core& core, const std::string& name_or_id, const std::vector<PortMapping>& mappings) {
  auto holder = TRY(NetworkHolder::open(core, name_or_id));
  if (holder.spec().network.mode == NetworkChoice::Mode::pod) TRY(check_publishable(holder.spec()));
  auto left = single_ports(holder.spec().ports);
  std::vector<PublishedPort> gone;
  for (const auto& wanted : single_ports(mappings)) {
    const auto middle = std::stable_partition(left.begin(), left.end(),
                                              [&](const PublishedPort& port) { return !matches(port, wanted); });
    if (middle == left.end()) {
      return Error(Errc::not_found, fmt::format("failed to find published port \"{}\"", port_name(wanted)));
    }
    gone.insert(gone.end(), middle, left.end());
    left.erase(middle, left.end());
  }
  for (const auto& port : gone) {
    if (!holder.runs()) break;
    auto done = unpublish(holder, port);
    // A second try finds those closed that the first one has closed.
    if (!done && done.error().code() != Errc::not_found) return done;
  }
  return keep_ports(core, holder, mappings_of(left));
}

}  // namespace ctr::engine
