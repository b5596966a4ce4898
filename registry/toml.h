// TOML of the containers configuration files, as a Json value.
//
// toml++ works behind it, in toml.cc alone, since its header costs seconds in every file that sees it.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ctr::registry {

// Tables become objects (members in the order of their names), dates and times become null.
// Errors: invalid, naming `file` with line and column.
Result<Json> parse_toml(std::string_view text, const std::string& file);

}  // namespace ctr::registry
