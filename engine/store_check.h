// Finding what is damaged in the store, and fetching it again.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::engine {

struct CheckRequest {
  bool quick = false;   // sizes and presence only: no content is read
  bool repair = false;  // damaged things are unpacked or fetched again
  // How long content that no image needs may be there.
  std::chrono::seconds longest_unreferenced{std::chrono::hours(24)};
  bool operator==(const CheckRequest&) const = default;
};
Json to_json(const CheckRequest& request);
Result<CheckRequest> check_request_from_json(const JsonReader& reader);

// One thing that is damaged. It is in quarantine by now.
struct Damage {
  std::string kind;                 // "blob", "layer"
  std::string id;                   // its digest
  std::string problem;              // "its content has the digest …"
  std::vector<std::string> images;  // names, or ids, of those that need it
  std::string outcome;              // what was done about it, or why nothing could be; empty: nothing was to be done
  bool repaired = false;
  bool operator==(const Damage&) const = default;
};
Json to_json(const std::vector<Damage>& damages);
Result<std::vector<Damage>> damages_from_json(const JsonReader& reader, std::string_view key);

}  // namespace ctr::engine
