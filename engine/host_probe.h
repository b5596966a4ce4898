// Facts of this host that only the engine asks for.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/spec.h"
#include "engine/spec_gen.h"

namespace ctr::engine {

std::string host_name();
// Every character and block device below /dev that a container may be given (--privileged).
std::vector<DeviceSpec> host_devices();
// Checks that each is a device, or a directory of some. Errors: not_found; invalid.
Result<void> check_devices(const std::vector<DeviceSpec>& devices);
// Rules for the cgroup of a container of root: of the host's devices those that it is given, with the accesses it is
// given. Devices that every container has need none. Errors: not_found.
Result<std::vector<runtime::SpecDeviceRule>> device_rules(const std::vector<DeviceSpec>& devices);
// Fills in the numbers of the devices that limits name. Errors: invalid for what is no block device.
Result<void> find_limited_devices(ResourceSpec& limits);
// RLIMIT_NOFILE and the like of this process; `resource` as of getrlimit(2).
ResourceLimit own_limit(int resource);

}  // namespace ctr::engine
