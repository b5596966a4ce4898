// JSON told as YAML, the way podman prints `info`.
#pragma once

#include <string>

#include "base/json.h"

namespace ctr::cli {

// Block style, members in alphabetical order, two blanks a level, strings quoted only where YAML would read them as
// something else.
std::string to_yaml(const Json& value);

}  // namespace ctr::cli
