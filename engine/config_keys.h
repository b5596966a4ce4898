// The keys of containers.conf, for telling mistakes from what ctr does not follow.
#pragma once

#include <string_view>

namespace ctr::engine {

// "containers", "engine", …
bool is_config_table(std::string_view name);
// "containers.umask": whether containers.conf(5) of podman 4 to 6 has it.
bool is_config_key(std::string_view name);
// Whether such a key would change what commands of ctr do, if ctr followed it. The others that it does not follow are
// for commands that it does not have, or for parts that it does without.
bool is_idle_config_key(std::string_view name);

}  // namespace ctr::engine
