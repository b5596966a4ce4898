// Codec of config.json: mounts and namespaces. The process is in spec_process_json.cc, resources in
// spec_resources_json.cc.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "runtime/spec.h"
#include "runtime/spec_codec.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {
namespace {

Json mounts_to_json(const std::vector<SpecMount>& mounts) {
  Json out = Json::array();
  for (const SpecMount& mount : mounts) {
    Json entry = Json::object();
    entry.set("destination", mount.destination);
    set_text(&entry, "type", mount.type);
    set_text(&entry, "source", mount.source);
    set_strings(&entry, "options", mount.options);
    out.push(std::move(entry));
  }
  return out;
}

Result<std::vector<SpecMount>> mounts_from_json(const JsonReader& reader) {
  std::vector<SpecMount> out;
  const auto elements = TRY(reader.elements("mounts"));
  for (const JsonReader& element : elements) {
    SpecMount mount;
    mount.destination = TRY(element.get_string("destination"));
    mount.type = TRY(element.string_or("type", ""));
    mount.source = TRY(element.string_or("source", ""));
    mount.options = TRY(element.strings("options"));
    out.push_back(std::move(mount));
  }
  return out;
}

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
    out.push_back({.type = *type, .path = TRY(element.string_or("path", ""))});
  }
  return out;
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

Result<std::vector<SpecDevice>> devices_from_json(const JsonReader& reader) {
  std::vector<SpecDevice> out;
  const auto elements = TRY(reader.elements("devices"));
  for (const JsonReader& element : elements) {
    SpecDevice device;
    device.path = TRY(element.get_string("path"));
    device.type = TRY(element.get_string("type"));
    device.major = TRY(element.int_or("major", 0));
    device.minor = TRY(element.int_or("minor", 0));
    device.file_mode = TRY(find_narrow<uint32_t>(element, "fileMode"));
    device.uid = TRY(find_narrow<uint32_t>(element, "uid"));
    device.gid = TRY(find_narrow<uint32_t>(element, "gid"));
    out.push_back(std::move(device));
  }
  return out;
}

// MAJOR.MINOR.PATCH, then anything behind - or + (semver.org).
Result<void> check_version(const std::string& version) {
  const std::string core = version.substr(0, version.find_first_of("-+"));
  const std::vector<std::string> numbers = split(core, '.');
  bool valid = numbers.size() == 3;
  for (const std::string& number : numbers) valid = valid && parse_unsigned(number, "version");
  if (valid && numbers[0] == "1") return ok();
  return Error(valid ? Errc::unsupported : Errc::invalid,
               fmt::format("config.json: ociVersion '{}' is not {}", printable(version), valid ? "1.x" : "a version"));
}

Json linux_to_json(const SpecLinux& config) {
  Json out = Json::object();
  if (!config.ids.uids.empty()) out.set("uidMappings", ranges_to_json(config.ids.uids));
  if (!config.ids.gids.empty()) out.set("gidMappings", ranges_to_json(config.ids.gids));
  if (!config.sysctl.empty()) out.set("sysctl", Json::string_map(config.sysctl));
  if (config.resources) out.set("resources", to_json(*config.resources));
  set_text(&out, "cgroupsPath", config.cgroups_path);
  if (!config.namespaces.empty()) out.set("namespaces", namespaces_to_json(config.namespaces));
  if (!config.devices.empty()) out.set("devices", devices_to_json(config.devices));
  if (config.seccomp) out.set("seccomp", *config.seccomp);
  set_text(&out, "rootfsPropagation", config.rootfs_propagation);
  set_strings(&out, "maskedPaths", config.masked_paths);
  set_strings(&out, "readonlyPaths", config.readonly_paths);
  set_text(&out, "mountLabel", config.mount_label);
  return out;
}

Result<SpecLinux> linux_from_json(const JsonReader& reader) {
  SpecLinux config;
  config.ids.uids = TRY(ranges_from_json(reader, "uidMappings"));
  config.ids.gids = TRY(ranges_from_json(reader, "gidMappings"));
  config.sysctl = TRY(reader.string_map("sysctl"));
  if (const auto resources = TRY(reader.find_object("resources"))) {
    config.resources = TRY(resources_from_json(*resources));
  }
  config.cgroups_path = TRY(reader.string_or("cgroupsPath", ""));
  config.namespaces = TRY(namespaces_from_json(reader));
  config.devices = TRY(devices_from_json(reader));
  if (const auto seccomp = TRY(reader.find_object("seccomp"))) config.seccomp = seccomp->value();
  config.rootfs_propagation = TRY(reader.string_or("rootfsPropagation", ""));
  config.masked_paths = TRY(reader.strings("maskedPaths"));
  config.readonly_paths = TRY(reader.strings("readonlyPaths"));
  config.mount_label = TRY(reader.string_or("mountLabel", ""));
  return config;
}

}  // namespace

Json to_json(const RuntimeSpec& spec) {
  Json out = Json::object();
  out.set("ociVersion", spec.oci_version);
  if (spec.process) out.set("process", to_json(*spec.process));
  Json root = Json::object();
  out.set("root", root.set("path", spec.root.path).set("readonly", spec.root.readonly));
  set_text(&out, "hostname", spec.hostname);
  set_text(&out, "domainname", spec.domainname);
  if (!spec.mounts.empty()) out.set("mounts", mounts_to_json(spec.mounts));
  if (!spec.annotations.empty()) out.set("annotations", Json::string_map(spec.annotations));
  out.set("linux", linux_to_json(spec.linux_config));
  return out;
}

Result<RuntimeSpec> spec_from_json(const Json& value) {
  const JsonReader reader(value, "config.json");
  TRY(reader.expect_object());
  RuntimeSpec spec;
  spec.oci_version = TRY(reader.get_string("ociVersion"));
  TRY(check_version(spec.oci_version));
  if (const auto process = TRY(reader.find_object("process"))) spec.process = TRY(process_from_json(*process));
  if (const auto root = TRY(reader.find_object("root"))) {
    spec.root.path = TRY(root->get_string("path"));
    spec.root.readonly = TRY(root->bool_or("readonly", false));
  }
  spec.hostname = TRY(reader.string_or("hostname", ""));
  spec.domainname = TRY(reader.string_or("domainname", ""));
  spec.mounts = TRY(mounts_from_json(reader));
  spec.annotations = TRY(reader.string_map("annotations"));
  if (const auto config = TRY(reader.find_object("linux"))) spec.linux_config = TRY(linux_from_json(*config));
  return spec;
}

}  // namespace ctr::runtime
