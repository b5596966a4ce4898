// Who a process is outside of its user namespace: whom sockets of the host, as that of a bus, see in it.
#pragma once

#include <cstdint>

namespace ctr::runtime {

// The id that `uid` stands for in the user namespace around this process's own; itself when that maps it to nobody.
// Source: user_namespaces(7), "/proc/PID/uid_map".
uint32_t outer_uid(uint32_t uid);

}  // namespace ctr::runtime
