// What is put in front of a filter that libseccomp made: system calls that are younger than the profile, or younger
// than the library.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ctr::runtime {

// A system call that the profile names and the library does not know.
struct YoungCall {
  uint32_t number = 0;
  uint32_t action = 0;  // SECCOMP_RET_* with data
  bool operator==(const YoungCall&) const = default;
};

// What a profile says about the calls of one architecture.
struct ArchitectureCalls {
  uint32_t token = 0;     // SCMP_ARCH_*
  int newest_known = -1;  // the highest number the profile names, as far as the library knows names
  std::vector<YoungCall> young;
};

// The number of a system call that is younger than libseccomp 2.5.4 (Linux 5.17); -1 for others. These are the same on
// all architectures but those with a base of their own (MIPS).
int young_call_number(std::string_view name);
bool numbers_are_common(uint32_t token);

// Calls younger than what the profile names return ENOSYS, not the default action: C libraries fall back from the
// former only. Those it names and the library does not know get the action the profile gives them.
//
// struct sock_filter[] in memory order, to be put in front of the filter; empty when there is nothing to say.
std::string patch_for(const std::vector<ArchitectureCalls>& architectures);

}  // namespace ctr::runtime
