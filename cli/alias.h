// Second names of options that podman accepts silently.
#pragma once

#include <string_view>

namespace ctr::cli {

// "net" → "network"; the name itself when it is no alias.
std::string_view option_alias(std::string_view name);

}  // namespace ctr::cli
