// Secrets: secrets/<id>/{secret.json,data}, in directories of mode 0700 and files of mode 0600.
//
// Making, replacing and removing one holds an exclusive flock on secrets/ itself; reading needs none, since what has
// its final name is whole. This lock comes after those of containers and volumes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::storage {

class StoreRoot;

struct SecretRecord {
  std::string id;  // 25 lower-case hex digits
  std::string name;
  std::string driver = "file";
  std::map<std::string, std::string> driver_options;
  std::map<std::string, std::string> labels;
  TimePoint created{};
  TimePoint updated{};
  bool operator==(const SecretRecord&) const = default;
};

// podman's bounds: more than nothing, less than this.
inline constexpr size_t k_secret_limit_bytes = 512000;

class SecretStore {
 public:
  explicit SecretStore(const StoreRoot& root) : root_(&root) {}

  // Sorted by name. Errors: corrupt, unsupported for a later schema.
  Result<std::vector<SecretRecord>> list() const;
  // By name, by id, or by the unique beginning of an id, in this order. Errors: not_found, invalid when a beginning
  // fits several.
  Result<SecretRecord> find(std::string_view name_or_id) const;
  // The secret itself. Errors: not_found.
  Result<std::string> read(const SecretRecord& secret) const;

  enum class IfExists { refuse, keep, replace };
  // Makes a secret under a new id, which comes out. One of that name is an error, stays as it is, or is replaced as a
  // whole: then it keeps its id and its time of creation. Errors: exists, invalid (the name, the size).
  Result<std::string> make(const SecretRecord& wanted, std::string_view data, IfExists if_exists,
                           const CancelToken& cancel = {}) const;
  // Errors: not_found.
  Result<void> remove(const std::string& id, const CancelToken& cancel = {}) const;

 private:
  const StoreRoot* root_;
};

}  // namespace ctr::storage
