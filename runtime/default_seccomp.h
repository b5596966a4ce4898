// The seccomp profile ctr brings along, for machines on which no package installed one.
#pragma once

#include <string>

namespace ctr::runtime {

// In the form of the profile files of containers/common. Everything a program may do to itself and its files is
// allowed; what reconfigures the machine, loads code into the kernel, or looks into other processes takes the
// capability for it.
std::string default_seccomp_profile();

}  // namespace ctr::runtime
