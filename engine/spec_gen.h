// From a ContainerSpec to the OCI runtime configuration: the only reader of ContainerSpec on the way to the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/oci/image_config.h"
#include "base/result.h"
#include "engine/cdi.h"
#include "engine/config.h"
#include "engine/mounts.h"
#include "engine/spec.h"
#include "engine/user.h"
#include "runtime/host_facts.h"
#include "runtime/spec.h"

namespace ctr::engine {

struct ResourceLimit {
  uint64_t soft = 0;
  uint64_t hard = 0;
  bool operator==(const ResourceLimit&) const = default;
};

// What was found out before: everything generate_spec needs beside the specification itself.
struct SpecInput {
  const ContainerSpec& spec;
  const oci::ImageConfig& image;
  const runtime::HostFacts& host;
  const Config& config;
  runtime::IdMap ids;  // empty: no user namespace of its own
  ResolvedUser user;
  std::vector<std::string> env;
  MountPlan mounts;
  std::string container_id;
  std::string hostname;          // effective
  std::string bundle;            // absolute path of the container's directory, where hosts, resolv.conf, … are
  std::string network_dir = {};  // where hosts and resolv.conf are instead; empty: there
  std::string pod_dir = {};      // the same of the container's pod; empty: it is in none
  bool has_resolv_conf = true;
  bool has_hosts = true;
  bool has_hostname = true;
  bool host_queues = true;        // the host has message queues mounted, which who shares its IPC namespace is shown
  bool shares_shm = false;        // /dev/shm is that of the container whose ipc namespace it joins
  ResourceLimit open_files = {};  // of this process: a container starts with the hard ones
  ResourceLimit processes = {};
  std::vector<DeviceSpec> host_devices = {};  // with privileged: every device of the host
  CdiEdits cdi = {};                          // what the devices of `spec.cdi_devices` need
  bool limits_processes = true;               // the default limit of processes can be set
  // Which devices may be opened, where a cgroup of root decides that; empty: their permissions alone do.
  std::vector<runtime::SpecDeviceRule> device_rules = {};
  bool systemd = false;         // the first process is systemd
  bool systemd_cgroup = false;  // and it gets a cgroup to work in
};

// The command: entrypoint and arguments joined as podman does. Errors: invalid when there is nothing to run.
struct Command {
  std::vector<std::string> entrypoint;
  std::vector<std::string> argv;  // entrypoint included
  bool operator==(const Command&) const = default;
};
Result<Command> effective_command(const ContainerSpec& spec, const oci::ImageConfig& image);

// Whether systemd is what runs, as podman tells it. Source: podman, specgen/generate/container_create.go.
bool is_systemd(const std::vector<std::string>& command);

// Pure. Seccomp is filled in afterwards, since its profile depends on the capabilities computed here.
// Errors: invalid, unsupported (namespaces of other containers).
Result<runtime::RuntimeSpec> generate_spec(const SpecInput& input);

// `rlimits` of a generated specification with other ones in place of those they name. Errors: invalid.
Result<void> change_rlimits(std::vector<runtime::SpecRlimit>& rlimits, const std::vector<UlimitSpec>& changes);

// True when the container gets a network namespace of its own.
bool has_own_network(const ContainerSpec& spec);

}  // namespace ctr::engine
