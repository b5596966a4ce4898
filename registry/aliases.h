// What short names were chosen to mean: kept in the cache directory, where registries.conf's own aliases do not go.
//
// Source: containers-registries.conf(5), "Short-Name Aliasing".
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/paths.h"
#include "base/result.h"

namespace ctr::registry {

// short-name-aliases.conf of the cache directory.
std::string recorded_aliases_path(const UserPaths& paths);
// Keeps that `short_name` ("alpine") means `full_name` ("docker.io/library/alpine") for the next time.
Result<void> record_alias(const UserPaths& paths, const std::string& short_name, const std::string& full_name,
                          const CancelToken& cancel = {});

}  // namespace ctr::registry
