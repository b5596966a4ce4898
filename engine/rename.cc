#include "engine/rename.h"

#include <fmt/format.h>

#include <utility>

#include "base/file.h"
#include "engine/container_info.h"
#include "engine/names.h"
#include "engine/pod_hosts.h"
#include "runtime/attach.h"

namespace ctr::engine {

namespace {

Error name_taken(const storage::ContainerId& id, const std::string& name) {
  return Error(Errc::exists, fmt::format("renaming container {}: name {} already in use, cannot rename container {}: "
                                         "container already exists",
                                         id.text(), name, id.text()))
      .with_hint("remove or rename the container of that name, or choose another name");
}

// Others on its networks find the container by its new name from now on, if it runs.
void tell_networks(const Core& core, const ContainerRecord& record) {
  if (record.spec.network.mode != NetworkChoice::Mode::bridge) return;
  if (const auto run_dir = Dir::open(core.run_dir(record.id))) {
    runtime::send_network_order(*run_dir, Json::object().set("rename", record.name)).ignore("it does not run");
  }
}

void tell_pod(Core& core, const ContainerRecord& record, const std::string& former) {
  const auto pod = storage::ContainerId::parse(record.spec.pod);
  if (!pod) return;
  drop_member_name(core, record.spec.pod, former);
  add_member_names(core, *pod).ignore("the next start of a member adds it");
}

}  // namespace

Result<void> rename_container(Core& core, const storage::ContainerId& id, const std::string& new_name) {
  TRY(check_name(new_name));
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(id, LockMode::exclusive, core.cancel()));
  const auto dir = TRY(containers.open(id));
  // Read first: a record that a later version has written is left as it is, and so is the name.
  auto record = TRY(read_record(dir));
  auto renamed = containers.rename(id, new_name, core.cancel());
  if (!renamed && renamed.error().code() == Errc::exists) return name_taken(id, new_name);
  TRY(std::move(renamed));
  if (record.name != new_name) {
    const auto former = std::exchange(record.name, new_name);
    TRY(dir.write_file(k_record_file, dump_json(to_json(record)) + "\n", Sync::yes));
    tell_networks(core, record);
    tell_pod(core, record, former);
  }
  core.record_event(container_event("rename", record));
  return ok();
}

}  // namespace ctr::engine
