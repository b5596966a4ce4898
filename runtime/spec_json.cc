// Codec of config.json: the root, mounts and what is about the container as a whole. The other parts are in
// spec_process_json.cc, spec_linux_json.cc and spec_resources_json.cc.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "runtime/spec.h"
#include "runtime/spec_codec.h"
#include "runtime/spec_hooks.h"

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
    set_id_map(&entry, mount.ids);
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
    if (mount.destination.empty()) return element.wrong("destination", "a path");
    mount.type = TRY(element.string_or("type", ""));
    mount.source = TRY(element.string_or("source", ""));
    mount.options = TRY(element.strings("options"));
    mount.ids = TRY(id_map_from_json(element));
    if (mount.ids.uids.empty() != mount.ids.gids.empty()) {
      return element.wrong(mount.ids.uids.empty() ? "uidMappings" : "gidMappings", "given; both are needed, or none");
    }
    out.push_back(std::move(mount));
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
  if (spec.hooks != SpecHooks()) out.set("hooks", to_json(spec.hooks));
  out.set("linux", to_json(spec.linux_config));
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
  if (const auto hooks = TRY(reader.find_object("hooks"))) spec.hooks = TRY(hooks_from_json(*hooks));
  if (const auto config = TRY(reader.find_object("linux"))) spec.linux_config = TRY(linux_from_json(*config));
  return spec;
}

}  // namespace ctr::runtime
