// What a container is doing, as the kernel says it.
#pragma once

#include <string_view>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/container/record.h"

namespace ctr::runtime {

enum class ContainerStatus { creating, created, running, paused, stopped };
// "creating", … of the specification.
std::string_view status_name(ContainerStatus status);

struct ContainerView {
  ContainerStatus status = ContainerStatus::stopped;
  Fd init;  // pidfd of the first process; none when it is stopped
};
// The first process by its pidfd, the wait for the start by the lock the process holds, the freezer by its cgroup.
Result<ContainerView> view_container(const Dir& container_dir, const ContainerRecord& record);

// The state of the specification, with rootfs, creation time and owner behind it.
//
// Source: OCI runtime-spec, runtime.md "State".
Json state_json(const ContainerRecord& record, ContainerStatus status);

}  // namespace ctr::runtime
