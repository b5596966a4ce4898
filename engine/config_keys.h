// The keys of containers.conf, for telling mistakes from what ctr does not follow.
#pragma once

#include <string_view>

namespace ctr::engine {

// "containers", "engine", …
bool is_config_table(std::string_view name);
// "containers.umask": whether containers.conf(5) of podman 4 to 6 has it.
bool is_config_key(std::string_view name);

}  // namespace ctr::engine
