// The verbs on containers beside creating, running and removing: a header of its own, since few commands need it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/container_changes.h"
#include "engine/container_use.h"
#include "engine/engine.h"
#include "engine/health_report.h"
#include "engine/mounted_root.h"

namespace ctr::engine {

class Core;

// `index` is that of the container which has written the line.
using LogSink = std::function<Result<void>(size_t index, const Engine::LogLine& line)>;

class ContainerVerbs {
 public:
  virtual ~ContainerVerbs() = default;

  // Engine::logs() for several: container by container; with follow side by side, until all of them have ended.
  // Errors: bad_state for a container without a log.
  virtual Result<void> logs(const std::vector<ContainerId>& ids, const LogOptions& options, const LogSink& sink) = 0;

  // Gives a container another name, whether it runs or not. Its own name is fine. Errors: exists, invalid, not_found.
  virtual Result<void> rename(const ContainerId& id, const std::string& new_name) = 0;
  // Headings and a row for each process; descriptors as in top.h. Errors: bad_state when the container does not run.
  virtual Result<std::vector<std::vector<std::string>>> top(const ContainerId& id,
                                                            const std::vector<std::string>& descriptors) = 0;
  // Returns when every process has stopped. Errors: bad_state unless it runs; unsupported without a cgroup of its own.
  virtual Result<void> pause(const ContainerId& id) = 0;
  // Errors: bad_state unless it is paused.
  virtual Result<void> unpause(const ContainerId& id) = 0;
  // What `changes` does not have stays. Limits, checks and the restart policy count at once, variables for what is
  // executed or started from now on, ulimits from the next start on. Errors: invalid; unsupported for a limit that this
  // host cannot set, or without a cgroup of its own.
  virtual Result<void> update(const ContainerId& id, const ContainerChanges& changes) = 0;
  // Whether containers of this user can be measured at all. Errors: unsupported, with what the host has to have.
  virtual Result<void> check_measurable() = 0;
  // Errors: unsupported without a cgroup of its own.
  virtual Result<ContainerUse> use(const ContainerId& id) = 0;
  // What a clone of the container is to be created from. Errors: not_found.
  virtual Result<ContainerSpec> clone_spec(const ContainerId& id) = 0;
  // See root_mounts.h.
  virtual Result<std::string> mount(const ContainerId& id) = 0;
  virtual Result<void> unmount(const ContainerId& id) = 0;
  virtual Result<std::vector<MountedRoot>> mounted() = 0;
  // Engine::wait() for several: the code of the first one for which a condition holds. Errors: the same.
  virtual Result<int> wait_first(const std::vector<ContainerId>& ids, const std::vector<std::string>& conditions,
                                 std::chrono::milliseconds interval) = 0;
  // See port_verbs.h.
  virtual Result<std::vector<PortMapping>> add_ports(const std::string& name_or_id,
                                                     std::vector<PortMapping> mappings) = 0;
  virtual Result<void> remove_ports(const std::string& name_or_id, const std::vector<PortMapping>& mappings) = 0;
  // Runs the container's health check once. Errors: as check_health() of health.h.
  virtual Result<HealthReport> check_health(const ContainerId& id) = 0;
};

// The verbs of an open engine; they live as long as it does.
ContainerVerbs& container_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<ContainerVerbs> make_container_verbs(Core& core);

}  // namespace ctr::engine
