// Secrets of a container as files that exist in its memory alone: they are made on a tmpfs of its own mount namespace,
// from bytes that come in a memfd of the monitor, and end with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::runtime {

struct SecretFile {
  std::string target;  // absolute, or below /run/secrets
  uint32_t uid = 0;    // in the container
  uint32_t gid = 0;
  uint32_t mode = 0444;
  uint64_t size_bytes = 0;  // the bytes of all files stand one behind the other in the memfd
  bool operator==(const SecretFile&) const = default;
};

Json to_json(const SecretFile& file);
Result<SecretFile> secret_file_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
