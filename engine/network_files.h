// /etc/resolv.conf and /etc/hosts of a container, as its network needs them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/config.h"
#include "engine/core.h"
#include "engine/hosts.h"
#include "engine/network/definition.h"
#include "engine/spec.h"
#include "runtime/rootfs_plan.h"

namespace ctr::engine {

// --dns none: the image's resolv.conf stays. Without a network there is none either, as with podman, unless servers are
// named, as those of a pod may be.
bool has_resolv_conf(const ContainerSpec& spec);

// What is known of the host when the files are written.
struct HostNetwork {
  std::string resolv_conf;  // its text
  std::string address;      // that others reach it by; empty: it is alone
  bool ipv6 = false;        // it has a way out over IPv6
};

// Pure. `networks` are those of --network NAME, in their order.
ResolvInput resolv_input(const ContainerSpec& spec, const Config& config, const HostNetwork& host,
                         const std::vector<network::NetworkDefinition>& networks);
// The address of the container's own names; empty where the monitor knows it first.
std::string own_address(const ContainerSpec& spec);
// What host.containers.internal is for the container; empty: the host is out of its reach.
std::string host_address_for(const ContainerSpec& spec, const Config& config, const HostNetwork& host,
                             const std::vector<network::NetworkDefinition>& networks);

// The files by their names in the container's directory: "resolv.conf", "hosts", or fewer. None for who shares those of
// another. `rootfs` is that of the image, for --hosts-file image.
Result<std::vector<std::pair<std::string, std::string>>> network_files(Core& core, const ContainerSpec& spec,
                                                                       const std::vector<std::string>& own_names,
                                                                       const runtime::RootfsPlan& rootfs);

}  // namespace ctr::engine
