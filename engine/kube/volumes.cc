// The volumes of a pod, and where its containers mount them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/kube/origin.h"
#include "engine/kube/quantity.h"
#include "engine/kube/reader.h"

namespace ctr::engine::kube {

namespace {

constexpr int64_t k_most_mode = 0777;

// A path below a directory: relative, without "..".
bool stays_below(std::string_view path) {
  if (path.empty() || path.starts_with('/')) return false;
  for (const auto& part : split(path, '/')) {
    if (part == ".." || part.empty()) return false;
  }
  return true;
}

// What a volume is filled with: all of an object, or the items that are named.
struct FileRules {
  uint32_t mode = 0644;
  bool optional = false;
};

Result<void> add_file(const Fields& at, std::string path, const std::string& bytes, uint32_t mode,
                      std::vector<VolumeFile>& files) {
  if (!stays_below(path)) return at.wrong("path", fmt::format("'{}' is not a path below the volume", printable(path)));
  const auto same = [&](const VolumeFile& file) { return file.path == path; };
  if (std::any_of(files.begin(), files.end(), same)) {
    return at.wrong("path", fmt::format("'{}' is there twice", printable(path)));
  }
  TRY(at.charge("", bytes.size()));
  files.push_back({std::move(path), bytes, mode});
  return ok();
}

Result<void> add_files(Fields& fields, const DataObject* object, const FileRules& rules,
                       std::vector<VolumeFile>& files) {
  const bool has_items = fields.has("items");
  for (auto& item : TRY(fields.maps("items"))) {
    const auto key = TRY(item.get_text("key"));
    const auto path = TRY(item.get_text("path"));
    const auto mode = TRY(item.find_integer("mode", 0, k_most_mode));
    TRY(item.finish());
    const bool known = object != nullptr && object->data.contains(key);
    if (!known && !rules.optional) return item.wrong("key", fmt::format("there is no key '{}'", printable(key)));
    if (known) {
      TRY(add_file(item, path, object->data.at(key), mode ? static_cast<uint32_t>(*mode) : rules.mode, files));
    }
  }
  if (has_items || object == nullptr) return ok();
  for (const auto& [key, bytes] : object->data) TRY(add_file(fields, key, bytes, rules.mode, files));
  return ok();
}

// configMap, secret, and the same as sources of a projected volume, which have no mode.
Result<void> add_object(Fields& fields, PodContext& context, bool secret, uint32_t mode,
                        std::vector<VolumeFile>& files) {
  const bool projected = !secret || fields.has("name");
  const auto name = TRY(fields.get_text(projected ? "name" : "secretName"));
  FileRules rules;
  rules.mode = static_cast<uint32_t>(TRY(fields.find_integer("defaultMode", 0, k_most_mode)).value_or(mode));
  rules.optional = TRY(fields.flag_or("optional", false));
  const auto* object = secret ? TRY(find_secret(fields, context.objects, context.choices, name, rules.optional))
                              : TRY(find_config_map(fields, context.objects, name, rules.optional));
  TRY(add_files(fields, object, rules, files));
  return fields.finish();
}

Result<void> add_downward(Fields& fields, const PodContext& context, uint32_t mode, std::vector<VolumeFile>& files) {
  const auto default_mode = TRY(fields.find_integer("defaultMode", 0, k_most_mode)).value_or(mode);
  for (auto& item : TRY(fields.maps("items"))) {
    const auto path = TRY(item.get_text("path"));
    const auto own_mode = TRY(item.find_integer("mode", 0, k_most_mode)).value_or(default_mode);
    auto from = TRY(item.find_map("fieldRef"));
    auto resource = TRY(item.find_map("resourceFieldRef"));
    TRY(item.finish());
    if (from.has_value() == resource.has_value()) return item.wrong("", "needs fieldRef or resourceFieldRef");
    const auto bytes = from ? TRY(read_pod_field(*from, context, FieldFor::file))
                            : TRY(read_resource_field(*resource, nullptr, context));
    TRY(add_file(item, path, bytes, static_cast<uint32_t>(own_mode), files));
  }
  return fields.finish();
}

Result<void> add_projected(Fields& fields, PodContext& context, std::vector<VolumeFile>& files) {
  const auto mode = static_cast<uint32_t>(TRY(fields.find_integer("defaultMode", 0, k_most_mode)).value_or(0644));
  for (auto& source : TRY(fields.maps("sources"))) {
    if (auto map = TRY(source.find_map("configMap"))) TRY(add_object(*map, context, false, mode, files));
    if (auto secret = TRY(source.find_map("secret"))) TRY(add_object(*secret, context, true, mode, files));
    if (auto downward = TRY(source.find_map("downwardAPI"))) TRY(add_downward(*downward, context, mode, files));
    TRY(source.finish());
  }
  return fields.finish();
}

// A volume that lives as long as the pod.
VolumeOptions volume_of_pod(const PodContext& context, const std::string& name) {
  VolumeOptions volume;
  volume.name = context.pod_name + "-" + name;
  volume.anonymous = true;
  if (context.fs_group) volume.gid = static_cast<uint32_t>(*context.fs_group);
  return volume;
}

// Everybody may write to it, and what the image has at its place is not seen.
VolumeSource empty_volume(const PodContext& context, const std::string& name) {
  VolumeSource source;
  source.kind = VolumeSource::Kind::volume;
  source.made = volume_of_pod(context, name);
  source.made->files.emplace();
  source.made->mode = context.fs_group ? 02777 : 0777;
  source.source = source.made->name;
  return source;
}

Result<VolumeSource> read_empty_dir(Fields& fields, const PodContext& context, const std::string& name) {
  VolumeSource source;
  const auto medium = TRY(fields.text_or("medium", ""));
  const auto size = TRY(fields.find_text("sizeLimit"));
  TRY(fields.finish());
  PodMemory memory{name, {}, {}};
  if (size && *size != "0") {
    const auto bytes = parse_quantity(*size);
    if (!bytes) return fields.wrong("sizeLimit", bytes.error().message());
    memory.size_bytes = static_cast<uint64_t>(*bytes);
  }
  if (medium.empty()) {
    if (memory.size_bytes) fields.warn("sizeLimit", "not enforced on disk; medium: Memory has a limit");
    return empty_volume(context, name);
  }
  if (medium != "Memory") return fields.wrong("medium", fmt::format("'{}' is not supported", printable(medium)));
  if (name == "." || name == ".." || name.find('/') != std::string::npos) {
    return fields.wrong("", fmt::format("'{}' cannot be the name of a volume", printable(name)));
  }
  if (context.fs_group) memory.gid = static_cast<uint32_t>(*context.fs_group);
  source.kind = VolumeSource::Kind::memory;
  source.source = name;
  source.memory = std::move(memory);
  return source;
}

constexpr std::array<std::pair<std::string_view, HostPathCheck::Type>, 8> k_path_types = {{
    {"", HostPathCheck::Type::any},
    {"Directory", HostPathCheck::Type::directory},
    {"DirectoryOrCreate", HostPathCheck::Type::directory_or_create},
    {"File", HostPathCheck::Type::file},
    {"FileOrCreate", HostPathCheck::Type::file_or_create},
    {"Socket", HostPathCheck::Type::socket},
    {"CharDevice", HostPathCheck::Type::char_device},
    {"BlockDevice", HostPathCheck::Type::block_device},
}};

Result<VolumeSource> read_host_path(Fields& fields) {
  VolumeSource source;
  source.source = TRY(fields.get_text("path"));
  const auto type = TRY(fields.text_or("type", ""));
  TRY(fields.finish());
  const auto* const known =
      std::find_if(k_path_types.begin(), k_path_types.end(), [&](const auto& entry) { return entry.first == type; });
  if (known == k_path_types.end()) return fields.wrong("type", fmt::format("'{}' is not supported", printable(type)));
  // As podman: a word without a slash is a volume.
  if (source.source.find('/') == std::string::npos) {
    source.kind = VolumeSource::Kind::claim;
    return source;
  }
  if (!source.source.starts_with('/')) return fields.wrong("path", "is not absolute");
  using Type = HostPathCheck::Type;
  if (known->second == Type::char_device || known->second == Type::block_device) {
    source.kind = VolumeSource::Kind::device;
  }
  source.check = HostPathCheck{source.source, known->second, fields.wrong("path", "").message()};
  return source;
}

Result<VolumeSource> read_files_volume(Fields& volume, PodContext& context, const std::string& name) {
  VolumeSource source;
  source.kind = VolumeSource::Kind::volume;
  source.made = volume_of_pod(context, name);
  source.source = source.made->name;
  auto& files = source.made->files.emplace();
  if (auto map = TRY(volume.find_map("configMap"))) {
    TRY(add_object(*map, context, false, 0644, files));
  } else if (auto secret = TRY(volume.find_map("secret"))) {
    TRY(add_object(*secret, context, true, 0644, files));
  } else if (auto projected = TRY(volume.find_map("projected"))) {
    TRY(add_projected(*projected, context, files));
  } else if (auto downward = TRY(volume.find_map("downwardAPI"))) {
    TRY(add_downward(*downward, context, 0644, files));
  } else {
    return volume.wrong("", "says no source that is supported");
  }
  return source;
}

Result<VolumeSource> read_volume(Fields& volume, PodContext& context, const std::string& name) {
  VolumeSource source;
  if (auto host = TRY(volume.find_map("hostPath"))) return read_host_path(*host);
  if (auto claim = TRY(volume.find_map("persistentVolumeClaim"))) {
    source.kind = VolumeSource::Kind::claim;
    source.source = TRY(claim->get_text("claimName"));
    if (TRY(claim->flag_or("readOnly", false))) source.options.emplace_back("ro");
    TRY(claim->finish());
    return source;
  }
  if (auto image = TRY(volume.find_map("image"))) {
    source.kind = VolumeSource::Kind::image;
    source.source = TRY(image->get_text("reference"));
    image->skip({"pullPolicy"});
    TRY(image->finish());
    return source;
  }
  // Without any source it is an empty directory, too.
  static constexpr std::array<std::string_view, 4> k_files = {"configMap", "secret", "projected", "downwardAPI"};
  for (const auto key : k_files) {
    if (!volume.has(key)) continue;
    auto filled = TRY(read_files_volume(volume, context, name));
    filled.origin = volume_origin(volume, name, key);
    return filled;
  }
  if (auto empty = TRY(volume.find_map("emptyDir"))) return read_empty_dir(*empty, context, name);
  return empty_volume(context, name);
}

Result<void> apply_propagation(const Fields& mount, const std::string& propagation, MountSpec& spec) {
  if (propagation.empty() || propagation == "None") return ok();
  if (spec.type != MountSpec::Type::bind) return ok();
  if (propagation == "HostToContainer") {
    spec.options.emplace_back("rslave");
  } else if (propagation == "Bidirectional") {
    spec.options.emplace_back("rshared");
  } else {
    return mount.wrong("mountPropagation", fmt::format("'{}' is not supported", printable(propagation)));
  }
  return ok();
}

MountSpec mount_of(const VolumeSource& source) {
  MountSpec mount;
  mount.source = source.source;
  mount.options = source.options;
  switch (source.kind) {
    case VolumeSource::Kind::bind:
    case VolumeSource::Kind::device:
      mount.type = MountSpec::Type::bind;
      mount.options.emplace_back("rbind");
      break;
    case VolumeSource::Kind::volume:
    case VolumeSource::Kind::claim:
      mount.type = MountSpec::Type::volume;
      break;
    case VolumeSource::Kind::memory:
      mount.type = MountSpec::Type::memory;
      break;
    case VolumeSource::Kind::image:
      mount.type = MountSpec::Type::image;
      break;
  }
  return mount;
}

Result<void> apply_subpath(Fields& mount, const std::map<std::string, std::string>& env, MountSpec& spec) {
  auto path = TRY(mount.text_or("subPath", ""));
  const auto expression = TRY(mount.text_or("subPathExpr", ""));
  const std::string_view key = expression.empty() ? "subPath" : "subPathExpr";
  if (!path.empty() && !expression.empty()) return mount.wrong("", "subPath and subPathExpr exclude each other");
  if (!expression.empty()) path = TRY(expand(mount, key, expression, env));
  if (path.empty()) return ok();
  while (path.ends_with('/')) path.pop_back();
  if (!stays_below(path)) return mount.wrong(key, fmt::format("'{}' is not a path below the volume", printable(path)));
  spec.subpath = path;
  // What others have put there by then may be a file, too. An image is what it is.
  spec.makes_subpath = spec.type != MountSpec::Type::image;
  return ok();
}

Result<void> read_mount(Fields& fields, const std::map<std::string, std::string>& env, VolumeSources& volumes,
                        ContainerSpec& spec) {
  const auto name = TRY(fields.get_text("name"));
  const auto found = volumes.find(name);
  if (found == volumes.end()) return fields.wrong("name", fmt::format("there is no volume '{}'", printable(name)));
  auto& source = found->second;
  const bool read_only = TRY(fields.flag_or("readOnly", false));
  auto destination = TRY(fields.get_text("mountPath"));
  // Behind a colon, which Kubernetes does not allow, podman takes options as of --volume.
  std::vector<std::string> options;
  if (const auto pair = split_once(destination, ':')) {
    options = split(pair->second, ',');
    destination = std::string(pair->first);
  }
  if (source.kind == VolumeSource::Kind::device) {
    spec.devices.push_back({source.source, destination, read_only ? "r" : "rwm"});
    return fields.finish();
  }
  auto mount = mount_of(source);
  mount.destination = destination.starts_with('/') ? destination : "/" + destination;
  mount.options.insert(mount.options.end(), options.begin(), options.end());
  if (read_only) mount.options.emplace_back("ro");
  TRY(apply_propagation(fields, TRY(fields.text_or("mountPropagation", "")), mount));
  TRY(apply_subpath(fields, env, mount));
  // A file system of one container alone has no parts.
  if (source.memory && !mount.subpath.empty()) source.is_shared = true;
  if (!TRY(fields.text_or("recursiveReadOnly", "")).empty()) TRY(fields.unsupported("recursiveReadOnly"));
  if (++source.users > 1) source.is_shared = true;
  spec.mounts.push_back(std::move(mount));
  return fields.finish();
}

}  // namespace

Result<VolumeSources> read_volumes(Fields& pod, PodContext& context) {
  VolumeSources volumes;
  for (auto& volume : TRY(pod.maps("volumes"))) {
    const auto name = TRY(volume.get_text("name"));
    if (volumes.contains(name)) return volume.wrong("name", fmt::format("'{}' is there twice", printable(name)));
    auto source = TRY(read_volume(volume, context, name));
    source.where = volume.wrong("", "").message();
    TRY(volume.finish());
    volumes.emplace(name, std::move(source));
  }
  return volumes;
}

Result<void> read_mounts(Fields& container, const std::map<std::string, std::string>& env, VolumeSources& volumes,
                         ContainerSpec& spec) {
  for (auto& mount : TRY(container.maps("volumeMounts"))) TRY(read_mount(mount, env, volumes, spec));
  for (auto& device : TRY(container.maps("volumeDevices"))) {
    const auto name = TRY(device.get_text("name"));
    const auto path = TRY(device.get_text("devicePath"));
    TRY(device.finish());
    const auto found = volumes.find(name);
    if (found == volumes.end() || found->second.kind != VolumeSource::Kind::device) {
      return device.wrong("name", fmt::format("there is no device '{}' among the volumes", printable(name)));
    }
    spec.devices.push_back({found->second.source, path, "rwm"});
  }
  return ok();
}

}  // namespace ctr::engine::kube
