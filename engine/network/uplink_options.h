// What may follow `--network slirp4netns:`, `pasta:` and `private:`.
//
// Both programs serve the same network, whose addresses are set by the monitor: an option is taken where it means
// something there, and refused by name where it does not. Source: podman-run(1), "--network"; slirp4netns(1); pasta(1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine::network {

struct UplinkOptions {
  bool host_loopback = false;         // the gateway's address is the host's 127.0.0.1
  std::optional<uint32_t> mtu_bytes;  // nullopt: the largest
  std::string cidr;                   // IPv4; empty: 10.0.2.0/24
  std::optional<bool> ipv6;           // nullopt: if the host has a way out
  std::string outbound4, outbound6;   // the interface or address of the host that connections come from
  bool operator==(const UplinkOptions&) const = default;
};
Json to_json(const UplinkOptions& options);
Result<UplinkOptions> uplink_options_from_json(const JsonReader& reader);

// Of a choice with mode private. Errors: invalid, in podman's words; unsupported, naming the option.
Result<UplinkOptions> parse_uplink_options(const NetworkChoice& choice);

// What a container sees of its private network.
struct UplinkAddresses {
  std::string container, gateway, resolver;
  uint8_t prefix_bits = 24;
  bool operator==(const UplinkAddresses&) const = default;
};
// Source: slirp4netns(1), "--cidr": the addresses 100, 2 and 3 of the network.
UplinkAddresses uplink_addresses(const UplinkOptions& options);

}  // namespace ctr::engine::network
