// The names of members in the /etc/hosts of their pod, which those that run see at once.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// In the pod's directory, of a pod with a network.
inline constexpr const char* k_pod_hosts_file = "hosts";

// All that are not there yet.
Result<void> add_member_names(Core& core, const storage::ContainerId& pod);
// That of a member which is gone, or has another name now: `pod` is the pod's id.
void drop_member_name(Core& core, const std::string& pod, const std::string& name);

// The text without the line of a member; pure.
std::string without_member(const std::string& hosts, const std::string& name);

}  // namespace ctr::engine
