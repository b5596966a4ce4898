#include "engine/inspect_ports.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "engine/port_words.h"
#include "engine/ports.h"

namespace ctr::engine {
namespace {

using Bindings = std::map<std::string, Json>;

Bindings bindings_of(const ContainerRecord& record) {
  Bindings bindings;
  for (const auto& mapping : record.spec.ports) {
    for (uint16_t i = 0; i < mapping.range; ++i) {
      auto& list =
          bindings.try_emplace(fmt::format("{}/{}", mapping.container_port + i, mapping.protocol), Json::array())
              .first->second;
      list.push(
          Json::object().set("HostIp", shown_host_ip(mapping)).set("HostPort", std::to_string(mapping.host_port + i)));
    }
  }
  return bindings;
}

std::set<std::string> exposed(const ContainerRecord& record) {
  std::set<std::string> names(record.exposed_ports.begin(), record.exposed_ports.end());
  for (const auto& port : record.spec.exposed_ports) {
    for (uint16_t i = 0; i < port.range; ++i) names.insert(fmt::format("{}/{}", port.port + i, port.protocol));
  }
  return names;
}

Json object_of(Bindings bindings) {
  Json json = Json::object();
  for (auto& [name, list] : bindings) json.set(name, std::move(list));
  return json;
}

}  // namespace

Json port_bindings_json(const ContainerRecord& record) { return object_of(bindings_of(record)); }

Json ports_json(const ContainerRecord& record) {
  auto bindings = bindings_of(record);
  for (const auto& name : exposed(record)) bindings.try_emplace(name, Json());
  return object_of(std::move(bindings));
}

Json exposed_ports_json(const ContainerRecord& record) {
  auto names = exposed(record);
  for (const auto& [name, list] : bindings_of(record)) names.insert(name);
  if (names.empty()) return Json();
  Json json = Json::object();
  for (const auto& name : names) json.set(name, Json::object());
  return json;
}

}  // namespace ctr::engine
