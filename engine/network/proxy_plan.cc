#include "engine/network/proxy_plan.h"

#include <utility>

namespace ctr::engine::network {
namespace {

void put(Json& json, const char* key, const std::optional<IpAddress>& address) {
  if (address) json.set(key, address->to_string());
}

Result<std::optional<IpAddress>> find_address(const JsonReader& reader, const char* key) {
  const auto text = TRY(reader.find_string(key));
  if (!text) return std::optional<IpAddress>();
  return std::optional(TRY(parse_ip_address(*text)));
}

Result<uint16_t> get_port(const JsonReader& reader, const char* key) {
  const auto number = TRY(reader.get_uint(key));
  if (number == 0 || number > 65535) return reader.wrong(key, "a number from 1 to 65535");
  return static_cast<uint16_t>(number);
}

}  // namespace

std::string_view protocol_name(PortProtocol protocol) { return protocol == PortProtocol::tcp ? "tcp" : "udp"; }

Json to_json(const PublishedPort& port) {
  return Json::object()
      .set("protocol", std::string(protocol_name(port.protocol)))
      .set("host_ip", port.host_ip)
      .set("host_port", uint64_t{port.host_port})
      .set("container_port", uint64_t{port.container_port});
}

Result<PublishedPort> published_port_from_json(const JsonReader& reader) {
  PublishedPort port;
  const auto protocol = TRY(reader.get_string("protocol"));
  if (protocol != "tcp" && protocol != "udp") return reader.wrong("protocol", "tcp or udp");
  port.protocol = protocol == "tcp" ? PortProtocol::tcp : PortProtocol::udp;
  port.host_ip = TRY(reader.get_string("host_ip"));
  port.host_port = TRY(get_port(reader, "host_port"));
  port.container_port = TRY(get_port(reader, "container_port"));
  return port;
}

Json to_json(const ProxyAddresses& addresses) {
  Json json = Json::object();
  put(json, "container4", addresses.container4);
  put(json, "container6", addresses.container6);
  put(json, "gateway4", addresses.gateway4);
  put(json, "gateway6", addresses.gateway6);
  return json;
}

Result<ProxyAddresses> proxy_addresses_from_json(const JsonReader& reader) {
  ProxyAddresses addresses;
  addresses.container4 = TRY(find_address(reader, "container4"));
  addresses.container6 = TRY(find_address(reader, "container6"));
  addresses.gateway4 = TRY(find_address(reader, "gateway4"));
  addresses.gateway6 = TRY(find_address(reader, "gateway6"));
  return addresses;
}

Json to_json(const ProxyPlan& plan) {
  Json ports = Json::array();
  for (const auto& port : plan.ports) ports.push(to_json(port));
  Json json = Json::object().set("ports", std::move(ports));
  if (!plan.resolver) return json;
  Json resolver = Json::object().set("net_dir", plan.resolver->net_dir);
  if (!plan.resolver->host_address.empty()) resolver.set("host_address", plan.resolver->host_address);
  return json.set("resolver", std::move(resolver));
}

Result<ProxyPlan> proxy_plan_from_json(const JsonReader& reader) {
  ProxyPlan plan;
  for (const auto& element : TRY(reader.elements("ports"))) {
    plan.ports.push_back(TRY(published_port_from_json(element)));
  }
  if (const auto resolver = TRY(reader.find_object("resolver"))) {
    plan.resolver.emplace();
    plan.resolver->net_dir = TRY(resolver->get_string("net_dir"));
    plan.resolver->host_address = TRY(resolver->string_or("host_address", ""));
  }
  return plan;
}

}  // namespace ctr::engine::network
