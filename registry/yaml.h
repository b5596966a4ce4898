// The part of YAML that configuration of registries is written in: mappings in mappings, by indentation, of plain and
// quoted texts. Everything else (lists, anchors, tags, texts of several lines) is refused, never read as something
// else. Source: YAML 1.2.2.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ctr::registry {

// Objects, strings, and null for what is left empty. Errors: invalid, naming file and line.
Result<Json> parse_yaml(std::string_view text, const std::string& file);

}  // namespace ctr::registry
