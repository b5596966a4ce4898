// How secrets look in listings.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"
#include "cli/report.h"
#include "engine/engine.h"

namespace ctr::cli {

// podman's document of a secret; `data` only with --showsecret.
Json secret_json(const engine::SecretInfo& secret, const std::optional<std::string>& data);
// The same with every field, as templates see it.
Json secret_inspect_row(const engine::SecretInfo& secret, const std::optional<std::string>& data);
// One line of `secret ls`.
Json secret_row(const engine::SecretInfo& secret, TimePoint at);
Listing secret_listing();
Listing secret_inspect_listing();
// What `secret inspect --pretty` prints of one secret.
std::string secret_pretty(const engine::SecretInfo& secret, const std::optional<std::string>& data);

}  // namespace ctr::cli
