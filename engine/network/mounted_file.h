// Files of containers that they have mounted: /etc/hosts and /etc/resolv.conf.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::engine::network {

inline constexpr size_t k_mounted_limit_bytes = size_t{4} << 20;  // containers may write to them

// The file stays the same one and is never empty: it is mounted, and somebody may be reading it. `path` is on the host.
Result<void> rewrite_mounted(const std::string& path, std::string_view text);

}  // namespace ctr::engine::network
