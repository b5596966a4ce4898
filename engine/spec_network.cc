#include "engine/spec_network.h"

#include "engine/enum_words.h"
#include "engine/put_json.h"

namespace ctr::engine {
namespace {

constexpr EnumWords<NetworkChoice::Mode, 7> k_modes{{
    {NetworkChoice::Mode::private_, "private"},
    {NetworkChoice::Mode::none, "none"},
    {NetworkChoice::Mode::host, "host"},
    {NetworkChoice::Mode::container, "container"},
    {NetworkChoice::Mode::path, "ns"},
    {NetworkChoice::Mode::bridge, "bridge"},
    {NetworkChoice::Mode::pod, "pod"},
}};

// Ports and how many of them: 1 to 65535, `fallback` where the member is absent.
Result<uint16_t> read_port(const JsonReader& reader, const char* key, uint16_t fallback) {
  const auto value = TRY(reader.find_uint(key));
  if (!value) return fallback;
  if (*value > 65535) return reader.wrong(key, "a number up to 65535");
  return static_cast<uint16_t>(*value);
}

}  // namespace

std::string network_mode_word(const NetworkChoice& choice) {
  switch (choice.mode) {
    case NetworkChoice::Mode::private_:
      return choice.uplink.empty() ? "slirp4netns" : choice.uplink;
    case NetworkChoice::Mode::none:
      return "none";
    case NetworkChoice::Mode::host:
      return "host";
    case NetworkChoice::Mode::container:
      return "container:" + choice.value;
    case NetworkChoice::Mode::path:
      return "ns:" + choice.value;
    case NetworkChoice::Mode::bridge:
      return "bridge";
    case NetworkChoice::Mode::pod:
      return "pod";
  }
  return "none";
}

Json to_json(const NetworkAttachment& attachment) {
  Json json = Json::object().set("network", attachment.network);
  put(json, "interface", attachment.interface_name);
  put(json, "ips", attachment.ips);
  put(json, "mac", attachment.mac);
  put(json, "aliases", attachment.aliases);
  put(json, "link_local_ips", attachment.link_local_ips);
  return json;
}

Result<NetworkAttachment> attachment_from_json(const JsonReader& reader) {
  NetworkAttachment attachment;
  attachment.network = TRY(reader.get_string("network"));
  attachment.interface_name = TRY(reader.string_or("interface", ""));
  attachment.ips = TRY(reader.strings("ips"));
  attachment.mac = TRY(reader.string_or("mac", ""));
  attachment.aliases = TRY(reader.strings("aliases"));
  attachment.link_local_ips = TRY(reader.strings("link_local_ips"));
  return attachment;
}

Json to_json(const NetworkChoice& choice) {
  Json json = Json::object();
  if (choice == NetworkChoice{}) return json;
  json.set("mode", word_of(k_modes, choice.mode));
  put(json, "uplink", choice.uplink);
  put(json, "options", choice.options);
  put(json, "value", choice.value);
  if (choice.networks.empty()) return json;
  Json networks = Json::array();
  for (const auto& attachment : choice.networks) networks.push(to_json(attachment));
  return json.set("networks", std::move(networks));
}

Result<NetworkChoice> network_choice_from_json(const JsonReader& reader) {
  NetworkChoice choice;
  choice.mode = TRY(read_enum(reader, "mode", k_modes, choice.mode));
  choice.uplink = TRY(reader.string_or("uplink", ""));
  choice.options = TRY(reader.strings("options"));
  choice.value = TRY(reader.string_or("value", ""));
  for (const auto& element : TRY(reader.elements("networks"))) {
    choice.networks.push_back(TRY(attachment_from_json(element)));
  }
  return choice;
}

Json to_json(const PortMapping& mapping) {
  Json json = Json::object().set("container_port", uint64_t{mapping.container_port}).set("protocol", mapping.protocol);
  put(json, "host_ip", mapping.host_ip);
  if (mapping.host_port != 0) json.set("host_port", uint64_t{mapping.host_port});
  if (mapping.range != 1) json.set("range", uint64_t{mapping.range});
  return json;
}

Result<PortMapping> port_mapping_from_json(const JsonReader& reader) {
  PortMapping mapping;
  mapping.host_ip = TRY(reader.string_or("host_ip", ""));
  mapping.host_port = TRY(read_port(reader, "host_port", 0));
  mapping.container_port = TRY(read_port(reader, "container_port", 0));
  mapping.range = TRY(read_port(reader, "range", 1));
  mapping.protocol = TRY(reader.get_string("protocol"));
  return mapping;
}

Json to_json(const ExposedPort& port) {
  Json json = Json::object().set("port", uint64_t{port.port}).set("protocol", port.protocol);
  if (port.range != 1) json.set("range", uint64_t{port.range});
  return json;
}

Result<ExposedPort> exposed_port_from_json(const JsonReader& reader) {
  ExposedPort port;
  port.port = TRY(read_port(reader, "port", 0));
  port.range = TRY(read_port(reader, "range", 1));
  port.protocol = TRY(reader.get_string("protocol"));
  return port;
}

}  // namespace ctr::engine
