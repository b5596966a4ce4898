// The processes of a container, as `top` shows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/users.h"
#include "engine/core.h"
#include "engine/process_facts.h"
#include "runtime/idmap.h"
#include "storage/containers.h"

namespace ctr::engine {

// Whether `word` is one of podman's descriptors, as a name ("pcpu") or as a code ("%C").
bool is_top_descriptor(std::string_view word);
// The names, sorted.
std::vector<std::string> top_descriptors();

// A process with what is not in its stat and status.
struct ShownProcess {
  ProcessFacts facts;
  std::string command_line;  // arguments with blanks between; empty for one that has none
  std::string label;         // "?" without a security module
};

// What processes are seen from.
struct TopView {
  size_t depth = 1;       // pid namespaces from ours to the container's
  runtime::IdMap id_map;  // of the container's user namespace to ours
  std::vector<PasswdEntry> users;
  std::vector<GroupEntry> groups;
  // Names of the host's ids: for root only, since podman finds none as a normal user.
  std::vector<PasswdEntry> host_users;
  std::vector<GroupEntry> host_groups;
  TimePoint at;
  uint64_t ticks_since_boot = 0;  // at `at`
  uint64_t ticks_per_second = 100;
  uint64_t all_capabilities = 0;
};

// Headings and one row for each process, by its pid in the container. The descriptors are known ones.
std::vector<std::vector<std::string>> top_rows(const TopView& view, std::vector<ShownProcess> processes,
                                               const std::vector<std::string>& descriptors);

// Those whose pid namespace is the container's or one below it. Without descriptors podman's default ones.
// Errors: bad_state when the container does not run.
Result<std::vector<std::vector<std::string>>> list_processes(Core& core, const storage::ContainerEntry& entry,
                                                             const std::vector<std::string>& descriptors);

}  // namespace ctr::engine
