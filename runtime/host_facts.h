// HostFacts: what this machine and this user allow, as a value, so that plans are pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/paths.h"
#include "base/result.h"
#include "base/users.h"
#include "runtime/idmap.h"

namespace ctr::runtime {

enum class CgroupMode {
  none,              // no cgroup file system
  v1,                // only v1 hierarchies
  hybrid,            // v1 controllers, and a v2 tree without controllers
  v2_not_delegated,  // v2, but our cgroup is not ours to write
  v2_delegated,      // v2 and writable: limits work
};
std::string_view cgroup_mode_name(CgroupMode mode);

// A v1 hierarchy, as a line of /proc/self/cgroup tells of it.
struct CgroupHierarchy {
  std::string controllers;  // "cpu,cpuacct", or "name=systemd"
  std::string own_path;     // of this process, with a leading slash
  bool operator==(const CgroupHierarchy&) const = default;
};

struct CgroupFacts {
  CgroupMode mode = CgroupMode::none;
  std::string mount_point;               // of the v2 tree: "/sys/fs/cgroup", "/sys/fs/cgroup/unified" or empty
  std::string own_path;                  // our cgroup below it: "/user.slice/…"; empty when unknown
  std::string parent_path;               // with v2_delegated: where container cgroups are created, below mount_point
  std::vector<std::string> controllers;  // that may be used below parent_path
  std::vector<CgroupHierarchy> hierarchies;  // with v1 and hybrid
  bool own_writable = false;                 // own_path is ours to divide: a unit with Delegate=yes
  // Where the systemd that manages us (for root: the machine's) takes orders, "unix:path=…"; empty: there is none.
  std::string systemd_bus;
  std::string systemd_slice;                     // in which its scopes are made unless another is asked for
  std::vector<std::string> systemd_controllers;  // that its scopes may have
  bool operator==(const CgroupFacts&) const = default;
};

struct HostFacts {
  uint32_t uid = 0;  // effective
  uint32_t gid = 0;
  std::string user;  // empty when /etc/passwd has no entry
  std::vector<SubidRange> subuids;
  std::vector<SubidRange> subgids;
  // Absolute paths; empty when not installed.
  std::string newuidmap;
  std::string newgidmap;
  std::string fuse_overlayfs;
  std::string slirp4netns;
  std::string pasta;
  std::string kernel_release;          // "6.1.0-28-amd64"
  bool in_user_namespace = false;      // the ids are mapped: root is not the machine's
  bool user_namespaces = false;        // this user may create them, as far as sysctls tell
  std::string user_namespaces_reason;  // why not, with the sysctl's name
  bool fuse_usable = false;            // /dev/fuse opens for reading and writing
  bool tun_usable = false;             // /dev/net/tun opens for reading and writing
  bool seccomp = false;                // the kernel has seccomp filters
  bool apparmor = false;               // the kernel enforces AppArmor
  bool selinux = false;                // the kernel runs SELinux
  CgroupFacts cgroup;
  bool operator==(const HostFacts&) const = default;

  bool privileged() const { return uid == 0; }
  // The default rootless map of this user; the single-id map when subordinate ids or newuidmap are missing.
  IdMap default_map() const;
  // Why default_map() has a single id only, as a notice for the user; empty when it has more.
  std::string single_id_notice() const;
};

// True when the ids of this process are mapped, as rootless podman's are: root is not the machine's.
bool in_user_namespace();

// Looks at files and sysctls only; starts nothing. About 40 system calls.
Result<HostFacts> probe_host_facts(const Environment& environment);
// The same without the helpers of storage and network (fuse_overlayfs, slirp4netns, pasta, fuse_usable, tun_usable),
// which half of these calls look for: for who runs bundles.
Result<HostFacts> probe_runtime_facts(const Environment& environment);

// For the plan that crosses to the monitor.
Json to_json(const HostFacts& facts);
Result<HostFacts> host_facts_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
