#include "engine/network/definition.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/digest.h"
#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine::network {
namespace {

constexpr size_t k_name_limit_bytes = 200;  // with ".json" behind it is the name of a file
constexpr uint64_t k_lowest_mtu = 68;       // RFC 791: what every link must carry
constexpr uint32_t k_usual_metric = 100;    // netavark's
constexpr uint64_t k_highest_mtu = 65535;   // of a bridge and of veth(4)

const std::string* find_option(const NetworkDefinition& definition, const char* key) {
  const auto found = definition.options.find(key);
  return found == definition.options.end() ? nullptr : &found->second;
}

Json subnet_json(const NetworkSubnet& subnet) {
  Json json = Json::object().set("subnet", to_string(subnet.subnet));
  if (subnet.gateway) json.set("gateway", subnet.gateway->to_string());
  if (!subnet.first && !subnet.last) return json;
  Json range = Json::object();
  if (subnet.first) range.set("start_ip", subnet.first->to_string());
  if (subnet.last) range.set("end_ip", subnet.last->to_string());
  return json.set("lease_range", std::move(range));
}

Result<std::optional<IpAddress>> find_address(const JsonReader& reader, const char* key) {
  const auto text = TRY(reader.find_string(key));
  if (!text || text->empty()) return std::optional<IpAddress>();
  const auto address = parse_ip_address(*text);
  if (!address) return reader.wrong(key, "an IP address");
  return std::optional<IpAddress>(*address);
}

Result<NetworkSubnet> read_subnet(const JsonReader& reader) {
  NetworkSubnet subnet;
  const auto prefix = parse_prefix(TRY(reader.get_string("subnet")));
  if (!prefix) return reader.wrong("subnet", "a subnet like 10.89.1.0/24");
  subnet.subnet = *prefix;
  subnet.gateway = TRY(find_address(reader, "gateway"));
  if (const auto range = TRY(reader.find_object("lease_range"))) {
    subnet.first = TRY(find_address(*range, "start_ip"));
    subnet.last = TRY(find_address(*range, "end_ip"));
  }
  return subnet;
}

Result<NetworkRoute> read_route(const JsonReader& reader) {
  const auto prefix = parse_prefix(TRY(reader.get_string("destination")));
  if (!prefix) return reader.wrong("destination", "a subnet like 10.89.1.0/24");
  const auto gateway = parse_ip_address(TRY(reader.get_string("gateway")));
  if (!gateway || gateway->family != prefix->base.family) return reader.wrong("gateway", "an address of that family");
  const auto metric = TRY(reader.uint_or("metric", 0));
  if (metric > UINT32_MAX) return reader.wrong("metric", "a 32-bit number");
  return NetworkRoute{*prefix, *gateway, static_cast<uint32_t>(metric)};
}

Result<void> check_option(const std::string& key, const std::string& value) {
  if (key == "mtu") {
    const auto mtu = parse_unsigned(value, "the option mtu", k_highest_mtu);
    if (mtu && *mtu >= k_lowest_mtu) return ok();
    return Error(Errc::invalid,
                 fmt::format("mtu {} is not a number from {} to {}", printable(value), k_lowest_mtu, k_highest_mtu));
  }
  if (key == "metric") {
    (void)TRY(parse_unsigned(value, "the option metric", UINT32_MAX));
    return ok();
  }
  if (key == "no_default_route") {
    (void)TRY(parse_bool(value, "the option no_default_route"));
    return ok();
  }
  if (key == "isolate") {
    if (value == "strict" || TRY(parse_bool(value, "the option isolate"))) return ok();
    return Error(Errc::unsupported, "isolate=false: networks of ctr never reach each other")
        .with_hint("a container that is to reach both joins both");
  }
  if (key == "vlan" || key == "vrf" || key == "mode" || key == "bclim" || key == "parent") {
    return Error(Errc::unsupported, fmt::format("the option {} needs an interface of the host, which takes root", key));
  }
  return Error(Errc::invalid, fmt::format("unsupported bridge network option {}", printable(key)))
      .with_hint("the options are mtu, metric, no_default_route and isolate");
}

Result<void> check_subnet(const NetworkSubnet& subnet) {
  const auto inside = [&](const std::optional<IpAddress>& address, std::string_view what) -> Result<void> {
    if (!address || contains(subnet.subnet, *address)) return ok();
    return Error(Errc::invalid,
                 fmt::format("{} {} not in subnet {}", what, address->to_string(), to_string(subnet.subnet)));
  };
  const unsigned all = static_cast<unsigned>(subnet.subnet.base.size_bytes()) * 8;
  if (subnet.subnet.bits + 2U > all) {
    return Error(Errc::invalid, fmt::format("the subnet {} has no address for a container", to_string(subnet.subnet)));
  }
  TRY(inside(subnet.gateway, "gateway"));
  TRY(inside(subnet.first, "start ip"));
  return inside(subnet.last, "end ip");
}

Result<void> check_interface(const std::string& name) {
  // IFNAMSIZ with its NUL; the kernel takes neither "/" nor white space, and "." and ".." are no names.
  const bool good = !name.empty() && name.size() <= 15 && name != "." && name != ".." &&
                    name.find_first_of("/: \t\n\v\f\r") == std::string::npos;
  if (good) return ok();
  return Error(Errc::invalid, fmt::format("'{}' cannot be the name of an interface", printable(name)));
}

}  // namespace

uint32_t NetworkDefinition::mtu_bytes() const {
  const auto* text = find_option(*this, "mtu");
  if (text == nullptr) return 0;
  const auto mtu = parse_unsigned(*text, "mtu", k_highest_mtu);
  return mtu ? static_cast<uint32_t>(*mtu) : 0;
}

uint32_t NetworkDefinition::metric() const {
  const auto* text = find_option(*this, "metric");
  if (text == nullptr) return k_usual_metric;
  const auto metric = parse_unsigned(*text, "metric", UINT32_MAX);
  return metric ? static_cast<uint32_t>(*metric) : k_usual_metric;
}

bool NetworkDefinition::has_default_route() const {
  if (internal) return false;
  const auto* text = find_option(*this, "no_default_route");
  if (text == nullptr) return true;
  const auto off = parse_bool(*text, "no_default_route");
  return !off || !*off;
}

std::optional<IpAddress> NetworkDefinition::names_address() const {
  if (!dns) return std::nullopt;
  for (const auto& subnet : subnets) {
    if (subnet.gateway) return subnet.gateway;
  }
  return std::nullopt;
}

Json to_json(const NetworkDefinition& definition) {
  Json json = Json::object();
  json.set("name", definition.name)
      .set("id", definition.id)
      .set("driver", definition.driver)
      .set("network_interface", definition.interface_name)
      .set("created", format_rfc3339(definition.created));
  if (!definition.subnets.empty()) {
    Json subnets = Json::array();
    for (const auto& subnet : definition.subnets) subnets.push(subnet_json(subnet));
    json.set("subnets", std::move(subnets));
  }
  if (!definition.routes.empty()) {
    Json routes = Json::array();
    for (const auto& route : definition.routes) {
      Json entry = Json::object();
      entry.set("destination", to_string(route.destination)).set("gateway", route.gateway.to_string());
      if (route.metric != 0) entry.set("metric", uint64_t{route.metric});
      routes.push(std::move(entry));
    }
    json.set("routes", std::move(routes));
  }
  json.set("ipv6_enabled", definition.ipv6).set("internal", definition.internal).set("dns_enabled", definition.dns);
  if (!definition.dns_servers.empty()) json.set("network_dns_servers", Json::strings(definition.dns_servers));
  if (!definition.labels.empty()) json.set("labels", Json::string_map(definition.labels));
  if (!definition.options.empty()) json.set("options", Json::string_map(definition.options));
  return json.set("ipam_options", Json::object().set("driver", definition.ipam));
}

Result<NetworkDefinition> definition_from_json(const JsonReader& reader) {
  NetworkDefinition out;
  out.name = TRY(reader.get_string("name"));
  out.id = TRY(reader.get_string("id"));
  out.driver = TRY(reader.get_string("driver"));
  out.interface_name = TRY(reader.string_or("network_interface", ""));
  out.created = TRY(parse_rfc3339(TRY(reader.string_or("created", "0001-01-01T00:00:00Z")), "created"));
  for (const auto& element : TRY(reader.elements("subnets"))) out.subnets.push_back(TRY(read_subnet(element)));
  for (const auto& element : TRY(reader.elements("routes"))) out.routes.push_back(TRY(read_route(element)));
  out.ipv6 = TRY(reader.bool_or("ipv6_enabled", false));
  out.internal = TRY(reader.bool_or("internal", false));
  out.dns = TRY(reader.bool_or("dns_enabled", false));
  out.dns_servers = TRY(reader.strings("network_dns_servers"));
  out.labels = TRY(reader.string_map("labels"));
  out.options = TRY(reader.string_map("options"));
  if (const auto ipam = TRY(reader.find_object("ipam_options"))) {
    out.ipam = TRY(ipam->string_or("driver", "host-local"));
  }
  return out;
}

Result<void> check_network_name(std::string_view name) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool good =
      !name.empty() && name.size() <= k_name_limit_bytes && is_word(name.front()) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return is_word(c) || c == '_' || c == '.' || c == '-'; });
  if (good) return ok();
  return Error(Errc::invalid, fmt::format("network name {} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: "
                                          "invalid argument",
                                          printable(name)));
}

Result<void> check_definition(const NetworkDefinition& definition) {
  TRY(check_network_name(definition.name));
  if (definition.driver != "bridge" && definition.driver != "macvlan" && definition.driver != "ipvlan") {
    return Error(Errc::unsupported,
                 fmt::format("unsupported driver {}: invalid argument", printable(definition.driver)))
        .with_hint("the networks of a user have the driver bridge");
  }
  if (definition.driver != "bridge") {
    return Error(Errc::unsupported,
                 fmt::format("driver \"{}\" needs root on the host; rootless networks support: bridge",
                             printable(definition.driver)));
  }
  if (definition.ipam != "host-local" && definition.ipam != "none") {
    return Error(Errc::unsupported, fmt::format("unsupported ipam driver \"{}\": host-local and none are there",
                                                printable(definition.ipam)));
  }
  TRY(check_interface(definition.interface_name));
  for (const auto& subnet : definition.subnets) TRY(check_subnet(subnet));
  for (const auto& [key, value] : definition.options) TRY(check_option(key, value));
  for (const auto& server : definition.dns_servers) (void)TRY(parse_ip_address(server));
  if (!definition.id.empty() && definition.id.size() == 64 && is_lower_hex(definition.id)) return ok();
  return Error(Errc::invalid, fmt::format("'{}' is no id of a network", printable(definition.id)));
}

NetworkDefinition default_network() {
  NetworkDefinition out;
  out.name = k_default_network;
  out.id = digest_of(k_default_network).hex();
  out.interface_name = "podman0";
  const IpPrefix subnet{.base = {.family = AF_INET, .bytes = {10, 88}}, .bits = 16};
  out.subnets.push_back({.subnet = subnet, .gateway = first_host(subnet), .first = {}, .last = {}});
  out.dns = false;
  return out;
}

}  // namespace ctr::engine::network
