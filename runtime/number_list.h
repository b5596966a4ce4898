// Lists of CPUs and memory nodes as the kernel writes them: "0-3,7".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ctr::runtime {

// The list as a mask of whole 64-bit words, bit n set for number n, in memory order; nullopt for what is no such list,
// or has a number above `highest`. An empty list is an empty mask.
// Source: cpuset(7), "List format".
std::optional<std::string> parse_number_list(std::string_view text, unsigned highest);

// What the kernel is built for at most: NR_CPUS and MAX_NUMNODES (arch/x86/Kconfig, mm/Kconfig).
constexpr unsigned k_highest_cpu = 8191;
constexpr unsigned k_highest_node = 1023;

}  // namespace ctr::runtime
