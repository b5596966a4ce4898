// The device program of a cgroup: loaded and attached (bpf(2)).
#pragma once

#include "base/result.h"
#include "runtime/cgroup.h"

namespace ctr::runtime {

// From here on opening a device in the cgroup needs a rule that allows it; a policy of ours that was there before is
// replaced. Root of the host only: a user namespace has no right to it, and devices that its processes may open are
// those that their ids may. Errors: unsupported (kernel without BPF), permission, invalid as device_program().
Result<void> set_device_policy(const Cgroup& cgroup, const std::vector<SpecDeviceRule>& rules);

}  // namespace ctr::runtime
