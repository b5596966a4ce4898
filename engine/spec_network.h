// The networks and ports in a ContainerSpec; values, and their stored form.
//
// Source: the manual page ctr-run(1), "--network", "--publish", "--expose".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::engine {

// A network that a container is a member of, and what it wants to be there.
struct NetworkAttachment {
  std::string network;               // its name; in a container's record the name, too: names of networks do not change
  std::string interface_name;        // empty: eth0, eth1, …
  std::vector<std::string> ips;      // static addresses, at most one of each family
  std::string mac;                   // empty: made from the address
  std::vector<std::string> aliases;  // further names of the container there
  // Further addresses that count on the link alone, which are the user's business: nobody keeps others from having
  // them.
  std::vector<std::string> link_local_ips = {};
  bool operator==(const NetworkAttachment&) const = default;
};

struct NetworkChoice {
  enum class Mode { private_, none, host, container, path, bridge, pod };  // pod: that of the container's pod
  Mode mode = Mode::private_;
  std::string uplink;                       // "", "slirp4netns" or "pasta" when asked for by name
  std::vector<std::string> options;         // "host-loopback", …
  std::string value;                        // of container and path
  std::vector<NetworkAttachment> networks;  // of bridge: at least one
  bool operator==(const NetworkChoice&) const = default;
};

// Ports of the host that lead to ports of a container: one -p.
struct PortMapping {
  std::string host_ip;          // empty: all addresses of both families
  uint16_t host_port = 0;       // the first; 0: the kernel chooses
  uint16_t container_port = 0;  // the first
  uint16_t range = 1;           // how many, one after the other, on both sides
  std::string protocol = "tcp";
  bool operator==(const PortMapping&) const = default;
};

// A port that the program listens on, and that -P publishes: one --expose, or EXPOSE of the image.
struct ExposedPort {
  uint16_t port = 0;  // the first
  uint16_t range = 1;
  std::string protocol = "tcp";
  bool operator==(const ExposedPort&) const = default;
};

// podman's word for the mode, as "NetworkMode" of inspect has it.
std::string network_mode_word(const NetworkChoice& choice);

Json to_json(const NetworkAttachment& attachment);
Result<NetworkAttachment> attachment_from_json(const JsonReader& reader);
// An object that is empty for the default.
Json to_json(const NetworkChoice& choice);
Result<NetworkChoice> network_choice_from_json(const JsonReader& reader);
Json to_json(const PortMapping& mapping);
Result<PortMapping> port_mapping_from_json(const JsonReader& reader);
Json to_json(const ExposedPort& port);
Result<ExposedPort> exposed_port_from_json(const JsonReader& reader);

}  // namespace ctr::engine
