// Stopping the processes of a container where they are, and letting them go on.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "engine/core.h"
#include "runtime/cgroup.h"
#include "storage/containers.h"

namespace ctr::engine {

// Both hold the container's lock meanwhile, so that nobody starts or removes it. The kernel keeps what is said here:
// nothing is recorded. Errors: as ContainerVerbs::pause() and unpause().
Result<void> pause_container(Core& core, const storage::ContainerId& id);
Result<void> unpause_container(Core& core, const storage::ContainerId& id);

// The processes of a container stand still while it lives. No pause of the user's: there are no events, and listings
// need not know.
class [[nodiscard]] Standstill {
 public:
  // nullopt when nothing of the container runs, or a user has paused it. Errors: unsupported without a cgroup, as
  // pause_container().
  static Result<std::optional<Standstill>> begin(Core& core, const storage::ContainerId& id, std::string_view act);
  Standstill(Standstill&& other) noexcept : cgroup_(std::exchange(other.cgroup_, std::nullopt)) {}
  Standstill& operator=(Standstill&&) = delete;
  ~Standstill();

 private:
  explicit Standstill(runtime::Cgroup cgroup) : cgroup_(std::move(cgroup)) {}
  std::optional<runtime::Cgroup> cgroup_;
};

}  // namespace ctr::engine
