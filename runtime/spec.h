// RuntimeSpec: the OCI runtime configuration (config.json) as values. What ctr writes here, crun can run.
//
// Source: OCI runtime-spec 1.3, config.md and config-linux.md. Properties ctr does not act on are left out of the
// values and ignored when read, as the specification asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "runtime/idmap.h"
#include "runtime/spec_process.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {

struct SpecMount {
  std::string destination;
  std::string type;    // "bind", "tmpfs", "proc", …; "bind" or an option bind/rbind makes it a bind mount
  std::string source;  // of bind mounts: host path; a relative one begins at the bundle
  std::vector<std::string> options;
  IdMap ids = {};  // uidMappings, gidMappings: ids of the source to ids of the host, for an id-mapped mount
  bool operator==(const SpecMount&) const = default;
};

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup, time };
// "pid", "network", … of the specification, and back.
std::string_view namespace_name(NamespaceType type);
std::optional<NamespaceType> parse_namespace_name(std::string_view name);
// CLONE_NEWPID, …
uint64_t namespace_flag(NamespaceType type);

struct SpecNamespace {
  NamespaceType type = NamespaceType::mount;
  std::string path;  // empty: a fresh one; else the one to join
  bool operator==(const SpecNamespace&) const = default;
};

// What the clocks of a time namespace are ahead of the host's by. Source: time_namespaces(7).
struct SpecTimeOffset {
  int64_t secs = 0;
  uint32_t nanosecs = 0;
  bool operator==(const SpecTimeOffset&) const = default;
};
struct SpecTimeOffsets {
  std::optional<SpecTimeOffset> monotonic;
  std::optional<SpecTimeOffset> boottime;
  bool operator==(const SpecTimeOffsets&) const = default;
  bool empty() const { return !monotonic && !boottime; }
};

// Resource director technology: which share of the caches and of the memory bandwidth. Source: the kernel's
// Documentation/filesystems/resctrl.rst.
struct SpecIntelRdt {
  std::string clos_id;  // empty: the container's id
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  std::vector<std::string> schemata;  // lines
  bool enable_monitoring = false;
  bool operator==(const SpecIntelRdt&) const = default;
};

struct SpecDevice {
  std::string path;  // in the container
  std::string type;  // "c", "b", "u", "p"
  int64_t major = 0;
  int64_t minor = 0;
  std::optional<uint32_t> file_mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  bool operator==(const SpecDevice&) const = default;
};

struct SpecRoot {
  std::string path = "rootfs";  // relative to the bundle, or absolute
  bool readonly = false;
  bool operator==(const SpecRoot&) const = default;
};

// What set_mempolicy(2) takes.
struct SpecMemoryPolicy {
  std::string mode;                // "MPOL_INTERLEAVE"
  std::string nodes;               // "0-3,7"; empty with modes that take none
  std::vector<std::string> flags;  // "MPOL_F_STATIC_NODES"
  bool operator==(const SpecMemoryPolicy&) const = default;
};

struct SpecLinux {
  std::vector<SpecNamespace> namespaces;
  IdMap ids;  // uidMappings, gidMappings
  SpecTimeOffsets time_offsets;
  std::vector<SpecDevice> devices;
  std::map<std::string, std::string> net_devices;  // name on the host → name in the container; empty: the same
  std::string cgroups_path;
  std::optional<SpecResources> resources;
  std::optional<SpecIntelRdt> intel_rdt;
  std::map<std::string, std::string> sysctl;
  // The seccomp object as it stands, since only runtime/seccomp.cc looks inside. Absent: unconfined.
  std::optional<Json> seccomp;
  std::string rootfs_propagation;  // "private", "slave", "shared", "unbindable", with r for the tree; empty: private
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;
  std::string personality;  // its domain: "LINUX", "LINUX32"; empty: the launcher's. There are no flags so far
  std::optional<SpecMemoryPolicy> memory_policy;
  bool operator==(const SpecLinux&) const = default;
};

// A program of the host or of the container, run at a point of the container's life. Source: config.md, "POSIX-platform
// Hooks".
struct SpecHook {
  std::string path;                             // absolute
  std::vector<std::string> args;                // argv, argv[0] included; empty: the path
  std::vector<std::string> env;                 // complete: nothing is inherited
  std::optional<std::chrono::seconds> timeout;  // absent: none
  bool operator==(const SpecHook&) const = default;
};

struct SpecHooks {
  std::vector<SpecHook> prestart, create_runtime, create_container, start_container, poststart, poststop;
  bool operator==(const SpecHooks&) const = default;
};

struct RuntimeSpec {
  std::string oci_version = "1.2.0";
  std::optional<SpecProcess> process;
  SpecRoot root;
  std::string hostname;
  std::string domainname;
  std::vector<SpecMount> mounts;
  std::map<std::string, std::string> annotations;
  SpecLinux linux_config;  // "linux", which is a macro in GNU dialects
  SpecHooks hooks;
  bool operator==(const RuntimeSpec&) const = default;

  // The namespace entry of `type`; nullptr: inherited from the starter.
  const SpecNamespace* find_namespace(NamespaceType type) const;
  // True when `type` is listed without a path.
  bool has_fresh_namespace(NamespaceType type) const;
};

// config.json, fields in the order of the specification.
Json to_json(const RuntimeSpec& spec);
// Reads any version 1.x. Unknown properties are ignored.
// Errors: invalid, naming the path ("config.json: process.args[0] is not a string").
Result<RuntimeSpec> spec_from_json(const Json& value);

}  // namespace ctr::runtime
