// Where the containers configuration files of one kind are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ctr::engine {

// What a distribution ships.
inline constexpr const char* k_distribution_folder = "/usr/share/containers";

// Of each folder <stem>.conf, whether it is there or not, then what there is of <stem>.conf.d/*.conf,
// <stem>.rootless.conf.d/*.conf and its directory UID; for root <stem>.rootful.conf.d instead of the two. In the order
// in which they are read. Source: containers.conf(5), containers-storage.conf(5).
Result<std::vector<std::string>> config_files(const std::vector<std::string>& folders, std::string_view stem,
                                              unsigned uid);

}  // namespace ctr::engine
