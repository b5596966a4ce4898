// What of a file a pod remembers, since its containers do not tell it: volumes that were filled from ConfigMaps and
// Secrets.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/kube/reader.h"

namespace ctr::engine::kube {

// A member of `volumes` that is filled, as it stands in the file; nullptr when `key` is none of its sources.
Json volume_origin(Fields& volume, const std::string& name, std::string_view key);
// Adds it to the origin of its pod, with the ConfigMaps that it names. Secrets are in the store.
void add_origin(const std::string& name, const Json& volume, const Objects& objects, Json& origin);

// What kube generate tells of an origin: entries of `volumes` by name, and documents.
struct Origin {
  std::map<std::string, Json> volumes;
  std::vector<Json> documents;
};
Origin read_origin(const Json& json);

}  // namespace ctr::engine::kube
