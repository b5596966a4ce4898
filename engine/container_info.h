// What a container is, read from its directory: the record that never changes, and what the kernel says at this moment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/health.h"
#include "engine/record.h"
#include "runtime/idmap.h"
#include "runtime/state.h"
#include "storage/containers.h"

namespace ctr::engine {

inline constexpr const char* k_record_file = "container.json";

// Errors: corrupt, unsupported; not_found when the container is being removed.
Result<ContainerRecord> read_record(const Dir& container_dir);

// A container that has not been started.
ContainerInfo info_of(RecordSummary summary);

// Everything about one container.
struct ContainerView {
  std::string bundle;   // absolute path of the container's directory
  std::string run_dir;  // of the container
  ContainerInfo info;
  ContainerRecord record;
  runtime::StateRecord state;
  HealthRecord health;
  bool ready = false;  // what the readiness check says, where there is one
  runtime::IdMap
      ids;  // of a user namespace that was asked for: to the ids of the user's own one, as options count them
};
Result<ContainerView> view_container(Core& core, const storage::ContainerEntry& entry);

// Every container, in no order. `visit` may take what it is given: the same object, or another, comes next. One that
// goes away meanwhile is left out.
Result<void> visit_all(Core& core, const ContainerVisitor& visit);
// Every container, sorted by creation.
Result<std::vector<ContainerInfo>> list_all(Core& core);

// Errors: not_found in podman's words; invalid when the prefix is ambiguous.
Result<storage::ContainerEntry> resolve_container(Core& core, std::string_view name_or_id);

// The name that is linked to a container, when another process may have renamed it since `entry` was read.
Result<std::string> current_name(Core& core, const storage::ContainerEntry& entry);

// What happened to a container, for the event log; the time is that of the recording.
Event container_event(std::string_view status, const RecordSummary& summary);
Event container_event(std::string_view status, const ContainerRecord& record);
// The same for a container whose record is not at hand; with what the entry says when it cannot be read.
Event container_event(Core& core, std::string_view status, const storage::ContainerEntry& entry);

// The storage's form of an id. The id came from the store: anything else is a bug.
Result<storage::ContainerId> storage_id(const ContainerId& id);

}  // namespace ctr::engine
