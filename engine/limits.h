// What a container may use: from the words of the command line to what the runtime writes. Pure.
#pragma once

#include "engine/spec.h"
#include "runtime/spec_resources.h"

namespace ctr::engine {

// What is not set stays unlimited.
runtime::SpecResources runtime_limits(const ResourceSpec& limits);
// `limits` with what `changes` has in its place.
ResourceSpec change_limits(ResourceSpec limits, const ResourceSpec& changes);
// The same for limits as the runtime has them, which keep their device rules.
runtime::SpecResources change_limits(runtime::SpecResources limits, const ResourceSpec& changes);

// "c 1:3 rwm", "a *:* rwm": a rule that allows. Errors: invalid in podman's words.
Result<runtime::SpecDeviceRule> parse_device_rule(const std::string& text);

}  // namespace ctr::engine
