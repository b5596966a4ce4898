#include "engine/cdi.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/yaml.h"
#include "runtime/spec_hooks.h"

namespace ctr::engine {

namespace {

// Those of a machine with many devices have some hundred kilobytes.
constexpr size_t k_file_limit_bytes = size_t{4} << 20;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_word(std::string_view text, std::string_view inner, bool begins_with_letter) {
  if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  if (begins_with_letter && text.front() >= '0' && text.front() <= '9') return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alphanumeric(c) || inner.find(c) != std::string_view::npos; });
}

bool is_kind(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  return is_word(text.substr(0, slash), "_-.", true) && is_word(text.substr(slash + 1), "_-", true);
}

bool is_device_name(std::string_view text) { return is_word(text, "_-.:", false); }

// What is not known may be what keeps a device from being dangerous: it is never left out.
Result<void> check_members(const JsonReader& reader, const std::vector<std::string_view>& known) {
  TRY(reader.expect_object());
  for (const auto& [key, value] : reader.value().as_object()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return Error(Errc::unsupported, fmt::format("{}: '{}' is not supported", reader.path(), printable(key)));
  }
  return ok();
}

Result<std::string> absolute_path(const JsonReader& reader, std::string_view key) {
  auto path = TRY(reader.get_string(key));
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) return reader.wrong(key, "an absolute path");
  return path;
}

Result<DeviceSpec> read_device(const JsonReader& reader) {
  // Type, numbers and owner are those of the device of the host: this one is shown, and none is made.
  TRY(check_members(reader, {"path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"}));
  DeviceSpec device;
  device.container_path = TRY(absolute_path(reader, "path"));
  device.host_path = reader.has("hostPath") ? TRY(absolute_path(reader, "hostPath")) : device.container_path;
  device.permissions = TRY(reader.string_or("permissions", "rwm"));
  if (device.permissions.empty()) device.permissions = "rwm";
  if (device.permissions.find_first_not_of("rwm") != std::string::npos) {
    return reader.wrong("permissions", "made of r, w and m");
  }
  return device;
}

Result<runtime::SpecMount> read_mount(const JsonReader& reader) {
  TRY(check_members(reader, {"hostPath", "containerPath", "options", "type"}));
  runtime::SpecMount mount;
  mount.source = TRY(absolute_path(reader, "hostPath"));
  mount.destination = TRY(absolute_path(reader, "containerPath"));
  mount.type = TRY(reader.string_or("type", ""));
  mount.options = TRY(reader.strings("options"));
  const auto has = [&](const char* option) {
    return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
  };
  if (!mount.type.empty() && mount.type != "bind" && mount.type != "none") {
    return Error(Errc::unsupported,
                 fmt::format("{}: mounts of type '{}' are not supported", reader.path(), printable(mount.type)));
  }
  mount.type = "bind";
  if (!has("bind") && !has("rbind")) mount.options.emplace_back("bind");
  return mount;
}

// The name of one in the specification of runtimes, with the fields that both have.
Result<void> read_hook(const JsonReader& reader, runtime::SpecHooks& hooks) {
  TRY(check_members(reader, {"hookName", "path", "args", "env", "timeout"}));
  const auto name = TRY(reader.get_string("hookName"));
  constexpr auto k_names = std::to_array<std::string_view>(
      {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"});
  if (std::find(k_names.begin(), k_names.end(), name) == k_names.end()) {
    return reader.wrong("hookName", "the name of a hook");
  }
  const Json list = Json::object().set(name, Json::array().push(reader.value()));
  const auto read = TRY(runtime::hooks_from_json(JsonReader(list, reader.path())));
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(hooks.prestart, read.prestart);
  append(hooks.create_runtime, read.create_runtime);
  append(hooks.create_container, read.create_container);
  append(hooks.start_container, read.start_container);
  append(hooks.poststart, read.poststart);
  append(hooks.poststop, read.poststop);
  return ok();
}

Result<CdiEdits> read_edits(const JsonReader& owner) {
  CdiEdits edits;
  const auto reader = TRY(owner.find_object("containerEdits"));
  if (!reader) return edits;
  TRY(check_members(*reader, {"env", "deviceNodes", "mounts", "hooks", "additionalGids"}));
  edits.env = TRY(reader->strings("env"));
  for (const auto& entry : edits.env) {
    const size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos || entry.find('\0') != std::string::npos) {
      return reader->wrong("env", "a list of NAME=value");
    }
  }
  for (const auto& node : TRY(reader->elements("deviceNodes"))) edits.devices.push_back(TRY(read_device(node)));
  for (const auto& mount : TRY(reader->elements("mounts"))) edits.mounts.push_back(TRY(read_mount(mount)));
  for (const auto& hook : TRY(reader->elements("hooks"))) TRY(read_hook(hook, edits.hooks));
  const Json* groups = reader->value().find("additionalGids");
  if (groups == nullptr || groups->is_null()) return edits;
  if (!groups->is_array()) return reader->wrong("additionalGids", "a list of numbers");
  for (const auto& group : groups->as_array()) {
    if (!group.is_integer() || group.as_int() < 0 || group.as_int() > INT32_MAX) {
      return reader->wrong("additionalGids", "a list of numbers");
    }
    // Nobody's group is added by way of a list with a zero in it: the interface says that 0 is left out.
    if (group.as_int() != 0) edits.groups.push_back(static_cast<uint32_t>(group.as_int()));
  }
  return edits;
}

void append(CdiEdits& to, const CdiEdits& from) {
  const auto add = [](auto& list, const auto& more) { list.insert(list.end(), more.begin(), more.end()); };
  add(to.env, from.env);
  add(to.devices, from.devices);
  add(to.mounts, from.mounts);
  add(to.groups, from.groups);
  add(to.hooks.prestart, from.hooks.prestart);
  add(to.hooks.create_runtime, from.hooks.create_runtime);
  add(to.hooks.create_container, from.hooks.create_container);
  add(to.hooks.start_container, from.hooks.start_container);
  add(to.hooks.poststart, from.hooks.poststart);
  add(to.hooks.poststop, from.hooks.poststop);
}

// "vendor.com/class=name" in two.
std::pair<std::string, std::string> split_name(const std::string& name) {
  return split_once(name, '=').value_or(std::pair<std::string, std::string>(name, ""));
}

// The one file that has the device; nullptr when none does.
Result<const CdiFile*> find_file(const std::string& name, const std::vector<std::vector<CdiFile>>& folders) {
  const auto [kind, device] = split_name(name);
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    const CdiFile* found = nullptr;
    for (const auto& file : *folder) {
      if (file.kind != kind || !file.devices.contains(device)) continue;
      if (found != nullptr) {
        return Error(Errc::exists, fmt::format("the device '{}' is in '{}' and in '{}'", printable(name),
                                               printable(found->path), printable(file.path)))
            .with_hint("remove it from one of the files");
      }
      found = &file;
    }
    if (found != nullptr) return found;
  }
  return nullptr;
}

// JSON or YAML, as the name says. Source: CDI specification 1.0.0, "CDI Spec Files".
Result<CdiFile> read_file_of(const Dir& dir, const std::string& name, const std::string& full) {
  const auto text = TRY(dir.read_file(name, k_file_limit_bytes));
  if (name.ends_with(".json")) return parse_cdi_file(TRY(parse_json(text, full)), full);
  const auto documents = TRY(parse_yaml(text, full));
  if (documents.size() == 1) return parse_cdi_file(yaml_to_json(documents.front()), full);
  return Error(Errc::invalid, fmt::format("{}: has {} documents, and one is read", full, documents.size()));
}

// The files of one folder. Of those that cannot be used it is noted why.
Result<std::vector<CdiFile>> read_folder(const std::string& path, std::vector<std::string>& troubles) {
  std::vector<CdiFile> files;
  const auto dir = Dir::open(path);
  if (!dir && dir.error().code() == Errc::not_found) return files;
  auto names = TRY(TRY(Dir::open(path)).list());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const std::string full = path + "/" + name;
    if (name.ends_with(".yml")) {
      troubles.push_back(fmt::format("'{}' does not end in .json or .yaml", printable(full)));
    }
    if (!name.ends_with(".json") && !name.ends_with(".yaml")) continue;
    auto file = read_file_of(*dir, name, full);
    if (!file) {
      troubles.push_back(file.error().text());
    } else {
      files.push_back(std::move(file).value());
    }
  }
  return files;
}

}  // namespace

bool is_cdi_name(std::string_view text) {
  const size_t equals = text.find('=');
  return equals != std::string_view::npos && is_kind(text.substr(0, equals)) && is_device_name(text.substr(equals + 1));
}

Result<CdiFile> parse_cdi_file(const Json& document, const std::string& path) {
  const JsonReader reader(document, path);
  TRY(check_members(reader, {"cdiVersion", "kind", "annotations", "containerEdits", "devices"}));
  const auto version = TRY(reader.get_string("cdiVersion"));
  if (!version.starts_with("0.") && !version.starts_with("1.")) {
    return Error(Errc::unsupported, fmt::format("{}: cdiVersion '{}' is not supported", path, printable(version)));
  }
  CdiFile file;
  file.path = path;
  file.kind = TRY(reader.get_string("kind"));
  if (!is_kind(file.kind)) return reader.wrong("kind", "a name like vendor.com/class");
  file.edits = TRY(read_edits(reader));
  for (const auto& device : TRY(reader.elements("devices"))) {
    TRY(check_members(device, {"name", "annotations", "containerEdits"}));
    const auto name = TRY(device.get_string("name"));
    if (!is_device_name(name)) return device.wrong("name", "the name of a device");
    if (!file.devices.emplace(name, TRY(read_edits(device))).second) {
      return Error(Errc::invalid, fmt::format("{}: the device '{}' is there twice", path, name));
    }
  }
  return file;
}

Result<CdiEdits> choose_cdi_edits(const std::vector<std::string>& names,
                                  const std::vector<std::vector<CdiFile>>& folders) {
  CdiEdits edits;
  std::set<const CdiFile*> used;
  for (const auto& name : names) {
    const auto* file = TRY(find_file(name, folders));
    if (file == nullptr) {
      return Error(Errc::not_found,
                   fmt::format("no file of the Container Device Interface has the device '{}'", printable(name)));
    }
    if (used.insert(file).second) append(edits, file->edits);
    append(edits, file->devices.at(split_name(name).second));
  }
  return edits;
}

Result<CdiEdits> find_cdi_edits(const std::vector<std::string>& names, const std::vector<std::string>& dirs) {
  if (names.empty()) return CdiEdits();
  std::vector<std::vector<CdiFile>> folders;
  std::vector<std::string> troubles;
  for (const auto& dir : dirs) folders.push_back(TRY(read_folder(dir, troubles)));
  auto edits = choose_cdi_edits(names, folders);
  if (edits || edits.error().code() != Errc::not_found) return edits;
  const auto where = troubles.empty() ? fmt::format("files are looked for in {}", join(dirs, " and "))
                                      : fmt::format("not used: {}", join(troubles, "; "));
  return std::move(edits).error().with_hint(where);
}

}  // namespace ctr::engine
