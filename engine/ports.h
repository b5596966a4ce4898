// The ports of a container between the words and the sockets.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/network/proxy_plan.h"
#include "engine/spec.h"

namespace ctr::engine {

// -P: a mapping for each port that is exposed, by --expose or by the image ("80/tcp"), and not published yet.
void publish_exposed(ContainerSpec& spec, const std::vector<std::string>& of_image);

// One for each single port, in order. SCTP and the like are refused before.
std::vector<network::PublishedPort> single_ports(const std::vector<PortMapping>& mappings);
// The other way round, neighbours as one.
std::vector<PortMapping> mappings_of(const std::vector<network::PublishedPort>& ports);

// Whether this container has a network of its own in which ports can be published.
bool can_publish(const NetworkChoice& network);

// Sockets for the ports of a container that is about to be started, in the order of single_ports(). Where the kernel
// has chosen a port, `mappings` says it from now on. Errors: command_not_executable (exit 126: the
// container cannot be started), with who has the port or what is needed.
Result<std::vector<Fd>> bind_mappings(Core& core, std::vector<PortMapping>& mappings);

// Which of the ports, by their place in single_ports(), are reached at sockets of the service manager's.
std::vector<size_t> passed_ports(const Core& core, const std::vector<PortMapping>& mappings);

// The ports of a new container: -P, conflicts, ports that the kernel chooses. The sockets are kept for a container that
// is started at once. Errors: invalid; as bind_mappings().
enum class PortsFor { later, start };
Result<std::vector<Fd>> settle_ports(Core& core, ContainerSpec& spec, const std::vector<std::string>& of_image,
                                     PortsFor purpose);

}  // namespace ctr::engine
