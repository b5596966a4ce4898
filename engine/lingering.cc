#include "engine/lingering.h"

#include <fmt/format.h>

namespace ctr::engine {

std::optional<std::string> lingering_notice(const RestartSpec& restart, unsigned uid, const std::string& user,
                                            const std::function<bool(const std::string& path)>& exists) {
  const bool always =
      restart.policy == RestartSpec::Policy::always || restart.policy == RestartSpec::Policy::unless_stopped;
  if (!always || uid == 0 || user.empty()) return std::nullopt;
  if (!exists("/run/systemd/system") || exists("/var/lib/systemd/linger/" + user)) return std::nullopt;
  return fmt::format(
      "lingering is off for user '{}': the container ends with your last session and does not come back at boot; to "
      "change that: loginctl enable-linger",
      user);
}

}  // namespace ctr::engine
