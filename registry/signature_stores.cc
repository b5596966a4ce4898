#include "registry/signature_stores.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "registry/scopes.h"
#include "registry/yaml.h"

namespace ctr::registry {
namespace {

constexpr size_t k_file_limit_bytes = size_t{1} << 20;

Error wrong(const std::string& file, std::string message) {
  return Error(Errc::invalid, file + ": " + std::move(message));
}

// "sigstore" is what lookaside was called before sigstore came.
Result<SignaturePlace> read_place(const Json& json, const std::string& name, const std::string& file) {
  SignaturePlace place;
  if (json.is_null()) return place;
  if (!json.is_object()) return wrong(file, "'" + printable(name) + "' is not a mapping");
  std::string old_read;
  std::string old_write;
  for (const auto& [key, value] : json.as_object()) {
    if (!value.is_string()) return wrong(file, "'" + printable(key) + "' of '" + printable(name) + "' is not a text");
    const auto& text = value.as_string();
    if (key == "lookaside") {
      place.lookaside = text;
    } else if (key == "lookaside-staging") {
      place.lookaside_staging = text;
    } else if (key == "sigstore") {
      old_read = text;
    } else if (key == "sigstore-staging") {
      old_write = text;
    } else if (key == "use-sigstore-attachments" && (text == "true" || text == "false")) {
      place.attachments = text == "true";
    } else {
      return wrong(file, "'" + printable(key) + "' of '" + printable(name) + "' is not known, or has a wrong value");
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
  const auto json = TRY(parse_yaml(yaml, file));
  if (json.is_null()) return ok();
  if (!json.is_object()) return wrong(file, "it is not a mapping");
  for (const auto& [key, value] : json.as_object()) {
    if (key == "default-docker") {
      if (stores.fallback != SignaturePlace{}) return wrong(file, "'default-docker' is in another file, too");
      stores.fallback = TRY(read_place(value, key, file));
    } else if (key == "docker") {
      if (value.is_null()) continue;
      if (!value.is_object()) return wrong(file, "'docker' is not a mapping");
      for (const auto& [scope, place] : value.as_object()) {
        if (!stores.scopes.emplace(scope, TRY(read_place(place, scope, file))).second) {
          return wrong(file, "'" + printable(scope) + "' is in another file, too");
        }
      }
    } else {
      return wrong(file, "'" + printable(key) + "' is not known");
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
