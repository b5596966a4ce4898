// Names for containers that were given none: an adjective and a scientist or engineer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::engine {

// "gentle_lovelace" from a random number. Never "boring_wozniak": Steve Wozniak is not boring.
std::string made_up_name(uint64_t random);

// Errors: invalid unless [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255 bytes.
Result<void> check_name(std::string_view name);

}  // namespace ctr::engine
