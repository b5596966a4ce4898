// The cgroup of a container that create() made and later commands work on.
#pragma once

#include <optional>

#include "base/result.h"
#include "runtime/cgroup.h"
#include "runtime/container/record.h"
#include "runtime/container_cgroup.h"

namespace ctr::runtime {

// As ContainerCgroup::prepare(). What a bundle's cgroupsPath names may be there already and is kept then; a cgroup of
// the usual name is ours, and one that a killed run has left behind is made anew.
Result<ContainerCgroup> prepare_cgroup(const CgroupPlan& plan, const RuntimeSpec& spec, const HostFacts& host);
// Notes it in `record`, as far as it is there yet.
void record_cgroup(const ContainerCgroup& cgroup, const HostFacts& host, ContainerRecord* record);
// nullopt: the container has none, or it is gone with its last process.
Result<std::optional<Cgroup>> find_cgroup(const ContainerRecord& record);

}  // namespace ctr::runtime
