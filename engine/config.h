// Config: what the containers configuration files say, for the keys that ctr follows.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/paths.h"
#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine {

// The merged containers.conf. A member that no file sets keeps the default that stands here.
struct Config {
  // [containers]
  std::vector<std::string> default_capabilities = {"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
                                                   "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",
                                                   "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
  std::vector<std::string> default_sysctls;
  std::vector<std::string> default_ulimits;  // "nofile=1024:2048"
  std::vector<std::string> devices;
  std::vector<std::string> cdi_spec_dirs = {"/etc/cdi", "/var/run/cdi"};
  std::vector<std::string> volumes;
  std::vector<std::string> mounts;
  std::vector<std::string> env;
  std::vector<std::string> annotations;
  std::vector<std::string> dns_servers, dns_searches, dns_options;
  std::string umask = "0022";
  std::string seccomp_profile;  // empty: the distribution's or the built-in one
  bool init = false;
  bool env_host = false;
  std::optional<int> oom_score_adj;
  std::string init_path;
  std::string log_driver = "k8s-file";
  std::string log_tag;
  int64_t log_size_max_bytes = -1;
  uint64_t shm_size_bytes = uint64_t{64} << 20;
  int64_t pids_limit = 2048;
  bool http_proxy = true;
  bool label = true;  // false: containers get no SELinux label of their own, as with --security-opt label=disable
  bool read_only = false;
  bool no_hosts = false;
  std::string base_hosts_file;  // as ContainerSpec::hosts_file
  bool no_hostname = false;
  bool privileged = false;
  std::string timezone;
  std::string userns;        // as --userns, or "private"
  uint32_t userns_size = 0;  // how many ids --userns auto gives; 0: as many as the image needs
  std::string netns;         // "private", "host", "none"
  std::string ipcns, pidns, utsns, cgroupns;
  std::string cgroups;                     // "enabled", "disabled", "no-conmon", "split"
  std::string default_network_cmd;         // [network] default_rootless_network_cmd
  std::vector<std::string> slirp_options;  // [engine] network_cmd_options: of slirp4netns, in front of those by hand
  std::vector<std::string> pasta_options;  // [network] pasta_options
  std::string host_containers_internal_ip;
  // [engine]
  std::string cgroup_manager;          // "systemd", "cgroupfs"; empty: what the host has
  std::string events_logger = "file";  // "file", "journald", "none"
  std::string detach_keys = "ctrl-p,ctrl-q";
  std::string image_volume_mode;  // "bind", "tmpfs", "ignore"; empty: bind
  std::chrono::seconds stop_timeout{10};
  std::string pod_exit_policy;  // "continue", "stop"; empty: continue
  PullPolicy pull_policy = PullPolicy::missing;
  unsigned retry = 3;
  std::string retry_delay;
  std::string runtime;  // a path or name of another runtime; empty: ctr itself

  // The files that were read, in order, for `info`.
  std::vector<std::string> files;
  // Where the keys that files set were set last: "containers.umask" → "/etc/containers/containers.conf:12".
  std::map<std::string, std::string> origins;
  // Keys that are none of containers.conf, one line each.
  std::vector<std::string> warnings;
  bool operator==(const Config&) const = default;
};

// "file", "journald" or "none".
bool is_events_backend(std::string_view name);

// Reads the files in podman's order, later ones winning:
//   /usr/share/containers, /etc/containers (each containers.conf, then containers.conf.d/*.conf, then
//   containers.rootless.conf.d/*.conf and its UID directory, for root containers.rootful.conf.d/*.conf),
//   $XDG_CONFIG_HOME/containers the same;
// CONTAINERS_CONF replaces them all, CONTAINERS_CONF_OVERRIDE comes last. An array whose last element is
// {append=true} adds to what earlier files say. A key that containers.conf(5) does not have becomes one of the
// warnings, and so do those of a file that would change what ctr does and have no effect. `runtime` of /usr/share,
// where distributions say what podman is to use, has none either. Errors: invalid, with file, line and column. Source:
// containers.conf(5).
Result<Config> load_config(const Environment& environment, const UserPaths& paths, unsigned uid);

// One file's text over `config`; `what` names it in errors.
Result<void> apply_config(Config& config, std::string_view text, const std::string& what);

// Every key that ctr follows, with its value, in the order of the file's tables.
struct ConfigValue {
  std::string table;  // "containers"
  std::string key;    // "umask"
  Json value;         // null: not set, and what that means depends on the host
};
std::vector<ConfigValue> config_values(const Config& config);

}  // namespace ctr::engine
