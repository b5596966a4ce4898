#include "runtime/capability.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ctr::runtime {
namespace {

// In order of number.
constexpr std::array<std::string_view, 41> k_names = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

}  // namespace

std::optional<unsigned> parse_capability(std::string_view name) {
  std::string upper = to_upper(name);
  if (!upper.starts_with("CAP_")) upper.insert(0, "CAP_");
  const auto found = std::find(k_names.begin(), k_names.end(), upper);
  if (found == k_names.end()) return std::nullopt;
  return static_cast<unsigned>(found - k_names.begin());
}

std::string capability_name(unsigned number) {
  return number < k_names.size() ? std::string(k_names[number]) : "CAP_" + std::to_string(number);
}

std::vector<std::string> all_capabilities() { return {k_names.begin(), k_names.end()}; }

uint64_t capability_bits(const std::vector<std::string>& names, std::vector<std::string>* unknown) {
  uint64_t bits = 0;
  for (const std::string& name : names) {
    if (const auto number = parse_capability(name))
      bits |= uint64_t{1} << *number;
    else if (unknown != nullptr)
      unknown->push_back(name);
  }
  return bits;
}

}  // namespace ctr::runtime
