#include "runtime/container/start.h"

#include <fmt/format.h>

#include "base/channel.h"
#include "runtime/container/status.h"
#include "runtime/launch.h"

namespace ctr::runtime {

Result<void> start_container(const StateRoot& root, const std::string& id) {
  const LockedContainer container = TRY(root.lock(id));
  const ContainerView view = TRY(view_container(container.dir, container.record));
  if (view.status != ContainerStatus::created) {
    return Error(Errc::bad_state,
                 fmt::format("cannot start container '{}' in the state {}", id, status_name(view.status)));
  }
  const Channel channel = TRY(Channel::connect(container.dir, k_start_socket));
  return start_waiting(channel.fd(), container.record.later).context(fmt::format("start container '{}'", id));
}

}  // namespace ctr::runtime
