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
  bool is_exec = false;         // one more process in a running container

  // True when the kernel counts the process as root of a user namespace at most, also when that is the caller's.
  bool is_mapped() const { return user_namespace || host.in_user_namespace; }
};

// compile_namespaces.cc: from the first clone until the process is root of its user namespace.
Result<void> emit_first_steps(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out);
void emit_become_root(ProgramBuilder* out);
// A map as /proc/PID/uid_map takes it.
std::string map_file(const std::vector<IdRange>& ranges);
// Opens what a waiting process hands out for more processes, while the host's /proc is in sight.
void emit_open_namespaces(const CompileInput& input, ProgramBuilder* out);
// Into all namespaces of a container that is there.
void emit_join_container(const CompileInput& input, ProgramBuilder* out);
// Into the mount namespace that the spec gives a path of.
void emit_mount_join(const RuntimeSpec& spec, ProgramBuilder* out);
// The cgroup namespace, names and loopback.
void emit_names(const RuntimeSpec& spec, ProgramBuilder* out);

// compile_rootfs.cc: the root directory, mounted where it can be pivoted to. Returns the register of its O_PATH
// descriptor.
Result<int16_t> emit_rootfs(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out);
// What the plan puts into the root; before anything else is mounted there.
void emit_edits(const RootfsPlan& plan, int16_t root, ProgramBuilder* out);
// Starts fuse-overlayfs in the outer user namespace.
Result<void> emit_fuse(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out);

// compile_mounts.cc: the entries of mounts.
// Opens the sources of bind mounts with the rights of the caller, where the container's root is somebody else: the way
// to them may be one that only the caller may go. Before the process becomes root of its user namespace.
Result<void> emit_sources_ahead(const CompileInput& input, ProgramBuilder* out);
// Whether the container's root is another user than the caller: it may not go through the caller's directories.
bool opens_ahead(const CompileInput& input);
// The same for the root and for what is put into it.
void emit_root_ahead(const CompileInput& input, const RootfsPlan& plan, ProgramBuilder* out);
Result<void> emit_mounts(const CompileInput& input, int16_t root, ProgramBuilder* out);
// Read-only file systems that had to be written to until now: places for mounts, devices and secrets were made in them.
void emit_freezes(ProgramBuilder* out);
// `path` as an absolute one, without doubled slashes, "." and "..".
std::string mount_destination(std::string_view path);
// A source of the host; relative ones begin at the bundle.
Result<std::string> absolute_source(const CompileInput& input, const std::string& source);
// True when an entry of mounts has this destination.
bool has_mount_at(const RuntimeSpec& spec, std::string_view destination);

// compile_paths.cc: paths that are covered or made read-only, and values that are written below /proc.
void emit_proc_writes(const CompileInput& input, ProgramBuilder* out);
void emit_masks(const CompileInput& input, int16_t root, ProgramBuilder* out);
// `path` with a leading and without doubled or trailing slashes and "." components.
std::string clean_destination(std::string_view path);
// "net.ipv4.ip_forward" and "net/ipv4/ip_forward" to the latter: with slashes, dots belong to the name.
std::string sysctl_path(const std::string& name);

// compile_devices.cc: nodes and links in /dev, the terminal.
Result<void> emit_devices(const CompileInput& input, int16_t root, ProgramBuilder* out);
void emit_console(const CompileInput& input, int16_t root, ProgramBuilder* out);

// compile_secrets.cc: files in memory, after all mounts.
Result<void> emit_secrets(const CompileInput& input, int16_t root, ProgramBuilder* out);

// compile_checks.cc: what the specification forbids or this host cannot do.
Result<void> check_namespaces(const RuntimeSpec& spec);
Result<void> check_net_devices(const RuntimeSpec& spec, const HostFacts& host);
Result<void> check_sysctls(const RuntimeSpec& spec);
// True when a sysctl of the spec is a value of the namespace of this type.
bool sets_sysctl_of(const RuntimeSpec& spec, NamespaceType type);
Result<void> check_mount_label(const RuntimeSpec& spec, const HostFacts& host);
// Whose mounts the container sees.
enum class MountTable { own, joined, inherited };
MountTable mount_table(const RuntimeSpec& spec);
// True when mounts of the container may reach the host: rootfsPropagation shared.
bool shares_mounts(const RuntimeSpec& spec);
Result<void> check_labels(const CompileInput& input);
// Labels the next execve enters, and of an exec the score for the OOM killer: written before anything is joined,
// through the host's own /proc.
void emit_host_proc_writes(const CompileInput& input, ProgramBuilder* out);

// compile_hooks.cc: the hooks of one kind ("createContainer"), as steps of the container's first process.
Result<void> emit_hooks(const CompileInput& input, const std::vector<SpecHook>& hooks, std::string_view kind,
                        const std::string& directory, ProgramBuilder* out);
// The wait for the hooks that the launcher runs, if there are any: see LaunchObserver::on_mounted.
void emit_wait_hooks(const CompileInput& input, ProgramBuilder* out);

// Ready, and the wait for the second go; with options.start by_socket the wait for the start as well.
void emit_wait_ready(const CompileInput& input, ProgramBuilder* out);

// compile_process.cc: closes the descriptors from `first` on that are in none of the registers `kept`.
void emit_close_others(const std::vector<int16_t>& kept, uint64_t first, ProgramBuilder* out);
// The last step of a process that only is there, and holds nothing: what becomes of children that others leave to it.
enum class Orphans { kept, reaped };
void emit_stay(Orphans orphans, ProgramBuilder* out);

// From "everything is mounted" to execve.
Result<void> emit_process(const CompileInput& input, int16_t root, ProgramBuilder* out);

// compile_scheduling.cc: limits, CPUs, memory policy, priorities, scheduler.
Result<void> emit_rlimits(const CompileInput& input, ProgramBuilder* out);
Result<void> emit_scheduling(const CompileInput& input, ProgramBuilder* out);
// True when what takes rights on the host is done by the launcher from outside: it is root there, and the process, root
// of a user namespace, is not.
bool applies_outside(const CompileInput& input);
Result<void> emit_outside(const CompileInput& input, ProgramBuilder* out);
// Writes process.oomScoreAdj, which must be given, through the procfs in register `proc`.
void emit_oom_score(const SpecProcess& process, int16_t proc, ProgramBuilder* out);

struct CapabilitySets {
  uint64_t bounding, effective, inheritable, permitted, ambient;
};
// compile_privileges.cc: the bounding set, groups and ids; what cannot be granted becomes a notice.
Result<CapabilitySets> emit_identity(const CompileInput& input, ProgramBuilder* out);
// The capabilities. From here on rights only shrink.
void emit_rights(const CompileInput& input, const CapabilitySets& sets, ProgramBuilder* out);
// The last steps before execve: the filter, and what has to come behind it.
void emit_last_rights(const CompileInput& input, const CapabilitySets& sets, ProgramBuilder* out);

// Registers of the terminal's master and slave, in a row; taken by emit_console.
constexpr int16_t k_register_console = k_first_free_register;

}  // namespace ctr::runtime
