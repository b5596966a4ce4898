#include "engine/port_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <tuple>

#include "base/text.h"
#include "engine/network/netlink.h"

namespace ctr::engine {
namespace {

struct PortRange {
  uint16_t first = 0;
  uint16_t count = 1;
};

Error invalid(std::string message) { return Error(Errc::invalid, std::move(message)); }

Result<uint16_t> parse_port(const std::string& text) {
  int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status == std::errc::invalid_argument || stop != end) {
    return invalid(fmt::format("invalid port number: '{}'", printable(text)));
  }
  if (status != std::errc() || number < 1 || number > 65535) {
    return invalid(fmt::format("port numbers must be between 1 and 65535 (inclusive), got {}", printable(text)));
  }
  return static_cast<uint16_t>(number);
}

Result<PortRange> parse_range(const std::string& text) {
  const auto parts = split(text, '-');
  if (parts.size() > 2) return invalid("invalid port format - port ranges are formatted as startPort-stopPort");
  if (parts.empty() || parts[0].empty()) return invalid("port numbers cannot be negative");
  PortRange range;
  range.first = TRY(parse_port(parts[0]));
  if (parts.size() == 1) return range;
  if (parts[1].empty()) return invalid("must provide ending number for port range");
  const auto last = TRY(parse_port(parts[1]));
  if (last <= range.first) {
    return invalid(fmt::format("the end port of a range must be higher than the start port - {} is not higher than {}",
                               last, range.first));
  }
  range.count = static_cast<uint16_t>(last - range.first + 1);
  return range;
}

Result<std::vector<std::string>> parse_protocols(const std::string& text) {
  if (text.empty()) return invalid("must provide a non-empty protocol to publish");
  auto protocols = split(to_lower(text), ',');
  for (const auto& protocol : protocols) {
    if (protocol == "sctp") {
      return Error(Errc::unsupported, "ports of protocol sctp cannot be published")
          .with_hint("a container of --network host has the ports of the host");
    }
    if (protocol != "tcp" && protocol != "udp") {
      return invalid(fmt::format("unrecognized protocol \"{}\" in port mapping", printable(protocol)));
    }
  }
  return protocols;
}

struct Words {
  std::optional<std::string> host_ip, host_port;
  std::string container_port;
};

// "[::1]:8080:80".
Result<Words> split_bracketed(const std::string& text) {
  const auto parts = split(text, ']');
  if (parts.size() > 2) {
    return invalid("invalid port format - at most one IPv6 address can be specified in a --publish");
  }
  if (!parts[0].starts_with('[')) return invalid("invalid port format - IPv6 addresses must be enclosed by []");
  if (!parts[1].starts_with(':')) {
    return invalid("invalid port format - IPv6 address must be followed by a colon (':')");
  }
  Words words;
  words.host_ip = parts[0].substr(1);
  const auto ports = split(parts[1].substr(1), ':');
  if (ports.size() < 2) {
    return invalid("invalid port format - must provide host and destination port if specifying an IP");
  }
  if (ports.size() > 2) {
    return invalid("invalid port format - when v6 address specified, must be [ipv6]:hostPort:ctrPort");
  }
  words.host_port = ports[0];
  words.container_port = ports[1];
  return words;
}

Result<Words> split_words(const std::string& text) {
  if (text.find(']') != std::string::npos) return split_bracketed(text);
  auto parts = split(text, ':');
  Words words;
  if (parts.size() > 3) return invalid("invalid port format - format is [[hostIP:]hostPort:]containerPort");
  if (parts.empty()) return words;
  words.container_port = parts.back();
  if (parts.size() > 1) words.host_port = parts[parts.size() - 2];
  if (parts.size() > 2) words.host_ip = parts.front();
  return words;
}

Result<std::string> parse_host_ip(const std::string& text) {
  if (text.empty()) return invalid("must provide a non-empty container host IP to publish");
  const auto address = network::parse_ip_address(text);
  if (!address) return invalid(fmt::format("cannot parse \"{}\" as an IP address", printable(text)));
  return address->to_string();
}

auto order(const PortMapping& mapping) {
  return std::tuple(mapping.protocol, mapping.host_ip, mapping.container_port, mapping.host_port);
}

std::string range_text(uint16_t first, uint16_t count) {
  return count > 1 ? fmt::format("{}-{}", first, first + count - 1) : std::to_string(first);
}

}  // namespace

Result<std::vector<PortMapping>> parse_publish(std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() > 2) return invalid("invalid port format - protocol can only be specified once");
  const auto words = TRY(split_words(parts.empty() ? "" : parts[0]));
  if (words.container_port.empty()) return invalid("must provide a non-empty container port to publish");
  auto container = parse_range(words.container_port);
  if (!container) return std::move(container).error().context("parsing container port");
  PortMapping mapping;
  mapping.container_port = container->first;
  mapping.range = container->count;
  const auto protocols = parts.size() == 2 ? TRY(parse_protocols(parts[1])) : std::vector<std::string>{"tcp"};
  if (words.host_ip) mapping.host_ip = TRY(parse_host_ip(*words.host_ip));
  if (words.host_port && !words.host_port->empty() && *words.host_port != "0") {
    auto host = parse_range(*words.host_port);
    if (!host) return std::move(host).error().context("parsing host port");
    if (host->count != container->count) {
      return invalid(fmt::format("host and container port ranges have different lengths: {} vs {}", host->count,
                                 container->count));
    }
    mapping.host_port = host->first;
  }
  std::vector<PortMapping> mappings;
  for (const auto& protocol : protocols) {
    mapping.protocol = protocol;
    mappings.push_back(mapping);
  }
  return mappings;
}

Result<ExposedPort> parse_expose(std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() > 2) return invalid("invalid expose format - protocol can only be specified once");
  const auto range = TRY(parse_range(parts.empty() ? "" : parts[0]));
  ExposedPort port = {.port = range.first, .range = range.count, .protocol = "tcp"};
  if (parts.size() == 2) port.protocol = TRY(parse_protocols(parts[1])).front();
  return port;
}

Result<std::vector<PortMapping>> combine_mappings(const std::vector<PortMapping>& mappings) {
  std::vector<PortMapping> combined;
  std::set<std::tuple<std::string, std::string, uint16_t>> taken;
  for (const auto& mapping : mappings) {
    if (std::find(combined.begin(), combined.end(), mapping) != combined.end()) continue;
    for (uint16_t i = 0; i < mapping.range && mapping.host_port != 0; ++i) {
      const auto port = static_cast<uint16_t>(mapping.host_port + i);
      if (taken.emplace(mapping.protocol, mapping.host_ip, port).second) continue;
      return invalid(fmt::format("conflicting port mappings for host port {} (protocol {})", port, mapping.protocol));
    }
    combined.push_back(mapping);
  }
  return combined;
}

std::vector<PortMapping> merge_neighbours(std::vector<PortMapping> mappings) {
  std::sort(mappings.begin(), mappings.end(), [](const auto& a, const auto& b) { return order(a) < order(b); });
  std::vector<PortMapping> merged;
  for (const auto& mapping : mappings) {
    if (!merged.empty()) {
      auto& last = merged.back();
      if (last.protocol == mapping.protocol && last.host_ip == mapping.host_ip &&
          last.container_port + last.range == mapping.container_port &&
          last.host_port + last.range == mapping.host_port) {
        last.range = static_cast<uint16_t>(last.range + mapping.range);
        continue;
      }
    }
    merged.push_back(mapping);
  }
  return merged;
}

std::string shown_host_ip(const PortMapping& mapping) { return mapping.host_ip.empty() ? "0.0.0.0" : mapping.host_ip; }

std::string shown_address(const std::string& ip, uint16_t port) {
  return ip.find(':') == std::string::npos ? fmt::format("{}:{}", ip, port) : fmt::format("[{}]:{}", ip, port);
}

std::string ports_text(std::vector<PortMapping> mappings, const std::vector<ExposedPort>& exposed) {
  std::vector<std::string> words;
  const auto published = [&](const ExposedPort& port) {
    return std::any_of(mappings.begin(), mappings.end(), [&](const PortMapping& mapping) {
      return mapping.protocol == port.protocol && port.port >= mapping.container_port &&
             port.port + port.range <= mapping.container_port + mapping.range;
    });
  };
  std::vector<std::string> behind;
  for (const auto& port : exposed) {
    if (!published(port)) behind.push_back(range_text(port.port, port.range) + "/" + port.protocol);
  }
  for (const auto& mapping : merge_neighbours(std::move(mappings))) {
    auto address = shown_address(shown_host_ip(mapping), mapping.host_port);
    if (mapping.range > 1) address += fmt::format("-{}", mapping.host_port + mapping.range - 1);
    words.push_back(
        fmt::format("{}->{}/{}", address, range_text(mapping.container_port, mapping.range), mapping.protocol));
  }
  words.insert(words.end(), behind.begin(), behind.end());
  return join(words, ", ");
}

}  // namespace ctr::engine
