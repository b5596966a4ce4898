// podman's container document. Members that ctr has nothing to say about carry podman's empty value, since scripts
// index into them.
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/signals.h"
#include "base/text.h"
#include "engine/inspect.h"
#include "engine/inspect_ports.h"
#include "engine/launch_record.h"
#include "engine/network/links.h"
#include "engine/network/uplink.h"
#include "engine/spec_gen.h"

namespace ctr::engine {

namespace {

// What Go prints for a time that never was.
constexpr std::string_view k_zero_time = "0001-01-01T00:00:00Z";

std::string time_text(const std::optional<TimePoint>& time) {
  return time ? format_rfc3339(*time) : std::string(k_zero_time);
}

std::string mode_word(const NamespaceChoice& choice, const char* automatic) {
  switch (choice.mode) {
    case NamespaceChoice::Mode::automatic:
      return automatic;
    case NamespaceChoice::Mode::private_:
      return "private";
    case NamespaceChoice::Mode::host:
      return "host";
    case NamespaceChoice::Mode::none:
      return "none";
    case NamespaceChoice::Mode::shareable:
      return "shareable";
    case NamespaceChoice::Mode::pod:
      return "pod";
    case NamespaceChoice::Mode::container:
      return "container:" + choice.value;
    case NamespaceChoice::Mode::path:
      return "ns:" + choice.value;
  }
  return automatic;
}

Json null_if_empty(const std::vector<std::string>& values) { return values.empty() ? Json() : Json::strings(values); }

Json startup_check_json(const std::optional<StartupHealthSpec>& startup) {
  if (!startup) return Json();
  oci::HealthConfig check;
  check.test = startup->test;
  check.interval = startup->interval;
  check.timeout = startup->timeout;
  check.retries = startup->retries;
  Json json = health_json(check);
  if (startup->successes > 0) json.set("Successes", startup->successes);
  return json;
}

Json state_json(const ContainerView& view) {
  const auto& info = view.info;
  Json json = Json::object()
                  .set("OciVersion", runtime::RuntimeSpec{}.oci_version)
                  .set("Status", state_name(info.state))
                  .set("Running", info.state == ContainerState::running)
                  .set("Paused", info.state == ContainerState::paused)
                  .set("Restarting", info.restart_pending)
                  .set("OOMKilled", info.oom_killed)
                  .set("Dead", false)
                  .set("Pid", info.pid)
                  .set("ConmonPid", info.monitor_pid)
                  .set("ExitCode", info.exit_code)
                  .set("Error", info.error)
                  .set("StartedAt", time_text(info.started))
                  .set("FinishedAt", time_text(info.finished))
                  .set("Health", health_log_json(view.health))
                  .set("Checkpointed", false)
                  .set("CgroupPath", view.state.cgroup_path)
                  .set("CheckpointedAt", k_zero_time)
                  .set("RestoredAt", k_zero_time)
                  .set("StoppedByUser", info.stopped_by_user);
  if (!view.record.spec.probes.readiness) return json;
  // One that does not run is not ready.
  return json.set("Ready", info.state == ContainerState::running && view.ready);
}

// What the container was given, never what is in it.
Json secrets_json(const ContainerSpec& spec) {
  if (spec.secrets.empty()) return Json();
  Json json = Json::array();
  for (const auto& use : spec.secrets) {
    json.push(Json::object()
                  .set("Name", use.name)
                  .set("ID", use.id)
                  .set("UID", use.uid)
                  .set("GID", use.gid)
                  .set("Mode", use.mode));
  }
  return json;
}

Json config_json(const ContainerView& view) {
  const auto& record = view.record;
  const auto& spec = record.spec;
  const std::vector<std::string> cmd(record.argv.begin() + static_cast<std::ptrdiff_t>(record.entrypoint.size()),
                                     record.argv.end());
  Json json = Json::object();
  json.set("Hostname", record.hostname)
      .set("Domainname", spec.domainname)
      .set("User", record.user)
      .set("AttachStdin", false)
      .set("AttachStdout", false)
      .set("AttachStderr", false)
      .set("Tty", spec.terminal)
      .set("OpenStdin", spec.stdin_open)
      .set("StdinOnce", false)
      .set("Env", Json::strings(record.env))
      .set("Cmd", Json::strings(cmd))
      .set("Image", record.image_name)
      .set("Volumes", Json())
      .set("WorkingDir", record.working_dir)
      .set("Entrypoint", null_if_empty(record.entrypoint))
      .set("OnBuild", Json())
      .set("Labels", spec.labels.empty() ? Json() : Json::string_map(spec.labels))
      .set("Annotations", Json::string_map(spec.annotations))
      .set("StopSignal", signal_name(record.stop_signal))
      .set("StartupHealthCheck", startup_check_json(spec.health_rules.startup));
  if (spec.health) json.set("Healthcheck", health_json(*spec.health));
  json.set("HealthcheckOnFailureAction", action_word(spec.health_rules.on_failure))
      .set("HealthLogDestination",
           spec.health_rules.log_destination.empty() ? "local" : spec.health_rules.log_destination)
      .set("HealthcheckMaxLogCount", spec.health_rules.log_entries)
      .set("HealthcheckMaxLogSize", spec.health_rules.log_bytes)
      .set("CreateCommand", Json::strings(spec.create_command));
  if (!spec.timezone.empty()) json.set("Timezone", spec.timezone);
  json.set("SystemdMode", record.systemd)
      .set("Umask", fmt::format("{:04o}", spec.umask.value_or(022)))
      .set("Secrets", secrets_json(spec))
      .set("Timeout", spec.timeout ? static_cast<int64_t>(spec.timeout->count()) : int64_t{0})
      .set("StopTimeout", record.stop_timeout_seconds)
      .set("Passwd", spec.add_accounts)
      .set("ChrootDirs", spec.chroot_dirs.empty() ? Json() : Json::strings(spec.chroot_dirs))
      .set("sdNotifyMode", notify_word(spec.notify.mode))
      .set("sdNotifySocket", spec.notify.socket)
      .set("ExposedPorts", exposed_ports_json(record));
  return json;
}

bool is_in_memory(const MountRecord& mount) {
  return mount.type == "tmpfs" || mount.type == "ramfs" || mount.type == "devpts";
}

Json binds_json(const ContainerRecord& record) {
  Json json = Json::array();
  for (const auto& mount : record.mounts) {
    if (is_in_memory(mount)) continue;
    const auto& source = mount.name.empty() ? mount.source : mount.name;
    json.push(fmt::format("{}:{}:{}", source, mount.destination, join(mount.options, ",")));
  }
  return json;
}

Json tmpfs_json(const ContainerRecord& record) {
  Json json = Json::object();
  for (const auto& mount : record.mounts) {
    if (mount.type == "tmpfs") json.set(mount.destination, join(mount.options, ","));
  }
  return json;
}

Json log_json(const ContainerView& view) {
  const auto& options = view.record.spec.log.options;
  const auto option = [&](const char* key) {
    const auto found = options.find(key);
    return found == options.end() ? std::string{} : found->second;
  };
  const auto path = option("path").empty() ? view.bundle + "/log" : option("path");
  return Json::object()
      .set("Type", view.record.log_driver)
      .set("Config", Json())
      .set("Path", view.record.log_driver == "k8s-file" ? path : std::string{})
      .set("Tag", option("tag"))
      .set("Size", option("max-size").empty() ? "0B" : option("max-size"));
}

Json security_json(const ContainerSpec& spec) {
  std::vector<std::string> options;
  const auto& security = spec.security;
  if (security.no_new_privileges) options.emplace_back("no-new-privileges");
  if (!security.seccomp_profile.empty()) options.push_back("seccomp=" + security.seccomp_profile);
  if (!security.apparmor_profile.empty()) options.push_back("apparmor=" + security.apparmor_profile);
  if (security.label_disable) options.emplace_back("label=disable");
  if (!security.mask.empty()) options.push_back("mask=" + join(security.mask, ":"));
  if (!security.unmask.empty()) options.push_back("unmask=" + join(security.unmask, ":"));
  if (!security.proc_options.empty()) options.push_back("proc-opts=" + join(security.proc_options, ","));
  return Json::strings(options);
}

Json devices_json(const ContainerSpec& spec) {
  Json json = Json::array();
  for (const auto& device : spec.devices) {
    json.push(Json::object()
                  .set("PathOnHost", device.host_path)
                  .set("PathInContainer", device.container_path)
                  .set("CgroupPermissions", device.permissions));
  }
  return json;
}

Json ulimits_json(const ContainerSpec& spec) {
  Json json = Json::array();
  for (const auto& limit : spec.ulimits) {
    if (limit.name == "host") continue;
    json.push(
        Json::object().set("Name", "RLIMIT_" + to_upper(limit.name)).set("Soft", limit.soft).set("Hard", limit.hard));
  }
  return json;
}

Json device_limits_json(const std::vector<DeviceLimit>& limits, const char* value_name) {
  if (limits.empty()) return {};
  Json json = Json::array();
  for (const auto& limit : limits) json.push(Json::object().set("Path", limit.path).set(value_name, limit.value));
  return json;
}

void add_resources(Json& json, const ContainerSpec& spec) {
  const ResourceSpec& resources = spec.resources;
  json.set("CpuShares", resources.cpu_shares.value_or(0))
      .set("Memory", resources.memory_bytes.value_or(0))
      .set("NanoCpus", int64_t{0})
      .set("CgroupParent", spec.cgroup_parent)
      .set("BlkioWeight", resources.blkio_weight.value_or(0))
      .set("BlkioWeightDevice", device_limits_json(resources.blkio_weight_devices, "Weight"))
      .set("BlkioDeviceReadBps", device_limits_json(resources.read_bps, "Rate"))
      .set("BlkioDeviceWriteBps", device_limits_json(resources.write_bps, "Rate"))
      .set("BlkioDeviceReadIOps", device_limits_json(resources.read_iops, "Rate"))
      .set("BlkioDeviceWriteIOps", device_limits_json(resources.write_iops, "Rate"))
      .set("CpuPeriod", resources.cpu_period_us.value_or(0))
      .set("CpuQuota", resources.cpu_quota_us.value_or(0))
      .set("CpuRealtimePeriod", 0)
      .set("CpuRealtimeRuntime", 0)
      .set("CpusetCpus", resources.cpuset_cpus)
      .set("CpusetMems", resources.cpuset_mems);
}

void add_limits(Json& json, const ContainerSpec& spec) {
  const auto& resources = spec.resources;
  json.set("DiskQuota", 0)
      .set("KernelMemory", 0)
      .set("MemoryReservation", resources.memory_reservation_bytes.value_or(0))
      .set("MemorySwap", resources.memory_swap_bytes.value_or(0))
      .set("MemorySwappiness", 0)
      .set("OomKillDisable", false)
      .set("Init", spec.init)
      .set("PidsLimit", resources.pids.value_or(0))
      .set("Ulimits", ulimits_json(spec))
      .set("CpuCount", 0)
      .set("CpuPercent", 0)
      .set("IOMaximumIOps", 0)
      .set("IOMaximumBandwidth", 0)
      .set("CgroupConf", resources.unified.empty() ? Json() : Json::string_map(resources.unified))
      .set("IntelRdtClosID", spec.rdt_class);
}

// The manager that was asked for, else the one that made the cgroup it is in.
std::string cgroup_manager_word(const ContainerView& view) {
  if (!view.record.spec.cgroup_manager.empty()) return view.record.spec.cgroup_manager;
  const std::string& path = view.state.cgroup_path;
  if (path.empty()) return "disabled";
  return path.ends_with(".scope") || path.ends_with(".scope/container") ? "systemd" : "cgroupfs";
}

std::string userns_word(const UsernsChoice& choice) {
  if (choice.mode == UsernsChoice::Mode::host) return "";
  if (choice.mode == UsernsChoice::Mode::pod) return "pod";
  if (choice.mode == UsernsChoice::Mode::path) return "ns:" + choice.value;
  return choice.mode == UsernsChoice::Mode::container ? "container:" + choice.value : "private";
}

Json id_mappings_json(const runtime::IdMap& ids) {
  if (ids.empty()) return {};
  const auto texts = [](const std::vector<runtime::IdRange>& ranges) {
    std::vector<std::string> out;
    for (const auto& range : ranges) out.push_back(runtime::format_ranges({range}));
    return Json::strings(out);
  };
  return Json::object().set("UidMap", texts(ids.uids)).set("GidMap", texts(ids.gids));
}

Json host_config_json(const ContainerView& view) {
  const auto& spec = view.record.spec;
  Json json = Json::object();
  json.set("Binds", binds_json(view.record))
      .set("CgroupManager", cgroup_manager_word(view))
      .set("CgroupMode", mode_word(spec.cgroup, "private"))
      .set("ContainerIDFile", spec.cid_file)
      .set("LogConfig", log_json(view))
      .set("NetworkMode", network_mode_word(spec.network))
      .set("PortBindings", port_bindings_json(view.record))
      .set("RestartPolicy", Json::object()
                                .set("Name", policy_word(spec.restart.policy))
                                .set("MaximumRetryCount", spec.restart.most_retries))
      .set("AutoRemove", spec.auto_remove)
      .set("AutoRemoveImage", spec.remove_image)
      .set("Annotations", Json::string_map(spec.annotations))
      .set("VolumeDriver", "")
      .set("VolumesFrom", spec.volumes_from.empty() ? Json() : Json::strings(spec.volumes_from))
      .set("CapAdd", Json::strings(spec.security.cap_add))
      .set("CapDrop", Json::strings(spec.security.cap_drop))
      .set("Dns", Json::strings(spec.dns_servers))
      .set("DnsOptions", Json::strings(spec.dns_options))
      .set("DnsSearch", Json::strings(spec.dns_search))
      .set("ExtraHosts", Json::strings(spec.add_hosts))
      .set("HostsFile", spec.hosts_file)
      .set("GroupAdd", Json::strings(spec.groups))
      .set("IpcMode", mode_word(spec.ipc, "shareable"))
      .set("Cgroup", "")
      .set("Cgroups", spec.cgroups.empty() || spec.cgroups == "enabled" ? "default" : spec.cgroups)
      .set("Links", Json())
      .set("OomScoreAdj", spec.oom_score_adj.value_or(0))
      .set("PidMode", mode_word(spec.pid, "private"))
      .set("Privileged", spec.security.privileged)
      .set("PublishAllPorts", spec.publish_all_ports)
      .set("ReadonlyRootfs", spec.read_only)
      .set("SecurityOpt", security_json(spec))
      .set("Tmpfs", tmpfs_json(view.record))
      .set("UTSMode", mode_word(spec.uts, "private"))
      .set("UsernsMode", userns_word(spec.userns))
      .set("IDMappings", id_mappings_json(view.ids))
      .set("ShmSize", spec.shm_size_bytes.value_or(uint64_t{64} << 20))
      .set("Runtime", spec.runtime.empty() ? "ctr" : spec.runtime)
      .set("ConsoleSize", Json(Json::Array{0, 0}))
      .set("Isolation", "");
  add_resources(json, spec);
  json.set("Devices", devices_json(spec));
  add_limits(json, spec);
  return json;
}

Json mounts_json(const ContainerRecord& record) {
  Json json = Json::array();
  for (const auto& mount : record.mounts) {
    if (is_in_memory(mount)) continue;
    Json line = Json::object();
    line.set("Type", mount.type);
    if (!mount.name.empty()) line.set("Name", mount.name);
    line.set("Source", mount.source)
        .set("Destination", mount.destination)
        .set("Driver", mount.type == "volume" ? "local" : "")
        .set("Mode", "")
        .set("Options", Json::strings(mount.options))
        .set("RW", mount.writable)
        .set("Propagation", mount.propagation);
    if (!mount.subpath.empty()) line.set("SubPath", mount.subpath);
    json.push(std::move(line));
  }
  return json;
}

const network::LinkAddress* find_family(const network::LinkState& state, int family) {
  const auto found = std::find_if(state.addresses.begin(), state.addresses.end(),
                                  [&](const auto& entry) { return entry.address.family == family; });
  return found == state.addresses.end() ? nullptr : &*found;
}

// The addresses of one network, as both podman's top level and its "Networks" have them; empty without `state`.
void set_addresses(Json& json, const network::LinkState* state) {
  const auto* ipv4 = state != nullptr ? find_family(*state, AF_INET) : nullptr;
  const auto* ipv6 = state != nullptr ? find_family(*state, AF_INET6) : nullptr;
  const auto gateway = [](const network::LinkAddress* entry) {
    return entry != nullptr && entry->gateway ? entry->gateway->to_string() : std::string();
  };
  json.set("EndpointID", "")
      .set("Gateway", gateway(ipv4))
      .set("IPAddress", ipv4 != nullptr ? ipv4->address.to_string() : std::string())
      .set("IPPrefixLen", ipv4 != nullptr ? int{ipv4->bits} : 0)
      .set("IPv6Gateway", gateway(ipv6))
      .set("GlobalIPv6Address", ipv6 != nullptr ? ipv6->address.to_string() : std::string())
      .set("GlobalIPv6PrefixLen", ipv6 != nullptr ? int{ipv6->bits} : 0)
      .set("MacAddress", state != nullptr ? network::to_string(state->mac) : std::string());
}

// Every network the container names; addresses only while it runs.
Json networks_json(const ContainerView& view, const std::vector<network::LinkState>& states) {
  Json out = Json::object();
  for (const auto& wanted : view.record.spec.network.networks) {
    const auto state =
        std::find_if(states.begin(), states.end(), [&](const auto& entry) { return entry.network == wanted.network; });
    Json entry = Json::object();
    set_addresses(entry, state == states.end() ? nullptr : &*state);
    auto aliases = wanted.aliases;
    aliases.push_back(network::short_id(view.record.id));
    entry
        .set("NetworkID", wanted.network)  // podman's network ids there are names
        .set("DriverOpts", nullptr)
        .set("IPAMConfig", nullptr)
        .set("Links", nullptr)
        .set("Aliases", Json::strings(aliases));
    out.set(wanted.network, std::move(entry));
  }
  return out;
}

Json network_json(const ContainerView& view) {
  const bool runs = view.info.pid != 0;
  const auto mode = view.record.spec.network.mode;
  std::vector<network::LinkState> states;
  if (runs && mode == NetworkChoice::Mode::bridge) {
    states = network::read_link_states(view.run_dir).value_or({});
  }
  Json json = Json::object();
  // As in podman, the addresses at the top are those of the default network, when there is no other.
  const bool is_default = states.size() == 1 && states.front().network == network::k_default_network;
  set_addresses(json, is_default ? &states.front() : nullptr);
  if (runs && mode == NetworkChoice::Mode::private_) {
    json.set("Gateway", network::k_gateway_address)
        .set("IPAddress", network::k_container_address)
        .set("IPPrefixLen", 24);
  }
  return json.set("Bridge", "")
      .set("SandboxID", "")
      .set("HairpinMode", false)
      .set("LinkLocalIPv6Address", "")
      .set("LinkLocalIPv6PrefixLen", 0)
      .set("Ports", ports_json(view.record))
      .set("SandboxKey", runs ? fmt::format("/proc/{}/ns/net", view.info.pid) : std::string{})
      .set("Networks", networks_json(view, states));
}

Json graph_driver_json(const ContainerView& view) {
  const auto& bundle = view.bundle;
  Json data = Json::object();
  if (view.record.spec.rootfs.empty()) {
    data.set("UpperDir", bundle + "/rw/upper").set("WorkDir", bundle + "/rw/work");
  }
  return Json::object().set("Name", "overlay").set("Data", std::move(data));
}

// The files and names that come before the settings.
void add_places(Json& json, const ContainerView& view) {
  const auto& bundle = view.bundle;
  json.set("ResolvConfPath", bundle + "/resolv.conf")
      .set("HostnamePath", bundle + "/hostname")
      .set("HostsPath", bundle + "/hosts")
      .set("StaticDir", bundle)
      .set("OCIConfigPath", bundle + "/" + k_config_file)
      .set("OCIRuntime", view.record.spec.runtime.empty() ? "ctr" : view.record.spec.runtime)
      .set("ConmonPidFile", view.record.spec.monitor_pid_file)
      .set("PidFile", view.record.spec.pid_file)
      .set("Name", view.info.name)
      .set("RestartCount", view.info.restart_count)
      .set("Driver", "overlay")
      .set("MountLabel", "")
      .set("ProcessLabel", "")
      .set("AppArmorProfile", view.record.spec.security.apparmor_profile)
      .set("EffectiveCaps", null_if_empty(view.record.effective_capabilities))
      .set("BoundingCaps", null_if_empty(view.record.capabilities))
      .set("ExecIDs", Json::array())
      .set("GraphDriver", graph_driver_json(view))
      .set("Mounts", mounts_json(view.record))
      .set("Dependencies", Json::strings(view.record.spec.dependencies))
      .set("NetworkSettings", network_json(view))
      .set("Namespace", "")
      .set("IsInfra", false)
      .set("IsService", false)
      .set("KubeExitCodePropagation", "invalid")
      .set("lockNumber", 0);
}

}  // namespace

Json inspect_document(const ContainerView& view) {
  const auto& record = view.record;
  std::vector<std::string> arguments;
  if (!record.argv.empty()) arguments.assign(record.argv.begin() + 1, record.argv.end());
  Json json = Json::object();
  json.set("Id", record.id)
      .set("Created", format_rfc3339(record.created))
      .set("Path", record.argv.empty() ? std::string{} : record.argv.front())
      .set("Args", Json::strings(arguments))
      .set("State", state_json(view))
      .set("Image", record.image_id)
      .set("ImageDigest", record.image_digest)
      .set("ImageName", record.image_name)
      .set("Rootfs", record.spec.rootfs)
      .set("Pod", record.spec.pod);
  add_places(json, view);
  json.set("Config", config_json(view))
      .set("HostConfig", host_config_json(view))
      .set("UseImageHosts", false)
      .set("UseImageHostname", false);
  return json;
}

}  // namespace ctr::engine
