// Words for ports: what --publish and --expose take, and how listings show them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/spec_network.h"

namespace ctr::engine {

// "[[HOST-IP:][HOST[-END]]:]CONTAINER[-END][/PROTOCOL[,PROTOCOL]]": one mapping for each protocol.
// Errors: invalid, in podman's words; unsupported for SCTP.
Result<std::vector<PortMapping>> parse_publish(std::string_view text);
// "PORT[-END][/PROTOCOL]". Errors: the same.
Result<ExposedPort> parse_expose(std::string_view text);

// One mapping for each port of the host, where ranges begin: two that lead from the same port are an error, one that
// is there twice counts once. Errors: invalid.
Result<std::vector<PortMapping>> combine_mappings(const std::vector<PortMapping>& mappings);

// "0.0.0.0:8000-8001->80-81/tcp, 90/udp" as ps has it: neighbours are told as a range, exposed ports stand behind.
std::string ports_text(std::vector<PortMapping> mappings, const std::vector<ExposedPort>& exposed);
// Neighbours that continue each other on both sides as one, sorted.
std::vector<PortMapping> merge_neighbours(std::vector<PortMapping> mappings);
// "0.0.0.0" for all addresses.
std::string shown_host_ip(const PortMapping& mapping);
// "0.0.0.0:80", "[::1]:80".
std::string shown_address(const std::string& ip, uint16_t port);

}  // namespace ctr::engine
