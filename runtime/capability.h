// Capabilities by name and number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctr::runtime {

// "CAP_CHOWN", "chown" → 0. Source: linux/capability.h.
std::optional<unsigned> parse_capability(std::string_view name);
// 0 → "CAP_CHOWN"; "CAP_64" style for numbers without a name.
std::string capability_name(unsigned number);
// All this release knows, in order of number.
std::vector<std::string> all_capabilities();

// Names to a set of bits; unknown names are appended to `unknown`.
uint64_t capability_bits(const std::vector<std::string>& names, std::vector<std::string>* unknown);

}  // namespace ctr::runtime
