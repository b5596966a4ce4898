#include "engine/ports.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/network/host_sockets.h"
#include "engine/port_words.h"

namespace ctr::engine {
namespace {

network::PortHolders holders_of(Core& core) {
  const auto name_in = [&core](storage::ContainerDirs (storage::Store::*dirs)() const) {
    return [&core, dirs](std::string_view id) -> std::string {
      const auto* store = core.store().value_or(nullptr);
      if (store == nullptr) return "";
      const auto found = (store->*dirs)().resolve(std::string(id));
      return found ? found->name : "";
    };
  };
  return {.container_name = name_in(&storage::Store::containers), .pod_name = name_in(&storage::Store::pods)};
}

bool is_published(const std::vector<PortMapping>& mappings, const std::string& protocol, uint16_t port) {
  return std::any_of(mappings.begin(), mappings.end(), [&](const PortMapping& mapping) {
    return mapping.protocol == protocol && port >= mapping.container_port &&
           port < mapping.container_port + mapping.range;
  });
}

void publish(std::vector<PortMapping>& mappings, const ExposedPort& exposed) {
  for (uint16_t i = 0; i < exposed.range; ++i) {
    const auto port = static_cast<uint16_t>(exposed.port + i);
    if (is_published(mappings, exposed.protocol, port)) continue;
    mappings.push_back(
        {.host_ip = "", .host_port = 0, .container_port = port, .range = 1, .protocol = exposed.protocol});
  }
}

// Who shares a network publishes where that network belongs.
Result<void> discard_ports(Core& core, ContainerSpec& spec) {
  const auto mode = spec.network.mode;
  // The ports of a pod are those of its members, who show them.
  if (mode == NetworkChoice::Mode::pod) return ok();
  if (mode == NetworkChoice::Mode::container && !spec.ports.empty()) {
    std::string owner = spec.network.value;
    if (const auto id = storage::ContainerId::parse(owner)) {
      owner = TRY(core.store())->containers().find_name(*id).value_or(owner);
    }
    return Error(Errc::invalid, fmt::format("-p is not possible with --network container:{}", owner))
        .with_hint(fmt::format("publish on {} instead", owner));
  }
  if (!spec.ports.empty()) {
    const std::string_view word = mode == NetworkChoice::Mode::host   ? "host"
                                  : mode == NetworkChoice::Mode::none ? "none"
                                                                      : "ns";
    core.warn(fmt::format(
        "Port mappings have been discarded because \"{}\" network namespace mode does not support them", word));
  }
  spec.ports.clear();
  return ok();
}

bool is_open(const PortMapping& mapping) { return mapping.host_port == 0; }

}  // namespace

void publish_exposed(ContainerSpec& spec, const std::vector<std::string>& of_image) {
  if (!spec.publish_all_ports) return;
  for (const auto& exposed : spec.exposed_ports) publish(spec.ports, exposed);
  for (const auto& text : of_image) {
    // What an image has there that is no port is nobody's loss.
    if (const auto exposed = parse_expose(text)) publish(spec.ports, *exposed);
  }
}

std::vector<network::PublishedPort> single_ports(const std::vector<PortMapping>& mappings) {
  std::vector<network::PublishedPort> ports;
  for (const auto& mapping : mappings) {
    const auto protocol = mapping.protocol == "udp" ? network::PortProtocol::udp : network::PortProtocol::tcp;
    for (uint16_t i = 0; i < mapping.range; ++i) {
      const auto host = mapping.host_port == 0 ? 0 : mapping.host_port + i;
      ports.push_back(
          {protocol, mapping.host_ip, static_cast<uint16_t>(host), static_cast<uint16_t>(mapping.container_port + i)});
    }
  }
  return ports;
}

std::vector<PortMapping> mappings_of(const std::vector<network::PublishedPort>& ports) {
  std::vector<PortMapping> mappings;
  for (const auto& port : ports) {
    mappings.push_back({.host_ip = port.host_ip,
                        .host_port = port.host_port,
                        .container_port = port.container_port,
                        .range = 1,
                        .protocol = std::string(network::protocol_name(port.protocol))});
  }
  return merge_neighbours(std::move(mappings));
}

bool can_publish(const NetworkChoice& network) {
  return network.mode == NetworkChoice::Mode::private_ || network.mode == NetworkChoice::Mode::bridge;
}

namespace {

// Of the service manager, passed to this process, or to one that has started the container before.
std::vector<network::PassedSocket> passed_sockets(const Core& core) {
  auto passed = network::find_passed_sockets(core.options().environment, ::getpid());
  for (const Fd& fd : core.kept_sockets()) {
    if (auto socket = network::describe_socket(fd.get())) passed.push_back(std::move(*socket));
  }
  return passed;
}

}  // namespace

std::vector<size_t> passed_ports(const Core& core, const std::vector<PortMapping>& mappings) {
  std::vector<size_t> places;
  const auto passed = mappings.empty() ? std::vector<network::PassedSocket>() : passed_sockets(core);
  if (passed.empty()) return places;
  const auto ports = single_ports(mappings);
  for (size_t i = 0; i < ports.size(); ++i) {
    const auto is_it = [&](const network::PassedSocket& socket) { return network::fits(socket, ports[i]); };
    if (std::any_of(passed.begin(), passed.end(), is_it)) places.push_back(i);
  }
  return places;
}

Result<std::vector<Fd>> bind_mappings(Core& core, std::vector<PortMapping>& mappings) {
  if (mappings.empty()) return std::vector<Fd>{};
  auto ports = single_ports(mappings);
  auto sockets = network::bind_ports(ports, passed_sockets(core), holders_of(core));
  if (!sockets) return std::move(sockets).error().with_code(Errc::command_not_executable);
  if (std::none_of(mappings.begin(), mappings.end(), is_open)) return sockets;
  mappings.clear();
  for (const auto& port : ports) {
    mappings.push_back({.host_ip = port.host_ip,
                        .host_port = port.host_port,
                        .container_port = port.container_port,
                        .range = 1,
                        .protocol = std::string(network::protocol_name(port.protocol))});
  }
  return sockets;
}

Result<std::vector<Fd>> settle_ports(Core& core, ContainerSpec& spec, const std::vector<std::string>& of_image,
                                     PortsFor purpose) {
  // What its pod publishes is for looking at.
  if (spec.network.mode == NetworkChoice::Mode::pod) return std::vector<Fd>{};
  if (!can_publish(spec.network)) {
    TRY(discard_ports(core, spec));
    return std::vector<Fd>{};
  }
  publish_exposed(spec, of_image);
  spec.ports = TRY(combine_mappings(spec.ports));
  if (purpose == PortsFor::start) return bind_mappings(core, spec.ports);
  if (std::none_of(spec.ports.begin(), spec.ports.end(), is_open)) return std::vector<Fd>{};
  // What is chosen now is kept for all starts, and is free until somebody else takes it.
  std::vector<PortMapping> open;
  const auto middle = std::stable_partition(spec.ports.begin(), spec.ports.end(),
                                            [](const PortMapping& mapping) { return !is_open(mapping); });
  open.assign(middle, spec.ports.end());
  spec.ports.erase(middle, spec.ports.end());
  TRY(bind_mappings(core, open));
  spec.ports.insert(spec.ports.end(), open.begin(), open.end());
  return std::vector<Fd>{};
}

}  // namespace ctr::engine
