#include "engine/kube/origin.h"

#include "base/base64.h"
#include "base/yaml.h"

namespace ctr::engine::kube {

namespace {

Json member_of(const Json& json, std::string_view key) {
  const auto* found = json.is_object() ? json.find(std::string(key)) : nullptr;
  return found == nullptr ? Json() : *found;
}

Json map_document(const DataObject& map) {
  Json data = Json::object();
  Json binary = Json::object();
  for (const auto& [key, bytes] : map.data) {
    if (map.binary.contains(key)) {
      binary.set(key, base64_encode(bytes));
    } else {
      data.set(key, bytes);
    }
  }
  Json metadata = Json::object();
  if (!map.labels.empty()) metadata.set("labels", Json::string_map(map.labels));
  Json document = Json::object()
                      .set("apiVersion", "v1")
                      .set("kind", "ConfigMap")
                      .set("metadata", std::move(metadata.set("name", map.name)));
  if (!data.as_object().empty()) document.set("data", std::move(data));
  if (!binary.as_object().empty()) document.set("binaryData", std::move(binary));
  return document;
}

void add_map(const Json& reference, const Objects& objects, Json& maps) {
  const auto name = member_of(reference, "name");
  if (!name.is_string()) return;
  const auto found = objects.config_maps.find(name.as_string());
  if (found != objects.config_maps.end()) maps.set(name.as_string(), map_document(found->second));
}

}  // namespace

Json volume_origin(Fields& volume, const std::string& name, std::string_view key) {
  const auto* node = volume.raw(key);
  if (node == nullptr) return {};
  return Json::object().set(std::string(key), yaml_to_json(*node)).set("name", name);
}

void add_origin(const std::string& name, const Json& volume, const Objects& objects, Json& origin) {
  Json volumes = member_of(origin, "volumes");
  Json maps = member_of(origin, "maps");
  if (!volumes.is_object()) volumes = Json::object();
  if (!maps.is_object()) maps = Json::object();
  volumes.set(name, volume);
  add_map(member_of(volume, "configMap"), objects, maps);
  const auto sources = member_of(member_of(volume, "projected"), "sources");
  if (sources.is_array()) {
    for (const auto& source : sources.as_array()) add_map(member_of(source, "configMap"), objects, maps);
  }
  origin = Json::object().set("volumes", std::move(volumes)).set("maps", std::move(maps));
}

Origin read_origin(const Json& json) {
  Origin origin;
  const auto volumes = member_of(json, "volumes");
  if (volumes.is_object()) {
    for (const auto& [name, volume] : volumes.as_object()) origin.volumes.emplace(name, volume);
  }
  const auto maps = member_of(json, "maps");
  if (!maps.is_object()) return origin;
  for (const auto& [name, document] : maps.as_object()) origin.documents.push_back(document);
  return origin;
}

}  // namespace ctr::engine::kube
