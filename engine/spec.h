// ContainerSpec: the only struct between a flag and the OCI runtime specification.
//
// Command line, compose, Kubernetes YAML and Quadlet all produce it; engine/spec_gen alone reads it. A value: it is
// stored in the container's record, so every field has a codec in spec_json.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/oci/image_config.h"
#include "base/result.h"
#include "engine/spec_network.h"
#include "engine/spec_probes.h"

namespace ctr::engine {

// One -v, --mount or --tmpfs.
struct MountSpec {
  // memory: one of the pod's, by its name
  enum class Type { bind, volume, tmpfs, image, devpts, glob, ramfs, memory };
  Type type = Type::bind;
  std::string source;                // bind: absolute host path; volume: name, empty for an anonymous one; image: name
  std::string destination;           // absolute in the container
  std::vector<std::string> options;  // "ro", "rw", "z", "O", "noexec", "size=64m", "U", "rshared", … as typed
  std::string subpath;               // of a volume: what of it is mounted
  bool makes_subpath = false;        // as a directory, where nothing is
  bool operator==(const MountSpec&) const = default;
};

// One --secret: a file in the container, or a variable of its program.
struct SecretUse {
  enum class Type { mount, env };
  std::string name;  // as typed, then the secret's
  std::string id;    // 25 hex digits; filled in when the container is created
  Type type = Type::mount;
  std::string target;  // a file below /run/secrets, an absolute path, or the variable
  uint32_t uid = 0;    // in the container, as gid
  uint32_t gid = 0;
  uint32_t mode = 0444;
  bool operator==(const SecretUse&) const = default;
};

struct DeviceSpec {
  std::string host_path;
  std::string container_path;
  std::string permissions = "rwm";
  bool operator==(const DeviceSpec&) const = default;
};

struct UlimitSpec {
  std::string name;  // "nofile" as typed, lower case
  int64_t soft = 0;  // -1: unlimited
  int64_t hard = 0;
  bool operator==(const UlimitSpec&) const = default;
};

// Namespace choices: "private", "host", "container:NAME", "ns:PATH". In a container's record also that of its pod.
struct NamespaceChoice {
  enum class Mode { automatic, private_, host, none, container, path, shareable, pod };
  Mode mode = Mode::automatic;
  std::string value;  // container name or path
  bool operator==(const NamespaceChoice&) const = default;
};

struct UsernsChoice {
  enum class Mode { host, keep_id, automatic, no_map, explicit_, container, pod, path };
  Mode mode = Mode::host;
  std::optional<uint32_t> keep_uid;  // keep-id:uid=…,gid=…
  std::optional<uint32_t> keep_gid;
  std::optional<uint32_t> size;       // keep-id and auto: how many ids the container has
  std::vector<std::string> uid_maps;  // as typed: --uidmap, or auto:uidmapping=
  std::vector<std::string> gid_maps;
  std::string subuid_name;  // --subuidname: whose entries of /etc/subuid
  std::string subgid_name;
  std::string value;  // container: as typed, in a container's record the id; path: that of the namespace
  bool operator==(const UsernsChoice&) const = default;
};

// A limit of block i/o on one device.
struct DeviceLimit {
  std::string path;    // below /dev
  uint64_t value = 0;  // a weight, bytes or operations a second
  // Of the device, once it has been looked at.
  int64_t major = -1;
  int64_t minor = -1;
  bool operator==(const DeviceLimit&) const = default;
};

struct ResourceSpec {
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> memory_reservation_bytes;
  std::optional<int64_t> memory_swap_bytes;  // -1: unlimited
  std::optional<int64_t> pids;               // -1: unlimited
  std::optional<uint64_t> cpu_shares;
  std::optional<uint64_t> cpu_period_us;
  std::optional<int64_t> cpu_quota_us;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::optional<uint64_t> cpu_rt_period_us;  // of cgroup v1
  std::optional<int64_t> cpu_rt_runtime_us;  // of cgroup v1
  std::optional<uint64_t> swappiness;        // of cgroup v1
  bool oom_kill_disable = false;             // of cgroup v1
  std::optional<uint16_t> blkio_weight;      // 10 to 1000
  std::vector<DeviceLimit> blkio_weight_devices;
  std::vector<DeviceLimit> read_bps, write_bps, read_iops, write_iops;
  std::map<std::string, std::string> unified;  // --cgroup-conf: file of cgroup v2 and what is written to it
  bool operator==(const ResourceSpec&) const = default;
};

struct SecuritySpec {
  bool privileged = false;
  bool no_new_privileges = false;
  std::vector<std::string> cap_add;  // "CAP_NET_ADMIN" or "ALL", normalised
  std::vector<std::string> cap_drop;
  std::string seccomp_profile;    // "": default; "unconfined"; or an absolute path
  bool seccomp_of_image = false;  // --seccomp-policy image: the profile is the image's, and it must have one
  std::string apparmor_profile;
  bool label_disable = false;
  std::vector<std::string> mask;    // extra masked paths
  std::vector<std::string> unmask;  // "ALL" or paths
  // Options of the mount at /proc, beside the usual ones: hidepid=2.
  std::vector<std::string> proc_options;
  bool operator==(const SecuritySpec&) const = default;
};

struct LogSpec {
  std::string driver;                          // "": configured default (k8s-file); "none"; "json-file" is an alias
  std::map<std::string, std::string> options;  // max-size, path, tag
  bool operator==(const LogSpec&) const = default;
};

// --restart: what becomes of a container whose program has ended without a user's doing.
struct RestartSpec {
  enum class Policy { no, on_failure, always, unless_stopped };
  Policy policy = Policy::no;
  int most_retries = 0;  // of on_failure; 0: no limit
  bool operator==(const RestartSpec&) const = default;
};

// --sdnotify: what the service manager that has started us is told, and by whom.
struct NotifySpec {
  enum class Mode { container, conmon, healthy, ignore };
  Mode mode = Mode::container;
  std::string socket;  // NOTIFY_SOCKET of who has created the container; empty: there is nobody to tell
  bool operator==(const NotifySpec&) const = default;
};

// --health-startup-*: a check that runs in place of the ordinary one until it has passed.
struct StartupHealthSpec {
  std::vector<std::string> test;  // as that of oci::HealthConfig
  std::chrono::nanoseconds interval{0};
  std::chrono::nanoseconds timeout{0};
  int retries = 0;    // failures after which the container is started anew; 0: no limit
  int successes = 0;  // that are needed; 0 as 1
  bool operator==(const StartupHealthSpec&) const = default;
};

enum class HealthAction { none, kill, restart, stop };

// What belongs to a health check beside the check itself.
struct HealthRules {
  std::optional<StartupHealthSpec> startup;
  HealthAction on_failure = HealthAction::none;
  uint32_t log_entries = 5;  // kept of the results; 0: all
  uint32_t log_bytes = 500;  // kept of the output of each; 0: all
  // Where results go beside the container's own record: a directory, or "events_logger"; empty: nowhere.
  std::string log_destination;
  bool operator==(const HealthRules&) const = default;
};

// --systemd: whether the container is made such that systemd can be its first process.
enum class SystemdMode { automatic, off, always };

// --image-volume: what is mounted where the image declares a VOLUME.
enum class ImageVolumes { anonymous, tmpfs, ignore };

enum class PullPolicy { missing, always, never, newer };

struct ContainerSpec {
  // What to run. Exactly one of image and rootfs is set.
  std::string image;                                   // as typed
  std::string rootfs;                                  // --rootfs: absolute path
  std::optional<std::vector<std::string>> entrypoint;  // set but empty: --entrypoint ''
  std::vector<std::string> command;
  std::string name;                    // empty: one is made up
  std::string working_dir;             // empty: the image's
  std::string user;                    // empty: the image's
  std::vector<std::string> groups;     // --group-add; "keep-groups"
  std::vector<std::string> env;        // KEY=VALUE, complete; later wins over the image's
  std::vector<std::string> env_merge;  // KEY=VALUE whose ${NAME}s are the image's values
  std::vector<std::string> unset_env;
  bool unset_all_env = false;
  bool terminal = false;
  bool stdin_open = false;
  std::string hostname;
  std::string domainname;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::vector<MountSpec> mounts;
  std::vector<std::string> volumes_from;  // CONTAINER[:ro|rw,z]; in a container's record `mounts` has what they gave
  ImageVolumes image_volumes = ImageVolumes::anonymous;
  std::vector<SecretUse> secrets;
  bool read_only = false;
  bool read_only_tmpfs = true;  // with read_only: tmpfs on /tmp /run /var/tmp, as podman
  std::vector<DeviceSpec> devices;
  std::vector<std::string> cdi_devices;   // "vendor.com/class=name"
  std::vector<std::string> device_rules;  // --device-cgroup-rule: "c 1:3 rwm", well-formed
  std::vector<UlimitSpec> ulimits;
  std::map<std::string, std::string> sysctls;
  std::optional<uint64_t> shm_size_bytes;
  SystemdMode systemd = SystemdMode::automatic;
  std::optional<uint64_t> systemd_shm_bytes;  // of the file systems in memory for systemd; 0: no limit
  std::string personality;                    // "LINUX32"; empty: that of who starts the container
  std::string rdt_class;                      // of Intel RDT
  std::optional<uint32_t> umask;
  std::optional<int> oom_score_adj;
  std::string timezone;  // "local" or a zone name
  SecuritySpec security;
  ResourceSpec resources;
  NetworkChoice network;
  std::vector<PortMapping> ports;
  bool publish_all_ports = false;
  std::vector<ExposedPort> exposed_ports;
  std::string pod;             // as typed; in a container's record the pod's id
  std::string init_container;  // of a pod: "always", "once" or "sidecar"; empty: an ordinary member
  NamespaceChoice pid, ipc, uts, cgroup;
  std::string cgroups;         // --cgroups: "enabled", "disabled", "no-conmon", "split"; empty: enabled
  std::string cgroup_manager;  // --cgroup-manager; empty: what configuration and host say at the start
  std::string cgroup_parent;   // a slice for systemd, a directory for cgroupfs; empty: the usual one
  UsernsChoice userns;
  std::vector<std::string> dns_servers, dns_search, dns_options;
  std::vector<std::string> add_hosts;  // "name:ip"
  bool no_hosts = false;
  std::string hosts_file;    // "none", "image" or a path in place of the host's; empty: what is configured
  bool add_accounts = true;  // lines for the container's user in /etc/passwd and /etc/group
  std::string passwd_entry;  // a line in place of the usual one
  std::string group_entry;
  std::vector<std::string> host_users;   // users of the host who get a line, too
  std::vector<std::string> chroot_dirs;  // they get /etc/hosts, resolv.conf and hostname as well
  bool no_hostname = false;
  bool http_proxy = true;
  LogSpec log;
  std::string stop_signal;  // empty: the image's, else SIGTERM
  std::optional<std::chrono::seconds> stop_timeout;
  std::optional<std::chrono::seconds> timeout;  // --timeout: killed after this long
  bool init = false;
  std::string init_path;  // empty: the configured one
  std::string runtime;    // --runtime: a path, or a name to look for; empty: ctr itself
  bool auto_remove = false;
  bool remove_image = false;              // --rmi: the image goes with the container, if nothing else uses it
  std::vector<std::string> dependencies;  // --requires: names or ids as typed; in a container's record ids
  std::string cid_file;
  std::string pid_file;          // of the container's first process
  std::string monitor_pid_file;  // --conmon-pidfile
  RestartSpec restart;
  NotifySpec notify;
  // With an empty test: what differs from the image's check. In a container's record: the check that is run.
  std::optional<oci::HealthConfig> health;
  HealthRules health_rules;
  ProbeSpec probes;
  std::vector<std::string> create_command;  // argv, for inspect
  bool operator==(const ContainerSpec&) const = default;
};

// podman's words: "on-failure", "none".
std::string_view policy_word(RestartSpec::Policy policy);
std::string_view action_word(HealthAction action);
std::string_view notify_word(NotifySpec::Mode mode);
// Whether there is a check to run; a test of NONE is none.
bool has_health_check(const ContainerSpec& spec);

// An object that is empty without a policy; read from the member "restart" of `parent`.
Json to_json(const RestartSpec& restart);
Result<RestartSpec> read_restart(const JsonReader& parent);
Json to_json(const ContainerSpec& spec);
Result<ContainerSpec> container_spec_from_json(const JsonReader& reader);

// What listings, filters and attaching need of a container's specification. A listing reads one of each container, and
// the whole of it costs as much as all the rest.
struct SpecSummary {
  std::string rootfs;
  std::map<std::string, std::string> labels;
  std::vector<MountSpec> mounts;
  NetworkChoice network;
  std::vector<PortMapping> ports;
  std::vector<ExposedPort> exposed_ports;
  std::string pod;
  bool terminal = false;
  bool stdin_open = false;
  bool auto_remove = false;
  std::string cid_file;
  RestartSpec restart;
  bool has_health_check = false;
  bool operator==(const SpecSummary&) const = default;
};
SpecSummary summarize(const ContainerSpec& spec);
Result<SpecSummary> spec_summary_from_json(const JsonReader& reader);

}  // namespace ctr::engine
