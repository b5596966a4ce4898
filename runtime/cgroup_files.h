// The files of one cgroup.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace ctr::runtime {

// Where the file system of cgroup v2 is mounted wherever it has controllers (cgroups(7), "Mounting v2 controllers").
inline constexpr const char* k_cgroup_root = "/sys/fs/cgroup";

// Writes to a file that is there already. Errors: not_found, and what the kernel says to the value.
Result<void> write_cgroup_file(const Dir& dir, const std::string& name, const std::string& value);
// Trimmed; nullopt when it does not exist or cannot be read.
std::optional<std::string> find_cgroup_text(const Dir& dir, const std::string& name);
// The same with empty for what is not there.
std::string cgroup_text(const Dir& dir, const std::string& name);
// The words of a line, as cgroup.controllers has them.
std::vector<std::string> cgroup_words(const Dir& dir, const std::string& name);
// "key value" lines, as cgroup.events and memory.stat have them. Lines of another form are left out. Pure.
std::map<std::string, uint64_t> parse_flat_keyed(std::string_view text);
// One value of such a file; 0 when it is not there.
uint64_t cgroup_count(const Dir& dir, const std::string& file, const std::string& key);
// The numbers of cgroup.procs.
Result<std::vector<pid_t>> cgroup_processes(const Dir& dir);
// The cgroup of a process below the v2 mount point, as the line "0::" of its file says (cgroups(7)); 0 is ourselves.
// Errors: not_found when there is no such process or no v2 tree.
Result<std::string> cgroup_of(pid_t pid);

}  // namespace ctr::runtime
