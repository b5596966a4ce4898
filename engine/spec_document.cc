#include "engine/spec_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/signals.h"
#include "base/text.h"
#include "engine/enum_words.h"
#include "engine/limits.h"
#include "engine/put_json.h"

namespace ctr::engine {

namespace {

std::map<std::string, std::string> variables(const std::vector<std::string>& entries) {
  std::map<std::string, std::string> out;
  for (const auto& entry : entries) {
    if (const auto pair = split_once(entry, '=')) out[pair->first] = pair->second;
  }
  return out;
}

constexpr EnumWords<NamespaceChoice::Mode, 8> k_namespace_modes{{
    {NamespaceChoice::Mode::automatic, "default"},
    {NamespaceChoice::Mode::private_, "private"},
    {NamespaceChoice::Mode::host, "host"},
    {NamespaceChoice::Mode::none, "none"},
    {NamespaceChoice::Mode::shareable, "shareable"},
    {NamespaceChoice::Mode::container, "container"},
    {NamespaceChoice::Mode::path, "path"},
    {NamespaceChoice::Mode::pod, "pod"},
}};
constexpr EnumWords<UsernsChoice::Mode, 8> k_userns_modes{{
    {UsernsChoice::Mode::host, "default"},
    {UsernsChoice::Mode::keep_id, "keep-id"},
    {UsernsChoice::Mode::automatic, "auto"},
    {UsernsChoice::Mode::no_map, "no-map"},
    {UsernsChoice::Mode::explicit_, "private"},
    {UsernsChoice::Mode::container, "container"},
    {UsernsChoice::Mode::path, "path"},
    {UsernsChoice::Mode::pod, "pod"},
}};
constexpr EnumWords<NetworkChoice::Mode, 7> k_network_modes{{
    {NetworkChoice::Mode::private_, "private"},
    {NetworkChoice::Mode::none, "none"},
    {NetworkChoice::Mode::host, "host"},
    {NetworkChoice::Mode::container, "container"},
    {NetworkChoice::Mode::path, "path"},
    {NetworkChoice::Mode::bridge, "bridge"},
    {NetworkChoice::Mode::pod, "pod"},
}};

Json namespace_json(std::string_view mode, const std::string& value) {
  Json json = Json::object().set("nsmode", mode);
  put(json, "value", value);
  return json;
}

Json namespace_json(const NamespaceChoice& choice) {
  return namespace_json(word_of(k_namespace_modes, choice.mode), choice.value);
}

Json userns_json(const UsernsChoice& choice) {
  std::vector<std::string> ids;
  if (choice.keep_uid) ids.push_back(fmt::format("uid={}", *choice.keep_uid));
  if (choice.keep_gid) ids.push_back(fmt::format("gid={}", *choice.keep_gid));
  if (choice.size) ids.push_back(fmt::format("size={}", *choice.size));
  return namespace_json(word_of(k_userns_modes, choice.mode), ids.empty() ? choice.value : join(ids, ","));
}

Json network_json(const NetworkChoice& choice) {
  const bool names_program = choice.mode == NetworkChoice::Mode::private_ && !choice.uplink.empty();
  return namespace_json(names_program ? choice.uplink : word_of(k_network_modes, choice.mode), choice.value);
}

Json networks_json(const NetworkChoice& choice) {
  Json json = Json::object();
  for (const auto& wanted : choice.networks) {
    Json entry = Json::object();
    put(entry, "static_ips", wanted.ips);
    put(entry, "aliases", wanted.aliases);
    put(entry, "static_mac", wanted.mac);
    put(entry, "interface_name", wanted.interface_name);
    json.set(wanted.network, std::move(entry));
  }
  return json;
}

Json ports_json(const std::vector<PortMapping>& ports) {
  Json json = Json::array();
  for (const auto& port : ports) {
    json.push(Json::object()
                  .set("host_ip", port.host_ip)
                  .set("container_port", int{port.container_port})
                  .set("host_port", int{port.host_port})
                  .set("range", int{port.range})
                  .set("protocol", port.protocol));
  }
  return json;
}

void put_network(const ContainerSpec& spec, Json& json) {
  json.set("netns", network_json(spec.network));
  put_object(json, "Networks", networks_json(spec.network));
  if (!spec.network.options.empty() && !spec.network.uplink.empty()) {
    json.set("network_options", Json::object().set(spec.network.uplink, Json::strings(spec.network.options)));
  }
  put_array(json, "portmappings", ports_json(spec.ports));
  put_flag(json, "publish_image_ports", spec.publish_all_ports);
  Json exposed = Json::object();
  for (const auto& port : spec.exposed_ports) {
    for (int i = 0; i < port.range; ++i) exposed.set(std::to_string(port.port + i), port.protocol);
  }
  put_object(json, "expose", std::move(exposed));
  put(json, "dns_server", spec.dns_servers);
  put(json, "dns_search", spec.dns_search);
  put(json, "dns_option", spec.dns_options);
  put(json, "hostadd", spec.add_hosts);
  put_flag(json, "use_image_hosts", spec.no_hosts || spec.hosts_file == "image");
}

Json mounts_json(const std::vector<MountSpec>& mounts, std::initializer_list<MountSpec::Type> types) {
  using Type = MountSpec::Type;
  Json json = Json::array();
  for (const auto& mount : mounts) {
    if (std::find(types.begin(), types.end(), mount.type) == types.end()) continue;
    Json entry = Json::object();
    if (mount.type == Type::volume || mount.type == Type::image) {
      const bool is_volume = mount.type == Type::volume;
      entry.set(is_volume ? "Name" : "Source", mount.source).set(is_volume ? "Dest" : "Destination", mount.destination);
      const bool writes = std::find(mount.options.begin(), mount.options.end(), "rw") != mount.options.end();
      if (is_volume) {
        put(entry, "Options", mount.options);
        put_flag(entry, "IsAnonymous", mount.source.empty());
      } else {
        put_flag(entry, "ReadWrite", writes);
      }
      put(entry, "SubPath", mount.subpath);
    } else {
      const char* type = mount.type == Type::tmpfs    ? "tmpfs"
                         : mount.type == Type::ramfs  ? "ramfs"
                         : mount.type == Type::devpts ? "devpts"
                                                      : "bind";
      entry.set("destination", mount.destination)
          .set("type", type)
          .set("source", mount.source.empty() ? std::string(type) : mount.source);
      put(entry, "options", mount.options);
    }
    json.push(std::move(entry));
  }
  return json;
}

void put_mounts(const ContainerSpec& spec, Json& json) {
  using Type = MountSpec::Type;
  put_array(json, "mounts", mounts_json(spec.mounts, {Type::bind, Type::tmpfs, Type::ramfs, Type::devpts, Type::glob}));
  put_array(json, "volumes", mounts_json(spec.mounts, {Type::volume}));
  put_array(json, "image_volumes", mounts_json(spec.mounts, {Type::image}));
  put(json, "volumes_from", spec.volumes_from);
  Json devices = Json::array();
  for (const auto& device : spec.devices) {
    const auto inside = device.container_path.empty() ? device.host_path : device.container_path;
    devices.push(Json::object().set("path", fmt::format("{}:{}:{}", device.host_path, inside, device.permissions)));
  }
  for (const auto& name : spec.cdi_devices) devices.push(Json::object().set("path", name));
  put_array(json, "devices", std::move(devices));
  Json secrets = Json::array();
  Json in_environment = Json::object();
  for (const auto& secret : spec.secrets) {
    if (secret.type == SecretUse::Type::env) {
      in_environment.set(secret.target, secret.name);
      continue;
    }
    secrets.push(Json::object()
                     .set("Source", secret.name)
                     .set("Target", secret.target)
                     .set("UID", secret.uid)
                     .set("GID", secret.gid)
                     .set("Mode", secret.mode));
  }
  put_array(json, "secrets", std::move(secrets));
  put_object(json, "secret_env", std::move(in_environment));
  if (spec.shm_size_bytes) json.set("shm_size", *spec.shm_size_bytes);
  if (spec.systemd_shm_bytes) json.set("shm_size_systemd", *spec.systemd_shm_bytes);
}

// Limits of devices stand beside the others, by the paths of the devices.
Json resources_json(ResourceSpec resources) {
  for (auto* limits : {&resources.blkio_weight_devices, &resources.read_bps, &resources.write_bps, &resources.read_iops,
                       &resources.write_iops}) {
    limits->clear();
  }
  return runtime::to_json(runtime_limits(resources));
}

Json device_limits_json(const std::vector<DeviceLimit>& limits, const char* value) {
  Json json = Json::object();
  for (const auto& limit : limits) json.set(limit.path, Json::object().set(value, limit.value));
  return json;
}

void put_limits(const ContainerSpec& spec, Json& json) {
  const auto& resources = spec.resources;
  put_object(json, "resource_limits", resources_json(resources));
  put_object(json, "weightDevice", device_limits_json(resources.blkio_weight_devices, "weight"));
  put_object(json, "throttleReadBpsDevice", device_limits_json(resources.read_bps, "rate"));
  put_object(json, "throttleWriteBpsDevice", device_limits_json(resources.write_bps, "rate"));
  put_object(json, "throttleReadIOPSDevice", device_limits_json(resources.read_iops, "rate"));
  put_object(json, "throttleWriteIOPSDevice", device_limits_json(resources.write_iops, "rate"));
  Json limits = Json::array();
  for (const auto& limit : spec.ulimits) {
    if (limit.name == "host") continue;  // what this user has is no limit for others
    limits.push(Json::object()
                    .set("type", "RLIMIT_" + to_upper(limit.name))
                    .set("hard", static_cast<uint64_t>(limit.hard))
                    .set("soft", static_cast<uint64_t>(limit.soft)));
  }
  put_array(json, "r_limits", std::move(limits));
  if (spec.oom_score_adj) json.set("oom_score_adj", *spec.oom_score_adj);
  put(json, "cgroups_mode", spec.cgroups);
  put(json, "cgroup_parent", spec.cgroup_parent);
}

void put_security(const ContainerSpec& spec, Json& json) {
  const auto& security = spec.security;
  put_flag(json, "privileged", security.privileged);
  put(json, "cap_add", security.cap_add);
  put(json, "cap_drop", security.cap_drop);
  put_flag(json, "no_new_privileges", security.no_new_privileges);
  put(json, "seccomp_profile_path", security.seccomp_profile);
  if (security.seccomp_of_image) json.set("seccomp_policy", "image");
  put(json, "apparmor_profile", security.apparmor_profile);
  if (security.label_disable) json.set("selinux_opts", Json::strings({"disable"}));
  put(json, "mask", security.mask);
  put(json, "unmask", security.unmask);
  put(json, "procfs_opts", security.proc_options);
  put_flag(json, "read_only_filesystem", spec.read_only);
  if (spec.read_only) json.set("read_write_tmpfs", spec.read_only_tmpfs);
}

Json health_json(const std::vector<std::string>& test, std::chrono::nanoseconds interval,
                 std::chrono::nanoseconds timeout, std::chrono::nanoseconds start_period, int retries) {
  Json json = Json::object();
  put(json, "Test", test);
  if (start_period.count() != 0) json.set("StartPeriod", int64_t{start_period.count()});
  if (interval.count() != 0) json.set("Interval", int64_t{interval.count()});
  if (timeout.count() != 0) json.set("Timeout", int64_t{timeout.count()});
  if (retries != 0) json.set("Retries", retries);
  return json;
}

void put_health(const ContainerSpec& spec, Json& json) {
  const auto& rules = spec.health_rules;
  if (spec.health) {
    const auto& check = *spec.health;
    put_object(json, "healthconfig",
               health_json(check.test, check.interval, check.timeout, check.start_period, check.retries));
  }
  if (rules.startup) {
    auto startup =
        health_json(rules.startup->test, rules.startup->interval, rules.startup->timeout, {}, rules.startup->retries);
    if (rules.startup->successes != 0) startup.set("Successes", rules.startup->successes);
    json.set("startupHealthConfig", std::move(startup));
  }
  if (rules.on_failure != HealthAction::none) {
    json.set("health_check_on_failure_action", std::string(action_word(rules.on_failure)));
  }
  put(json, "healthLogDestination", rules.log_destination);
}

void put_life(const ContainerSpec& spec, Json& json) {
  if (!spec.stop_signal.empty()) {
    if (const auto number = parse_signal(spec.stop_signal)) json.set("stop_signal", *number);
  }
  if (spec.stop_timeout) json.set("stop_timeout", int64_t{spec.stop_timeout->count()});
  if (spec.timeout) json.set("timeout", int64_t{spec.timeout->count()});
  if (spec.restart.policy != RestartSpec::Policy::no) {
    json.set("restart_policy", std::string(policy_word(spec.restart.policy)));
    if (spec.restart.most_retries != 0) json.set("restart_tries", spec.restart.most_retries);
  }
  json.set("sdnotifyMode", std::string(notify_word(spec.notify.mode)));
  put_flag(json, "remove", spec.auto_remove);
  put_flag(json, "removeImage", spec.remove_image);
  put(json, "dependencyContainers", spec.dependencies);
  put(json, "init_container_type", spec.init_container);
  put(json, "oci_runtime", spec.runtime);
  Json log = Json::object();
  put(log, "driver", spec.log.driver);
  put(log, "options", spec.log.options);
  put_object(json, "log_configuration", std::move(log));
}

void put_program(const ContainerSpec& spec, Json& json) {
  if (spec.entrypoint) json.set("entrypoint", Json::strings(*spec.entrypoint));
  put(json, "command", spec.command);
  put(json, "env", variables(spec.env));
  put(json, "envmerge", spec.env_merge);
  put(json, "unsetenv", spec.unset_env);
  put_flag(json, "unsetenvall", spec.unset_all_env);
  put_flag(json, "httpproxy", spec.http_proxy);
  put_flag(json, "terminal", spec.terminal);
  put_flag(json, "stdin", spec.stdin_open);
  put(json, "labels", spec.labels);
  put(json, "annotations", spec.annotations);
  put(json, "image", spec.image);
  put(json, "rootfs", spec.rootfs);
  put(json, "work_dir", spec.working_dir);
  put(json, "user", spec.user);
  put(json, "groups", spec.groups);
  if (spec.umask) json.set("umask", fmt::format("{:04o}", *spec.umask));
  put(json, "timezone", spec.timezone);
  put(json, "personality", spec.personality);
  put_flag(json, "init", spec.init);
  put(json, "init_path", spec.init_path);
  put_flag(json, "passwd", spec.add_accounts, true);
  put(json, "passwd_entry", spec.passwd_entry);
  put(json, "group_entry", spec.group_entry);
  put(json, "hostusers", spec.host_users);
  put(json, "chroot_directories", spec.chroot_dirs);
}

}  // namespace

Json spec_document(const ContainerSpec& spec) {
  Json json = Json::object().set("name", spec.name);
  put(json, "pod", spec.pod);
  put_program(spec, json);
  put_life(spec, json);
  json.set("pidns", namespace_json(spec.pid)).set("utsns", namespace_json(spec.uts));
  put(json, "hostname", spec.hostname);
  put(json, "sysctl", spec.sysctls);
  put(json, "containerCreateCommand", spec.create_command);
  json.set("ipcns", namespace_json(spec.ipc)).set("cgroupns", namespace_json(spec.cgroup));
  json.set("userns", userns_json(spec.userns));
  put_mounts(spec, json);
  put_security(spec, json);
  put_network(spec, json);
  put_limits(spec, json);
  put_health(spec, json);
  return json;
}

Json spec_document(const PodSpec& spec) {
  const auto& shared = spec.shared;
  Json json = Json::object().set("name", spec.name);
  put(json, "labels", shared.labels);
  put(json, "hostname", shared.hostname);
  put_flag(json, "no_infra", !spec.infra);
  put(json, "infra_image", spec.infra_image);
  put(json, "infra_name", spec.infra_name);
  json.set("shared_namespaces", Json::strings({spec.share.begin(), spec.share.end()}));
  json.set("exit_policy", std::string(exit_policy_word(spec.exit_policy)));
  put(json, "pod_create_command", shared.create_command);
  if (shared.restart.policy != RestartSpec::Policy::no) {
    json.set("restart_policy", std::string(policy_word(shared.restart.policy)));
  }
  json.set("pidns", namespace_json(shared.pid)).set("utsns", namespace_json(shared.uts));
  json.set("userns", userns_json(shared.userns));
  put(json, "sysctl", shared.sysctls);
  put_mounts(shared, json);
  put_network(shared, json);
  put_limits(shared, json);
  return json;
}

}  // namespace ctr::engine
