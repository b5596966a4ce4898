// The parts of the compiler of child programs; see compile.cc for their order.
#pragma once

#include "base/result.h"
#include "runtime/compile.h"
#include "runtime/program.h"

namespace ctr::runtime {

struct CompileInput {
  const RuntimeSpec& spec;
  const SpecProcess& process;
  const HostFacts& host;
  const CompileOptions& options;
  bool user_namespace = false;  // the process has one of its own, or joins one
};

// compile_rootfs.cc: the root directory, mounted where it can be pivoted to. Returns the register of its O_PATH
// descriptor.
Result<int16_t> emit_rootfs(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out);
// Starts fuse-overlayfs in the outer user namespace.
Result<void> emit_fuse(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out);

// compile_mounts.cc: everything below the root.
Result<void> emit_mounts(const CompileInput& input, int16_t root, ProgramBuilder* out);
void emit_masks(const CompileInput& input, int16_t root, ProgramBuilder* out);
// True when the container gets a /dev of its own, with the default devices.
bool has_own_dev(const RuntimeSpec& spec);
// `path` with a leading and without doubled or trailing slashes and "." components.
std::string clean_destination(std::string_view path);
// "net.ipv4.ip_forward" and "net/ipv4/ip_forward" to the latter: with slashes, dots belong to the name.
std::string sysctl_path(const std::string& name);

// compile_devices.cc: nodes and links in /dev, the terminal.
Result<void> emit_devices(const CompileInput& input, int16_t root, ProgramBuilder* out);
void emit_console(const CompileInput& input, int16_t root, ProgramBuilder* out);

// compile_checks.cc: what the specification forbids or this host cannot do.
Result<void> check_namespaces(const RuntimeSpec& spec);
Result<void> check_sysctls(const RuntimeSpec& spec);
Result<void> check_labels(const SpecProcess& process, const HostFacts& host);
// The AppArmor profile the next execve enters; written before anything is joined, through the host's own /proc.
void emit_label(const CompileInput& input, ProgramBuilder* out);

// Ready, and the wait for the second go; with options.start by_socket the wait for the start as well.
void emit_wait_ready(const CompileInput& input, ProgramBuilder* out);

// compile_process.cc: from "everything is mounted" to execve.
Result<void> emit_process(const CompileInput& input, int16_t root, ProgramBuilder* out);

// compile_privileges.cc: groups, ids, capabilities, the filter; the last steps before execve.
struct CapabilitySets {
  uint64_t bounding, effective, inheritable, permitted, ambient;
};
Result<CapabilitySets> emit_privileges(const CompileInput& input, ProgramBuilder* out);
// Whether the program ends with its launcher.
void emit_lifetime(const CompileInput& input, ProgramBuilder* out);
// The filter, and what stands behind it.
void emit_last_privileges(const CompileInput& input, const CapabilitySets& sets, ProgramBuilder* out);

// Registers of the terminal's master and slave, in a row; taken by emit_console.
constexpr int16_t k_register_console = k_first_free_register;

}  // namespace ctr::runtime
