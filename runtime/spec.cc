#include "runtime/spec.h"

#include <linux/sched.h>

#include <array>

namespace ctr::runtime {
namespace {

struct NamespaceRow {
  NamespaceType type;
  std::string_view name;
  uint64_t flag;
};

// Names: runtime-spec config-linux.md "Namespaces". Flags: linux/sched.h.
constexpr std::array<NamespaceRow, 8> k_namespaces = {{
    {NamespaceType::pid, "pid", CLONE_NEWPID},
    {NamespaceType::network, "network", CLONE_NEWNET},
    {NamespaceType::mount, "mount", CLONE_NEWNS},
    {NamespaceType::ipc, "ipc", CLONE_NEWIPC},
    {NamespaceType::uts, "uts", CLONE_NEWUTS},
    {NamespaceType::user, "user", CLONE_NEWUSER},
    {NamespaceType::cgroup, "cgroup", CLONE_NEWCGROUP},
    {NamespaceType::time, "time", CLONE_NEWTIME},
}};

}  // namespace

std::string_view namespace_name(NamespaceType type) { return k_namespaces[static_cast<size_t>(type)].name; }

uint64_t namespace_flag(NamespaceType type) { return k_namespaces[static_cast<size_t>(type)].flag; }

std::optional<NamespaceType> parse_namespace_name(std::string_view name) {
  for (const NamespaceRow& row : k_namespaces) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

const SpecNamespace* RuntimeSpec::find_namespace(NamespaceType type) const {
  for (const SpecNamespace& entry : linux_config.namespaces) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

bool RuntimeSpec::has_fresh_namespace(NamespaceType type) const {
  const SpecNamespace* entry = find_namespace(type);
  return entry != nullptr && entry->path.empty();
}

}  // namespace ctr::runtime
