// Codec of the linux object. Resources are in spec_resources_json.cc.
#include <fmt/format.h>
#include <net/if.h>

#include <utility>

#include "runtime/spec.h"
#include "runtime/spec_codec.h"
#include "runtime/spec_linux_process.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {
namespace {

Json ranges_to_json(const std::vector<IdRange>& ranges) {
  Json out = Json::array();
  for (const IdRange& range : ranges) {
    Json entry = Json::object();
    entry.set("containerID", range.inside).set("hostID", range.outside).set("size", range.size);
    out.push(std::move(entry));
  }
  return out;
}

Result<std::vector<IdRange>> ranges_from_json(const JsonReader& reader, std::string_view key) {
  std::vector<IdRange> out;
  const auto elements = TRY(reader.elements(key));
  for (const JsonReader& element : elements) {
    IdRange range;
    range.inside = TRY(narrow<uint32_t>(element, "containerID", TRY(element.get_uint("containerID"))));
    range.outside = TRY(narrow<uint32_t>(element, "hostID", TRY(element.get_uint("hostID"))));
    range.size = TRY(narrow<uint32_t>(element, "size", TRY(element.get_uint("size"))));
    out.push_back(range);
  }
  return out;
}

Json namespaces_to_json(const std::vector<SpecNamespace>& namespaces) {
  Json out = Json::array();
  for (const SpecNamespace& entry : namespaces) {
    Json item = Json::object();
    item.set("type", namespace_name(entry.type));
    set_text(&item, "path", entry.path);
    out.push(std::move(item));
  }
  return out;
}

Result<std::vector<SpecNamespace>> namespaces_from_json(const JsonReader& reader) {
  std::vector<SpecNamespace> out;
  const auto elements = TRY(reader.elements("namespaces"));
  for (const JsonReader& element : elements) {
    const std::string name = TRY(element.get_string("type"));
    const auto type = parse_namespace_name(name);
    if (!type) return element.wrong("type", "a namespace type");
    const std::string path = TRY(element.string_or("path", ""));
    if (!path.empty() && !path.starts_with('/')) return element.wrong("path", "an absolute path");
    out.push_back({.type = *type, .path = path});
  }
  return out;
}

// Names and order: time_namespaces(7) and config-linux.md "Offset for Time Namespace".
constexpr std::pair<const char*, std::optional<SpecTimeOffset> SpecTimeOffsets::*> k_clocks[] = {
    {"monotonic", &SpecTimeOffsets::monotonic},
    {"boottime", &SpecTimeOffsets::boottime},
};

Json time_offsets_to_json(const SpecTimeOffsets& offsets) {
  Json out = Json::object();
  for (const auto& [name, member] : k_clocks) {
    const auto& offset = offsets.*member;
    if (!offset) continue;
    Json entry = Json::object();
    out.set(name, entry.set("secs", offset->secs).set("nanosecs", offset->nanosecs));
  }
  return out;
}

Result<SpecTimeOffsets> time_offsets_from_json(const JsonReader& reader) {
  SpecTimeOffsets out;
  for (const auto& [clock, value] : reader.value().as_object()) {
    std::optional<SpecTimeOffset> SpecTimeOffsets::* member = nullptr;
    for (const auto& [name, place] : k_clocks) {
      if (clock == name) member = place;
    }
    if (member == nullptr) return reader.wrong(clock, "a clock of time namespaces; those are monotonic and boottime");
    const auto entry = TRY(reader.find_object(clock));
    if (!entry) continue;
    SpecTimeOffset offset;
    offset.secs = TRY(entry->int_or("secs", 0));
    const uint64_t nanosecs = TRY(entry->uint_or("nanosecs", 0));
    if (nanosecs >= 1'000'000'000) return entry->wrong("nanosecs", "less than a second");
    offset.nanosecs = static_cast<uint32_t>(nanosecs);
    out.*member = offset;
  }
  return out;
}

// What the kernel takes for the name of an interface (dev_valid_name in net/core/dev.c); "%d" is its template.
bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") return false;
  return name.find_first_of("/: \t\n\v\f\r") == std::string_view::npos;
}

Json net_devices_to_json(const std::map<std::string, std::string>& devices) {
  Json out = Json::object();
  for (const auto& [name, inside] : devices) {
    Json entry = Json::object();
    set_text(&entry, "name", inside);
    out.set(name, std::move(entry));
  }
  return out;
}

Result<std::map<std::string, std::string>> net_devices_from_json(const JsonReader& reader) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : reader.value().as_object()) {
    if (!is_interface_name(name)) return reader.wrong(name, "the name of a network device");
    const auto entry = TRY(reader.find_object(name));
    const std::string inside = entry ? TRY(entry->string_or("name", "")) : std::string();
    if (!inside.empty() && !is_interface_name(inside)) return entry->wrong("name", "the name of a network device");
    out[name] = inside;
  }
  return out;
}

Json to_json(const SpecIntelRdt& rdt) {
  Json out = Json::object();
  set_text(&out, "closID", rdt.clos_id);
  set_strings(&out, "schemata", rdt.schemata);
  set_text(&out, "l3CacheSchema", rdt.l3_cache_schema);
  set_text(&out, "memBwSchema", rdt.mem_bw_schema);
  if (rdt.enable_monitoring) out.set("enableMonitoring", true);
  return out;
}

// A directory of resctrl is named after it: no way to another one.
bool is_group_name(std::string_view name) {
  return name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\n') == std::string_view::npos;
}

Result<SpecIntelRdt> intel_rdt_from_json(const JsonReader& reader) {
  SpecIntelRdt rdt;
  rdt.clos_id = TRY(reader.string_or("closID", ""));
  if (!is_group_name(rdt.clos_id)) return reader.wrong("closID", "the name of a resctrl group");
  rdt.schemata = TRY(reader.strings("schemata"));
  rdt.l3_cache_schema = TRY(reader.string_or("l3CacheSchema", ""));
  rdt.mem_bw_schema = TRY(reader.string_or("memBwSchema", ""));
  const bool one_line = rdt.mem_bw_schema.find('\n') == std::string::npos;
  if (!rdt.mem_bw_schema.empty() && (!one_line || !rdt.mem_bw_schema.starts_with("MB:"))) {
    return reader.wrong("memBwSchema", "one line that begins with 'MB:'");
  }
  rdt.enable_monitoring = TRY(reader.bool_or("enableMonitoring", false));
  return rdt;
}

Json devices_to_json(const std::vector<SpecDevice>& devices) {
  Json out = Json::array();
  for (const SpecDevice& device : devices) {
    Json entry = Json::object();
    entry.set("path", device.path).set("type", device.type).set("major", device.major).set("minor", device.minor);
    if (device.file_mode) entry.set("fileMode", *device.file_mode);
    if (device.uid) entry.set("uid", *device.uid);
    if (device.gid) entry.set("gid", *device.gid);
    out.push(std::move(entry));
  }
  return out;
}

// A pipe has no numbers; with -1 it says so. Others' are what dev_t of the kernel holds (include/linux/kdev_t.h).
Result<int64_t> device_number(const JsonReader& reader, std::string_view key, const std::string& type) {
  if (type == "p") {
    (void)TRY(reader.int_or(key, 0));
    return int64_t{0};
  }
  const int64_t number = TRY(reader.get_int(key));
  const int64_t limit = key == "major" ? (int64_t{1} << 12) : (int64_t{1} << 20);
  if (number < 0 || number >= limit) return reader.wrong(key, "the number of a device");
  return number;
}

Result<std::vector<SpecDevice>> devices_from_json(const JsonReader& reader) {
  std::vector<SpecDevice> out;
  const auto elements = TRY(reader.elements("devices"));
  for (const JsonReader& element : elements) {
    SpecDevice device;
    device.path = TRY(element.get_string("path"));
    if (!device.path.starts_with('/')) return element.wrong("path", "an absolute path");
    device.type = TRY(element.get_string("type"));
    if (device.type.size() != 1 || std::string_view("bcup").find(device.type) == std::string_view::npos) {
      return element.wrong("type", "b, c, u or p");
    }
    device.major = TRY(device_number(element, "major", device.type));
    device.minor = TRY(device_number(element, "minor", device.type));
    device.file_mode = TRY(find_narrow<uint32_t>(element, "fileMode"));
    device.uid = TRY(find_narrow<uint32_t>(element, "uid"));
    device.gid = TRY(find_narrow<uint32_t>(element, "gid"));
    out.push_back(std::move(device));
  }
  return out;
}

Result<std::vector<std::string>> absolute_paths(const JsonReader& reader, std::string_view key) {
  std::vector<std::string> paths = TRY(reader.strings(key));
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!paths[i].starts_with('/')) return reader.wrong(fmt::format("{}[{}]", key, i), "an absolute path");
  }
  return paths;
}

}  // namespace

void set_id_map(Json* object, const IdMap& ids) {
  if (!ids.uids.empty()) object->set("uidMappings", ranges_to_json(ids.uids));
  if (!ids.gids.empty()) object->set("gidMappings", ranges_to_json(ids.gids));
}

Result<IdMap> id_map_from_json(const JsonReader& reader) {
  IdMap ids;
  ids.uids = TRY(ranges_from_json(reader, "uidMappings"));
  ids.gids = TRY(ranges_from_json(reader, "gidMappings"));
  return ids;
}

Json to_json(const SpecLinux& config) {
  Json out = Json::object();
  set_id_map(&out, config.ids);
  if (!config.time_offsets.empty()) out.set("timeOffsets", time_offsets_to_json(config.time_offsets));
  if (!config.sysctl.empty()) out.set("sysctl", Json::string_map(config.sysctl));
  if (config.resources) out.set("resources", to_json(*config.resources));
  set_text(&out, "cgroupsPath", config.cgroups_path);
  if (!config.namespaces.empty()) out.set("namespaces", namespaces_to_json(config.namespaces));
  if (!config.devices.empty()) out.set("devices", devices_to_json(config.devices));
  if (!config.net_devices.empty()) out.set("netDevices", net_devices_to_json(config.net_devices));
  if (config.seccomp) out.set("seccomp", *config.seccomp);
  set_text(&out, "rootfsPropagation", config.rootfs_propagation);
  set_strings(&out, "maskedPaths", config.masked_paths);
  set_strings(&out, "readonlyPaths", config.readonly_paths);
  set_text(&out, "mountLabel", config.mount_label);
  if (!config.personality.empty()) out.set("personality", personality_to_json(config.personality));
  if (config.memory_policy) out.set("memoryPolicy", to_json(*config.memory_policy));
  if (config.intel_rdt) out.set("intelRdt", to_json(*config.intel_rdt));
  return out;
}

Result<SpecLinux> linux_from_json(const JsonReader& reader) {
  SpecLinux config;
  config.ids = TRY(id_map_from_json(reader));
  if (const auto offsets = TRY(reader.find_object("timeOffsets"))) {
    config.time_offsets = TRY(time_offsets_from_json(*offsets));
  }
  config.sysctl = TRY(reader.string_map("sysctl"));
  if (const auto resources = TRY(reader.find_object("resources"))) {
    config.resources = TRY(resources_from_json(*resources));
  }
  config.cgroups_path = TRY(reader.string_or("cgroupsPath", ""));
  config.namespaces = TRY(namespaces_from_json(reader));
  config.devices = TRY(devices_from_json(reader));
  if (const auto devices = TRY(reader.find_object("netDevices"))) {
    config.net_devices = TRY(net_devices_from_json(*devices));
  }
  if (const auto seccomp = TRY(reader.find_object("seccomp"))) config.seccomp = seccomp->value();
  config.rootfs_propagation = TRY(reader.string_or("rootfsPropagation", ""));
  config.masked_paths = TRY(absolute_paths(reader, "maskedPaths"));
  config.readonly_paths = TRY(absolute_paths(reader, "readonlyPaths"));
  config.mount_label = TRY(reader.string_or("mountLabel", ""));
  config.personality = TRY(personality_from_json(reader));
  config.memory_policy = TRY(memory_policy_from_json(reader));
  if (const auto rdt = TRY(reader.find_object("intelRdt"))) config.intel_rdt = TRY(intel_rdt_from_json(*rdt));
  return config;
}

}  // namespace ctr::runtime
