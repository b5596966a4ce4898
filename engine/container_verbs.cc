#include "engine/container_verbs.h"

#include "engine/clone.h"
#include "engine/container_info.h"
#include "engine/health.h"
#include "engine/lifecycle.h"
#include "engine/live_cgroup.h"
#include "engine/logs.h"
#include "engine/pause.h"
#include "engine/port_verbs.h"
#include "engine/rename.h"
#include "engine/root_mounts.h"
#include "engine/stats.h"
#include "engine/top.h"
#include "engine/update.h"

namespace ctr::engine {
namespace {

class LocalContainerVerbs final : public ContainerVerbs {
 public:
  explicit LocalContainerVerbs(Core& core) : core_(core) {}

  Result<void> logs(const std::vector<ContainerId>& ids, const LogOptions& options, const LogSink& sink) override {
    return read_container_logs(core_, ids, options, sink);
  }

  Result<void> rename(const ContainerId& id, const std::string& new_name) override {
    return rename_container(core_, TRY(storage_id(id)), new_name);
  }

  Result<std::vector<std::vector<std::string>>> top(const ContainerId& id,
                                                    const std::vector<std::string>& descriptors) override {
    return list_processes(core_, {TRY(storage_id(id)), ""}, descriptors);
  }

  Result<void> pause(const ContainerId& id) override { return pause_container(core_, TRY(storage_id(id))); }
  Result<void> unpause(const ContainerId& id) override { return unpause_container(core_, TRY(storage_id(id))); }

  Result<void> update(const ContainerId& id, const ContainerChanges& changes) override {
    return update_container(core_, TRY(storage_id(id)), changes);
  }

  Result<void> check_measurable() override { return check_cgroups(core_, "stats"); }
  Result<ContainerUse> use(const ContainerId& id) override { return measure_use(core_, TRY(storage_id(id))); }

  Result<ContainerSpec> clone_spec(const ContainerId& id) override {
    return engine::clone_spec(core_, TRY(storage_id(id)));
  }

  Result<std::string> mount(const ContainerId& id) override { return mount_container(core_, TRY(storage_id(id))); }
  Result<void> unmount(const ContainerId& id) override { return unmount_container(core_, TRY(storage_id(id))); }
  Result<std::vector<MountedRoot>> mounted() override { return mounted_containers(core_); }

  Result<int> wait_first(const std::vector<ContainerId>& ids, const std::vector<std::string>& conditions,
                         std::chrono::milliseconds interval) override {
    std::vector<storage::ContainerEntry> entries;
    for (const auto& id : ids) entries.push_back({TRY(storage_id(id)), ""});
    return wait_for_first(core_, entries, conditions, interval);
  }

  Result<std::vector<PortMapping>> add_ports(const std::string& name_or_id,
                                             std::vector<PortMapping> mappings) override {
    return engine::add_ports(core_, name_or_id, std::move(mappings));
  }
  Result<void> remove_ports(const std::string& name_or_id, const std::vector<PortMapping>& mappings) override {
    return engine::remove_ports(core_, name_or_id, mappings);
  }
  Result<HealthReport> check_health(const ContainerId& id) override {
    return TRY(engine::check_health(core_, {TRY(storage_id(id)), ""})).report;
  }

 private:
  Core& core_;
};

}  // namespace

std::unique_ptr<ContainerVerbs> make_container_verbs(Core& core) { return std::make_unique<LocalContainerVerbs>(core); }

}  // namespace ctr::engine
