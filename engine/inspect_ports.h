// The published ports of a container as inspect shows them.
#pragma once

#include "base/json.h"
#include "engine/record.h"

namespace ctr::engine {

// HostConfig.PortBindings: {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}.
Json port_bindings_json(const ContainerRecord& record);
// NetworkSettings.Ports: the same, and null for ports that are exposed alone.
Json ports_json(const ContainerRecord& record);
// Config.ExposedPorts: {"80/tcp": {}}; null without any.
Json exposed_ports_json(const ContainerRecord& record);

}  // namespace ctr::engine
