#include "registry/signature_stores.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/yaml.h"
#include "registry/scopes.h"

namespace ctr::registry {
namespace {

using Kind = YamlNode::Kind;

constexpr size_t k_file_limit_bytes = size_t{1} << 20;

Error wrong(const std::string& file, std::string message) {
  return Error(Errc::invalid, file + ": " + std::move(message));
}

Error not_a(const YamlNode& node, std::string_view kind, const std::string& name, const std::string& file) {
  return Error(Errc::invalid, fmt::format("{}:{}: '{}' is not {}", file, node.place.line, printable(name), kind));
}

// "sigstore" is what lookaside was called before sigstore came.
Result<SignaturePlace> read_place(const YamlNode& node, const std::string& name, const std::string& file) {
  SignaturePlace place;
  if (node.kind == Kind::null) return place;
  if (node.kind != Kind::map) return not_a(node, "a mapping", name, file);
  std::string old_read;
  std::string old_write;
  for (const auto& [key, at, value] : node.members) {
    if (!value.is_scalar() || value.kind == Kind::null) return not_a(value, "a text", key, file);
    const auto& text = value.text;
    if (key == "lookaside") {
      place.lookaside = text;
    } else if (key == "lookaside-staging") {
      place.lookaside_staging = text;
    } else if (key == "sigstore") {
      old_read = text;
    } else if (key == "sigstore-staging") {
      old_write = text;
    } else if (key == "use-sigstore-attachments") {
      if (value.kind != Kind::boolean) return not_a(value, "true or false", key, file);
      place.attachments = value.boolean;
    } else {
      return Error(Errc::invalid,
                   fmt::format("{}:{}: '{}' of '{}' is not known", file, at.line, printable(key), printable(name)));
    }
  }
  if (place.lookaside.empty()) place.lookaside = old_read;
  if (place.lookaside_staging.empty()) place.lookaside_staging = old_write;
  return place;
}

Result<bool> merge_directory(SignatureStores& stores, const std::string& directory) {
  if (!path_exists(directory)) return false;
  const auto dir = TRY(Dir::open(directory));
  auto names = TRY(dir.list());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    if (!name.ends_with(".yaml")) continue;
    const auto file = directory + "/" + name;
    TRY(merge_signature_stores(stores, TRY(read_file(file, k_file_limit_bytes)), file));
  }
  return true;
}

}  // namespace

Result<void> merge_signature_stores(SignatureStores& stores, std::string_view yaml, const std::string& file) {
  const auto documents = TRY(parse_yaml(yaml, file));
  if (documents.empty()) return ok();
  if (documents.size() > 1) return wrong(file, "it has several documents");
  if (documents.front().kind != Kind::map) return wrong(file, "it is not a mapping");
  for (const auto& [key, at, value] : documents.front().members) {
    if (key == "default-docker") {
      if (stores.fallback != SignaturePlace{}) return wrong(file, "'default-docker' is in another file, too");
      stores.fallback = TRY(read_place(value, key, file));
    } else if (key == "docker") {
      if (value.kind == Kind::null) continue;
      if (value.kind != Kind::map) return not_a(value, "a mapping", key, file);
      for (const auto& scope : value.members) {
        if (!stores.scopes.emplace(scope.key, TRY(read_place(scope.value, scope.key, file))).second) {
          return wrong(file, "'" + printable(scope.key) + "' is in another file, too");
        }
      }
    } else {
      return Error(Errc::invalid, fmt::format("{}:{}: '{}' is not known", file, at.line, printable(key)));
    }
  }
  return ok();
}

Result<SignatureStores> load_signature_stores(const UserPaths& paths, unsigned uid, const ConfigRoots& roots) {
  SignatureStores stores;
  stores.built_in =
      "file://" + (uid == 0 ? "/var/lib/containers" : paths.data_home + "/containers") + std::string("/sigstore");
  if (TRY(merge_directory(stores, paths.config_home + "/containers/registries.d"))) return stores;
  (void)TRY(merge_directory(stores, roots.etc + "/registries.d"));
  return stores;
}

SignaturePlaces places_of(const SignatureStores& stores, const oci::ImageReference& reference) {
  SignaturePlaces places;
  std::optional<bool> attachments;
  const auto take = [&](const SignaturePlace& place) {
    if (places.read.empty()) places.read = place.lookaside;
    if (places.write.empty())
      places.write = !place.lookaside_staging.empty() ? place.lookaside_staging : place.lookaside;
    if (!attachments) attachments = place.attachments;
  };
  for (const auto& scope : scopes_of(reference)) {
    const auto found = stores.scopes.find(scope);
    if (found != stores.scopes.end()) take(found->second);
  }
  take(stores.fallback);
  if (places.read.empty()) places.read = stores.built_in;
  if (places.write.empty()) places.write = stores.built_in;
  places.attachments = attachments.value_or(false);
  return places;
}

std::string lookaside_of_scope(const SignatureStores& stores, std::string scope) {
  while (!scope.empty()) {
    const auto found = stores.scopes.find(scope);
    if (found != stores.scopes.end() && !found->second.lookaside.empty()) return found->second.lookaside;
    const auto slash = scope.rfind('/');
    scope.resize(slash == std::string::npos ? 0 : slash);
  }
  return stores.fallback.lookaside;
}

}  // namespace ctr::registry
