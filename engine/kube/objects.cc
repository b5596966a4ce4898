// ConfigMap, Secret, PersistentVolumeClaim, and what all documents begin with.
#include <fmt/format.h>

#include "base/base64.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/kube/reader.h"

namespace ctr::engine::kube {

namespace {

// Binary data, as Kubernetes writes it: lines are allowed.
std::optional<std::string> decode(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  return base64_decode(text);
}

Result<void> add_binary(Fields& document, std::string_view key, std::map<std::string, std::string>& out) {
  for (auto& [name, text] : TRY(document.text_map(key))) {
    auto bytes = decode(text);
    if (!bytes) return document.wrong(key, fmt::format("the value of '{}' is not base64", printable(name)));
    out.insert_or_assign(name, std::move(*bytes));
  }
  return ok();
}

// Keys become names of files.
Result<void> check_keys(const Fields& document, const DataObject& object) {
  for (const auto& [key, bytes] : object.data) {
    const bool good =
        !key.empty() && key.size() <= 253 && key != "." && key != ".." &&
        key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string::npos;
    if (!good) return document.wrong("", fmt::format("'{}' cannot be a key", printable(key)));
  }
  return ok();
}

// The annotations that podman has for what claims cannot say.
Result<void> apply_volume_annotation(const Fields& at, const std::string& key, const std::string& value,
                                     VolumeOptions& volume) {
  constexpr std::string_view k_prefix = "volume.podman.io/";
  if (!key.starts_with(k_prefix)) return ok();
  const auto name = key.substr(k_prefix.size());
  if (name == "driver") {
    volume.driver = value;
  } else if (name == "device" || name == "type" || name == "image") {
    volume.options[name] = value;
  } else if (name == "mount-options") {
    volume.options["o"] = value;
  } else if (name == "uid" || name == "gid") {
    const auto id = parse_unsigned(value, key, UINT32_MAX - 1);
    if (!id) return at.wrong("metadata", id.error().message());
    (name == "uid" ? volume.uid : volume.gid) = static_cast<uint32_t>(*id);
  } else {
    return at.wrong("metadata", fmt::format("the annotation '{}' is not supported", printable(key)));
  }
  return ok();
}

}  // namespace

Result<Metadata> read_metadata(Fields& document, NeedsName needs_name) {
  Metadata metadata;
  auto fields = TRY(document.find_map("metadata"));
  if (!fields) {
    if (needs_name == NeedsName::yes) return document.wrong("", "metadata is missing");
    return metadata;
  }
  metadata.name = TRY(fields->text_or("name", ""));
  if (metadata.name.empty() && needs_name == NeedsName::yes) return fields->wrong("", "name is missing");
  metadata.labels = TRY(fields->text_map("labels"));
  metadata.annotations = TRY(fields->text_map("annotations"));
  // What a cluster fills in, and the namespace, of which one machine has one.
  fields->skip({"namespace", "creationTimestamp", "uid", "resourceVersion", "generation", "managedFields", "selfLink",
                "ownerReferences", "finalizers"});
  TRY(fields->finish());
  return metadata;
}

Result<DataObject> read_config_map(Fields& document) {
  auto metadata = TRY(read_metadata(document, NeedsName::yes));
  DataObject object{std::move(metadata.name), TRY(document.text_map("data")), std::move(metadata.labels)};
  std::map<std::string, std::string> binary;
  TRY(add_binary(document, "binaryData", binary));
  for (auto& [key, bytes] : binary) {
    if (!object.data.emplace(key, std::move(bytes)).second) {
      return document.wrong("binaryData", fmt::format("'{}' is in data, too", printable(key)));
    }
    object.binary.insert(key);
  }
  document.skip({"immutable"});
  TRY(check_keys(document, object));
  TRY(document.finish());
  return object;
}

Result<DataObject> read_secret(Fields& document) {
  auto metadata = TRY(read_metadata(document, NeedsName::yes));
  DataObject object{std::move(metadata.name), {}, std::move(metadata.labels)};
  TRY(add_binary(document, "data", object.data));
  for (auto& [key, text] : TRY(document.text_map("stringData"))) object.data.insert_or_assign(key, std::move(text));
  document.skip({"immutable", "type"});
  TRY(check_keys(document, object));
  TRY(document.finish());
  return object;
}

std::string secret_document(const DataObject& secret) {
  Json data = Json::object();
  for (const auto& [key, bytes] : secret.data) data.set(key, base64_encode(bytes));
  const auto document = Json::object()
                            .set("apiVersion", "v1")
                            .set("data", std::move(data))
                            .set("kind", "Secret")
                            .set("metadata", Json::object().set("name", secret.name));
  return dump_json(document);
}

Result<DataObject> parse_secret_document(const std::string& document, const std::string& name) {
  Source source{"secret " + name, Unsupported::ignored, {}};
  const auto nodes = TRY(parse_yaml(document, source.file));
  if (nodes.size() != 1)
    return Error(Errc::invalid, fmt::format("the secret '{}' is not a Secret of Kubernetes", name));
  auto fields = TRY(Fields::of(nodes[0], source, ""));
  fields.skip({"apiVersion", "kind"});
  return read_secret(fields);
}

Result<VolumeOptions> read_claim(Fields& document) {
  const auto metadata = TRY(read_metadata(document, NeedsName::yes));
  VolumeOptions volume;
  volume.name = metadata.name;
  volume.labels = metadata.labels;
  volume.ignore_existing = true;
  for (const auto& [key, value] : metadata.annotations) {
    TRY(apply_volume_annotation(document, key, value, volume));
  }
  // Size and ways of access are a matter of the storage of a cluster; a volume is a directory.
  if (auto spec = TRY(document.find_map("spec"))) {
    spec->skip({"accessModes", "resources", "storageClassName", "volumeMode", "volumeName"});
    TRY(spec->finish());
  }
  document.skip({"status"});
  TRY(document.finish());
  return volume;
}

Result<const DataObject*> find_config_map(const Fields& at, const Objects& objects, const std::string& name,
                                          bool optional) {
  const auto found = objects.config_maps.find(name);
  if (found != objects.config_maps.end()) return &found->second;
  if (optional) return static_cast<const DataObject*>(nullptr);
  return at.wrong("", fmt::format("there is no ConfigMap '{}'", printable(name)))
      .with_hint("put it into the file, or name its own file with --configmap");
}

Result<const DataObject*> find_secret(const Fields& at, Objects& objects, const Choices& choices,
                                      const std::string& name, bool optional) {
  const auto found = objects.secrets.find(name);
  if (found != objects.secrets.end()) return &found->second;
  if (choices.read_secret) {
    const auto document = choices.read_secret(name);
    if (document) {
      auto secret = parse_secret_document(*document, name);
      if (!secret) return at.wrong("", secret.error().message());
      return &objects.secrets.insert_or_assign(name, std::move(*secret)).first->second;
    }
    if (document.error().code() != Errc::not_found) return document.error();
  }
  if (optional) return static_cast<const DataObject*>(nullptr);
  return at.wrong("", fmt::format("there is no Secret '{}'", printable(name)))
      .with_hint("put it into the file, or make it with a file of its own before");
}

}  // namespace ctr::engine::kube
