// Lingering: whether a user's processes live on after the last session of the user, and start at boot.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/spec.h"

namespace ctr::engine {

// What to tell the user of a container that is meant to run always; nullopt when that holds, or when it is not for
// systemd to say. `exists` tells whether a file is there.
// Source: loginctl(1), enable-linger; sd_booted(3).
std::optional<std::string> lingering_notice(const RestartSpec& restart, unsigned uid, const std::string& user,
                                            const std::function<bool(const std::string& path)>& exists);

}  // namespace ctr::engine
