#include "runtime/launch_facts.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/capability.h"

namespace ctr::runtime {
namespace {

// Capabilities above this one came with Linux 5.8 and later; every kernel ctr runs on has the others.
constexpr unsigned k_oldest_capabilities = CAP_AUDIT_READ;

bool in_bounding_set(unsigned capability) { return ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1; }

uint64_t wanted_capabilities(const SpecProcess& process) {
  if (!process.capabilities) return 0;
  const SpecCapabilities& sets = *process.capabilities;
  uint64_t bits = 0;
  for (const auto* list : {&sets.bounding, &sets.effective, &sets.inheritable, &sets.permitted, &sets.ambient}) {
    bits |= capability_bits(*list, nullptr);
  }
  return bits;
}

// In a user namespace, its first process and whoever joins it have all there are (user_namespaces(7)).
uint64_t known_to_kernel(uint64_t wanted) {
  uint64_t known = UINT64_MAX;
  for (unsigned capability = k_oldest_capabilities + 1; capability < 64; ++capability) {
    const uint64_t bit = uint64_t{1} << capability;
    // EINVAL for numbers past the kernel's last.
    if ((wanted & bit) != 0 && ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0) known &= ~bit;
  }
  return known;
}

uint64_t own_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) return 0;
  uint64_t bits = data[0].permitted | uint64_t{data[1].permitted} << 32;
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((bits >> capability & 1U) != 0 && !in_bounding_set(capability)) bits &= ~(uint64_t{1} << capability);
  }
  return bits;
}

}  // namespace

LaunchFacts probe_launch_facts(const RuntimeSpec& spec, const SpecProcess& process) {
  LaunchFacts facts;
  const uint64_t wanted = wanted_capabilities(process);
  if (spec.find_namespace(NamespaceType::user) == nullptr) {
    if (wanted != 0) facts.capabilities = own_capabilities();
  } else {
    facts.capabilities = known_to_kernel(wanted);
  }
  return facts;
}

}  // namespace ctr::runtime
