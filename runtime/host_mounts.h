// What is mounted on the host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctr::runtime {

// Where procfs and sysfs are mounted, the last one mounted first, without what is below `root`. `mountinfo` is the text
// of /proc/self/mountinfo. Source: proc_pid_mountinfo(5).
std::vector<std::string> kernel_mounts(std::string_view mountinfo, std::string_view root);

}  // namespace ctr::runtime
