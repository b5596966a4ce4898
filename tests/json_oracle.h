// The parser of nlohmann_json as a second opinion about our own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ctr::test {

// In what the two parsers differ about `text`, given what ours made of it; nullopt when they agree or differ on
// purpose.
std::optional<std::string> disagreement(std::string_view text, const Result<Json>& ours);

}  // namespace ctr::test
