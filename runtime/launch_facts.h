// LaunchFacts: what this process and this kernel can give one container; looked up for what its spec asks for only.
#pragma once

#include <cstdint>

#include "runtime/spec.h"

namespace ctr::runtime {

struct LaunchFacts {
  uint64_t capabilities = UINT64_MAX;  // that can be granted
  bool operator==(const LaunchFacts&) const = default;
};

// Asks the kernel nothing for what `ctr run` starts by default.
LaunchFacts probe_launch_facts(const RuntimeSpec& spec, const SpecProcess& process);

}  // namespace ctr::runtime
