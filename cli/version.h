// The version of this build; meson defines it.
#pragma once

#include <string_view>

namespace ctr::cli {

inline constexpr std::string_view k_version = CTR_VERSION;

}  // namespace ctr::cli
