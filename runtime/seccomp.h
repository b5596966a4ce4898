// Seccomp profiles: JSON to BPF through libseccomp, and a cache of compiled programs.
//
// Two forms of JSON are read: the runtime-spec's linux.seccomp, and the profile files of containers/common and Docker,
// which add entries that depend on capabilities and architecture.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/kernel_names.h"

namespace ctr::runtime {

// A compiled filter as seccomp(2) takes it.
struct SeccompProgram {
  std::string bpf;     // struct sock_filter[], in memory order
  uint32_t flags = 0;  // SECCOMP_FILTER_FLAG_*; NEW_LISTENER: an agent decides about some calls (SCMP_ACT_NOTIFY)
  bool operator==(const SeccompProgram&) const = default;
};

// SCMP_ACT_*, SCMP_CMP_*, SECCOMP_FILTER_FLAG_* and SCMP_ARCH_* that linux.seccomp may name.
std::span<const KernelName> seccomp_actions();
std::span<const KernelName> seccomp_operators();
std::span<const KernelName> seccomp_flags();
std::span<const KernelName> seccomp_architectures();

// What a profile file becomes for one container: its form in the OCI runtime spec, and the filter.
struct SelectedSeccomp {
  Json oci;  // linux.seccomp
  SeccompProgram program;
};

// Where the default profile comes from.
struct SeccompSource {
  std::string path;  // of the file; empty: the built-in profile
  std::string text;  // its bytes
};
// /etc/containers/seccomp.json, else /usr/share/containers/seccomp.json, else the profile that is built in.
Result<SeccompSource> find_default_seccomp();

// Selects the entries of a profile for these capabilities (of the bounding set, "CAP_CHOWN") and this machine.
//
// A file that is already in the form of the runtime spec comes out as it is.
// Errors: invalid, naming the entry.
Result<Json> select_seccomp(std::string_view profile_text, const std::vector<std::string>& capabilities);
// Compiles linux.seccomp. Unknown system call names are ignored, as the specification asks; system calls that are newer
// than the profile's newest get ENOSYS instead of the default action, so that C libraries fall back.
// Errors: invalid for unknown actions, operators and flags and for contradictions, naming the path; unsupported without
// libseccomp support.
Result<SeccompProgram> compile_seccomp(const Json& oci);

// "2.5.4": of the library that compiles.
std::string seccomp_library_version();

// select_seccomp and compile_seccomp, remembered in `cache_dir` by the digest of profile, capabilities, architecture
// and library version: compiling costs 12-32 ms, reading a file nothing. Entries are written atomically and verified on
// reading; a damaged one is compiled afresh.
Result<SelectedSeccomp> prepare_seccomp(std::string_view profile_text, const std::vector<std::string>& capabilities,
                                        const Dir& cache_dir);
// compile_seccomp, remembered in the same way.
Result<SeccompProgram> prepare_oci_seccomp(const Json& oci, const Dir& cache_dir);

}  // namespace ctr::runtime
