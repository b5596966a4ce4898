// The namespaces of a pod: made by a process that ends once they are set up, and kept by their descriptors alone.
//
//   monitor (plain user)                         child (an interpreter of ChildOps)
//     clone3 ───────────────────────────────────▶  opens its netlink socket
//     ◀── hand socket: descriptors ───────────────
//     writes the id maps, opens the namespaces
//     LaunchObserver::on_created  (network)
//     ── go pipe: 1 byte ────────────────────────▶  host name, sysctls, the file system of /dev/shm
//     ◀── report pipe: ready ─────────────────────
//     LaunchObserver::before_exec (network)
//     ── go pipe: 1 byte ────────────────────────▶  ends; with a pid namespace it stays as its first process
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/result.h"
#include "runtime/host_facts.h"
#include "runtime/idmap.h"
#include "runtime/launch.h"
#include "runtime/program.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// A file system in memory that the members share: found at `dir` in the pod's mount namespace.
struct PodMemoryPlan {
  std::string dir;                   // an existing directory of the host
  std::vector<std::string> options;  // of tmpfs
  bool operator==(const PodMemoryPlan&) const = default;
};
inline constexpr size_t k_most_pod_memories = 32;

struct PodNamespacesPlan {
  IdMap ids;    // empty: no user namespace, for root
  IdMap outer;  // of a user namespace around that one, which a root by fuse-overlayfs takes; empty: there is none
  std::vector<NamespaceType> fresh;  // of these: network, ipc, uts, pid
  std::string hostname;              // with uts
  std::map<std::string, std::string> sysctls;
  std::string shm_dir;  // with ipc: an existing directory of the host, where the file system of /dev/shm is mounted
                        // in the pod's mount namespace; empty: none
  uint64_t shm_bytes = 0;
  std::vector<PodMemoryPlan> memory;  // at most k_most_pod_memories
  bool operator==(const PodNamespacesPlan&) const = default;
};

// In this order they are joined, and have their numbers in a pod's monitor.
inline constexpr NamespaceType k_pod_namespaces[] = {NamespaceType::user,    NamespaceType::ipc, NamespaceType::uts,
                                                     NamespaceType::network, NamespaceType::pid, NamespaceType::mount};

struct PodNamespaces {
  // Of those that there are. The mount namespace is there with shm_dir or memory.
  std::vector<std::pair<NamespaceType, Fd>> files;
  std::optional<Child> init;           // with a pid namespace: its first process, which ends with us
  int find(NamespaceType type) const;  // -1 without it; stays ours
};

// Errors: as launch().
Result<PodNamespaces> make_pod_namespaces(const PodNamespacesPlan& plan, const HostFacts& host,
                                          LaunchObserver& observer);

// The steps that the child takes, for tests. Errors: invalid for a sysctl of no namespace of the pod.
Result<ChildProgram> compile_pod(const PodNamespacesPlan& plan);

}  // namespace ctr::runtime
