// The stored form of ContainerSpec. Members at their default are left out, since `ps` reads one record a container and
// pays for every byte.
#include <array>

#include "base/time.h"
#include "engine/enum_words.h"
#include "engine/put_json.h"
#include "engine/spec.h"

namespace ctr::engine {

namespace {

constexpr EnumWords<MountSpec::Type, 8> k_mount_types{{
    {MountSpec::Type::bind, "bind"},
    {MountSpec::Type::volume, "volume"},
    {MountSpec::Type::tmpfs, "tmpfs"},
    {MountSpec::Type::image, "image"},
    {MountSpec::Type::devpts, "devpts"},
    {MountSpec::Type::glob, "glob"},
    {MountSpec::Type::ramfs, "ramfs"},
    {MountSpec::Type::memory, "memory"},
}};
constexpr EnumWords<ImageVolumes, 3> k_image_volumes{{
    {ImageVolumes::anonymous, "anonymous"},
    {ImageVolumes::tmpfs, "tmpfs"},
    {ImageVolumes::ignore, "ignore"},
}};
constexpr EnumWords<SecretUse::Type, 2> k_secret_types{{
    {SecretUse::Type::mount, "mount"},
    {SecretUse::Type::env, "env"},
}};
constexpr EnumWords<NamespaceChoice::Mode, 8> k_namespace_modes{{
    {NamespaceChoice::Mode::automatic, "automatic"},
    {NamespaceChoice::Mode::private_, "private"},
    {NamespaceChoice::Mode::host, "host"},
    {NamespaceChoice::Mode::none, "none"},
    {NamespaceChoice::Mode::container, "container"},
    {NamespaceChoice::Mode::path, "ns"},
    {NamespaceChoice::Mode::shareable, "shareable"},
    {NamespaceChoice::Mode::pod, "pod"},
}};
constexpr EnumWords<UsernsChoice::Mode, 8> k_userns_modes{{
    {UsernsChoice::Mode::host, "host"},
    {UsernsChoice::Mode::keep_id, "keep-id"},
    {UsernsChoice::Mode::automatic, "auto"},
    {UsernsChoice::Mode::no_map, "nomap"},
    {UsernsChoice::Mode::explicit_, "explicit"},
    {UsernsChoice::Mode::container, "container"},
    {UsernsChoice::Mode::pod, "pod"},
    {UsernsChoice::Mode::path, "ns"},
}};

constexpr EnumWords<RestartSpec::Policy, 4> k_restart_policies{{
    {RestartSpec::Policy::no, "no"},
    {RestartSpec::Policy::on_failure, "on-failure"},
    {RestartSpec::Policy::always, "always"},
    {RestartSpec::Policy::unless_stopped, "unless-stopped"},
}};
constexpr EnumWords<HealthAction, 4> k_health_actions{{
    {HealthAction::none, "none"},
    {HealthAction::kill, "kill"},
    {HealthAction::restart, "restart"},
    {HealthAction::stop, "stop"},
}};
constexpr EnumWords<SystemdMode, 3> k_systemd_modes{{
    {SystemdMode::automatic, "true"},
    {SystemdMode::off, "false"},
    {SystemdMode::always, "always"},
}};
constexpr EnumWords<NotifySpec::Mode, 4> k_notify_modes{{
    {NotifySpec::Mode::container, "container"},
    {NotifySpec::Mode::conmon, "conmon"},
    {NotifySpec::Mode::healthy, "healthy"},
    {NotifySpec::Mode::ignore, "ignore"},
}};

// Writers that leave defaults out.
template <typename T>
void put_number(Json& json, const char* key, const std::optional<T>& value) {
  if (!value) return;
  if constexpr (std::is_signed_v<T>) {
    json.set(key, static_cast<int64_t>(*value));
  } else {
    json.set(key, static_cast<uint64_t>(*value));
  }
}
void put_seconds(Json& json, const char* key, const std::optional<std::chrono::seconds>& value) {
  if (value) json.set(key, static_cast<int64_t>(value->count()));
}
template <typename T, typename Encode>
void put_array(Json& json, const char* key, const std::vector<T>& values, Encode encode) {
  if (values.empty()) return;
  Json array = Json::array();
  for (const auto& value : values) array.push(encode(value));
  json.set(key, std::move(array));
}

template <typename T>
Result<std::optional<T>> read_number(const JsonReader& reader, std::string_view key) {
  if constexpr (std::is_signed_v<T>) {
    const auto value = TRY(reader.find_int(key));
    if (!value) return std::optional<T>{};
    if (*value < std::numeric_limits<T>::min() || *value > std::numeric_limits<T>::max()) {
      return reader.wrong(key, "in range");
    }
    return std::optional<T>(static_cast<T>(*value));
  } else {
    const auto value = TRY(reader.find_uint(key));
    if (!value) return std::optional<T>{};
    if (*value > std::numeric_limits<T>::max()) return reader.wrong(key, "in range");
    return std::optional<T>(static_cast<T>(*value));
  }
}

Result<std::optional<std::chrono::seconds>> read_seconds(const JsonReader& reader, std::string_view key) {
  const auto value = TRY(reader.find_int(key));
  if (!value) return std::optional<std::chrono::seconds>{};
  return std::optional(std::chrono::seconds(*value));
}

// An absent object reads as an empty one, so that every member takes its default.
Result<JsonReader> object_or_empty(const JsonReader& reader, std::string_view key) {
  static const Json k_empty = Json::object();
  auto object = TRY(reader.find_object(key));
  if (object) return *object;
  return JsonReader(k_empty, reader.path() + "." + std::string(key));
}

Json mount_json(const MountSpec& mount) {
  Json json = Json::object();
  json.set("type", word_of(k_mount_types, mount.type));
  put(json, "source", mount.source);
  put(json, "destination", mount.destination);
  put(json, "options", mount.options);
  put(json, "subpath", mount.subpath);
  if (mount.makes_subpath) json.set("makes_subpath", true);
  return json;
}

Result<MountSpec> read_mount(const JsonReader& reader) {
  MountSpec mount;
  mount.type = TRY(read_enum(reader, "type", k_mount_types, MountSpec::Type::bind));
  mount.source = TRY(reader.string_or("source", ""));
  mount.destination = TRY(reader.get_string("destination"));
  mount.options = TRY(reader.strings("options"));
  mount.subpath = TRY(reader.string_or("subpath", ""));
  mount.makes_subpath = TRY(reader.bool_or("makes_subpath", false));
  return mount;
}

Json secret_json(const SecretUse& use) {
  Json json = Json::object();
  json.set("name", use.name).set("id", use.id).set("type", word_of(k_secret_types, use.type));
  json.set("target", use.target);
  if (use.type == SecretUse::Type::mount) json.set("uid", use.uid).set("gid", use.gid).set("mode", use.mode);
  return json;
}

Result<SecretUse> read_secret(const JsonReader& reader) {
  SecretUse use;
  use.name = TRY(reader.get_string("name"));
  use.id = TRY(reader.get_string("id"));
  use.type = TRY(read_enum(reader, "type", k_secret_types, SecretUse::Type::mount));
  use.target = TRY(reader.get_string("target"));
  use.uid = TRY(read_number<uint32_t>(reader, "uid")).value_or(0);
  use.gid = TRY(read_number<uint32_t>(reader, "gid")).value_or(0);
  use.mode = TRY(read_number<uint32_t>(reader, "mode")).value_or(use.mode);
  return use;
}

Json device_json(const DeviceSpec& device) {
  return Json::object()
      .set("host", device.host_path)
      .set("container", device.container_path)
      .set("permissions", device.permissions);
}

Result<DeviceSpec> read_device(const JsonReader& reader) {
  DeviceSpec device;
  device.host_path = TRY(reader.get_string("host"));
  device.container_path = TRY(reader.get_string("container"));
  device.permissions = TRY(reader.get_string("permissions"));
  return device;
}

Json ulimit_json(const UlimitSpec& limit) {
  return Json::object().set("name", limit.name).set("soft", limit.soft).set("hard", limit.hard);
}

Result<UlimitSpec> read_ulimit(const JsonReader& reader) {
  UlimitSpec limit;
  limit.name = TRY(reader.get_string("name"));
  limit.soft = TRY(reader.get_int("soft"));
  limit.hard = TRY(reader.get_int("hard"));
  return limit;
}

Json namespace_json(const NamespaceChoice& choice) {
  Json json = Json::object();
  if (choice == NamespaceChoice{}) return json;
  json.set("mode", word_of(k_namespace_modes, choice.mode));
  put(json, "value", choice.value);
  return json;
}

Result<NamespaceChoice> read_namespace(const JsonReader& parent, std::string_view key) {
  const auto reader = TRY(object_or_empty(parent, key));
  NamespaceChoice choice;
  choice.mode = TRY(read_enum(reader, "mode", k_namespace_modes, NamespaceChoice::Mode::automatic));
  choice.value = TRY(reader.string_or("value", ""));
  return choice;
}

Result<NetworkChoice> read_network(const JsonReader& parent) {
  return network_choice_from_json(TRY(object_or_empty(parent, "network")));
}

Json userns_json(const UsernsChoice& choice) {
  Json json = Json::object();
  if (choice == UsernsChoice{}) return json;
  json.set("mode", word_of(k_userns_modes, choice.mode));
  put_number(json, "keep_uid", choice.keep_uid);
  put_number(json, "keep_gid", choice.keep_gid);
  put_number(json, "size", choice.size);
  put(json, "uid_maps", choice.uid_maps);
  put(json, "gid_maps", choice.gid_maps);
  put(json, "subuid_name", choice.subuid_name);
  put(json, "subgid_name", choice.subgid_name);
  put(json, "value", choice.value);
  return json;
}

Result<UsernsChoice> read_userns(const JsonReader& parent) {
  const auto reader = TRY(object_or_empty(parent, "userns"));
  UsernsChoice choice;
  choice.mode = TRY(read_enum(reader, "mode", k_userns_modes, UsernsChoice::Mode::host));
  choice.keep_uid = TRY(read_number<uint32_t>(reader, "keep_uid"));
  choice.keep_gid = TRY(read_number<uint32_t>(reader, "keep_gid"));
  choice.size = TRY(read_number<uint32_t>(reader, "size"));
  choice.uid_maps = TRY(reader.strings("uid_maps"));
  choice.gid_maps = TRY(reader.strings("gid_maps"));
  choice.subuid_name = TRY(reader.string_or("subuid_name", ""));
  choice.subgid_name = TRY(reader.string_or("subgid_name", ""));
  choice.value = TRY(reader.string_or("value", ""));
  return choice;
}

template <typename T, typename Decode>
Result<std::vector<T>> read_array(const JsonReader& reader, std::string_view key, Decode decode) {
  std::vector<T> values;
  for (const auto& element : TRY(reader.elements(key))) values.push_back(TRY(decode(element)));
  return values;
}

struct DeviceLimits {
  const char* key;
  std::vector<DeviceLimit> ResourceSpec::* member;
};
constexpr std::array<DeviceLimits, 5> k_device_limits = {{
    {"blkio_weight_devices", &ResourceSpec::blkio_weight_devices},
    {"read_bps", &ResourceSpec::read_bps},
    {"write_bps", &ResourceSpec::write_bps},
    {"read_iops", &ResourceSpec::read_iops},
    {"write_iops", &ResourceSpec::write_iops},
}};

Json device_limit_json(const DeviceLimit& limit) {
  return Json::object()
      .set("path", limit.path)
      .set("value", limit.value)
      .set("major", limit.major)
      .set("minor", limit.minor);
}

Result<DeviceLimit> read_device_limit(const JsonReader& reader) {
  return DeviceLimit{TRY(reader.get_string("path")), TRY(reader.get_uint("value")), TRY(reader.get_int("major")),
                     TRY(reader.get_int("minor"))};
}

Json resources_json(const ResourceSpec& resources) {
  Json json = Json::object();
  put_number(json, "memory_bytes", resources.memory_bytes);
  put_number(json, "memory_reservation_bytes", resources.memory_reservation_bytes);
  put_number(json, "memory_swap_bytes", resources.memory_swap_bytes);
  put_number(json, "pids", resources.pids);
  put_number(json, "cpu_shares", resources.cpu_shares);
  put_number(json, "cpu_period_us", resources.cpu_period_us);
  put_number(json, "cpu_quota_us", resources.cpu_quota_us);
  put(json, "cpuset_cpus", resources.cpuset_cpus);
  put(json, "cpuset_mems", resources.cpuset_mems);
  put_number(json, "cpu_rt_period_us", resources.cpu_rt_period_us);
  put_number(json, "cpu_rt_runtime_us", resources.cpu_rt_runtime_us);
  put_number(json, "swappiness", resources.swappiness);
  put_flag(json, "oom_kill_disable", resources.oom_kill_disable);
  put_number(json, "blkio_weight", resources.blkio_weight);
  for (const auto& [key, member] : k_device_limits) put_array(json, key, resources.*member, device_limit_json);
  put(json, "unified", resources.unified);
  return json;
}

Result<ResourceSpec> read_resources(const JsonReader& parent) {
  const auto reader = TRY(object_or_empty(parent, "resources"));
  ResourceSpec resources;
  resources.memory_bytes = TRY(reader.find_int("memory_bytes"));
  resources.memory_reservation_bytes = TRY(reader.find_int("memory_reservation_bytes"));
  resources.memory_swap_bytes = TRY(reader.find_int("memory_swap_bytes"));
  resources.pids = TRY(reader.find_int("pids"));
  resources.cpu_shares = TRY(reader.find_uint("cpu_shares"));
  resources.cpu_period_us = TRY(reader.find_uint("cpu_period_us"));
  resources.cpu_quota_us = TRY(reader.find_int("cpu_quota_us"));
  resources.cpuset_cpus = TRY(reader.string_or("cpuset_cpus", ""));
  resources.cpuset_mems = TRY(reader.string_or("cpuset_mems", ""));
  resources.cpu_rt_period_us = TRY(reader.find_uint("cpu_rt_period_us"));
  resources.cpu_rt_runtime_us = TRY(reader.find_int("cpu_rt_runtime_us"));
  resources.swappiness = TRY(reader.find_uint("swappiness"));
  resources.oom_kill_disable = TRY(reader.bool_or("oom_kill_disable", false));
  resources.blkio_weight = TRY(read_number<uint16_t>(reader, "blkio_weight"));
  for (const auto& [key, member] : k_device_limits) {
    resources.*member = TRY(read_array<DeviceLimit>(reader, key, read_device_limit));
  }
  resources.unified = TRY(reader.string_map("unified"));
  return resources;
}

Json security_json(const SecuritySpec& security) {
  Json json = Json::object();
  put_flag(json, "privileged", security.privileged);
  put_flag(json, "no_new_privileges", security.no_new_privileges);
  put(json, "cap_add", security.cap_add);
  put(json, "cap_drop", security.cap_drop);
  put(json, "seccomp_profile", security.seccomp_profile);
  put_flag(json, "seccomp_of_image", security.seccomp_of_image);
  put(json, "apparmor_profile", security.apparmor_profile);
  put_flag(json, "label_disable", security.label_disable);
  put(json, "mask", security.mask);
  put(json, "unmask", security.unmask);
  put(json, "proc_options", security.proc_options);
  return json;
}

Result<SecuritySpec> read_security(const JsonReader& parent) {
  const auto reader = TRY(object_or_empty(parent, "security"));
  SecuritySpec security;
  security.privileged = TRY(reader.bool_or("privileged", false));
  security.no_new_privileges = TRY(reader.bool_or("no_new_privileges", false));
  security.cap_add = TRY(reader.strings("cap_add"));
  security.cap_drop = TRY(reader.strings("cap_drop"));
  security.seccomp_profile = TRY(reader.string_or("seccomp_profile", ""));
  security.seccomp_of_image = TRY(reader.bool_or("seccomp_of_image", false));
  security.apparmor_profile = TRY(reader.string_or("apparmor_profile", ""));
  security.label_disable = TRY(reader.bool_or("label_disable", false));
  security.mask = TRY(reader.strings("mask"));
  security.unmask = TRY(reader.strings("unmask"));
  security.proc_options = TRY(reader.strings("proc_options"));
  return security;
}

Json log_json(const LogSpec& log) {
  Json json = Json::object();
  put(json, "driver", log.driver);
  put(json, "options", log.options);
  return json;
}

Json health_json(const oci::HealthConfig& health) {
  return Json::object()
      .set("test", Json::strings(health.test))
      .set("interval_ns", static_cast<int64_t>(health.interval.count()))
      .set("timeout_ns", static_cast<int64_t>(health.timeout.count()))
      .set("start_period_ns", static_cast<int64_t>(health.start_period.count()))
      .set("retries", health.retries);
}

Result<std::optional<oci::HealthConfig>> read_health(const JsonReader& parent) {
  const auto reader = TRY(parent.find_object("health"));
  if (!reader) return std::optional<oci::HealthConfig>{};
  oci::HealthConfig health;
  health.test = TRY(reader->strings("test"));
  health.interval = std::chrono::nanoseconds(TRY(reader->get_int("interval_ns")));
  health.timeout = std::chrono::nanoseconds(TRY(reader->get_int("timeout_ns")));
  health.start_period = std::chrono::nanoseconds(TRY(reader->get_int("start_period_ns")));
  health.retries = TRY(read_number<int>(*reader, "retries")).value_or(0);
  return std::optional(health);
}

Json health_rules_json(const HealthRules& rules) {
  const HealthRules defaults;
  Json json = Json::object();
  if (rules.startup) {
    json.set("startup", Json::object()
                            .set("test", Json::strings(rules.startup->test))
                            .set("interval_ns", static_cast<int64_t>(rules.startup->interval.count()))
                            .set("timeout_ns", static_cast<int64_t>(rules.startup->timeout.count()))
                            .set("retries", rules.startup->retries)
                            .set("successes", rules.startup->successes));
  }
  if (rules.on_failure != defaults.on_failure) json.set("on_failure", word_of(k_health_actions, rules.on_failure));
  if (rules.log_entries != defaults.log_entries) json.set("log_entries", rules.log_entries);
  if (rules.log_bytes != defaults.log_bytes) json.set("log_bytes", rules.log_bytes);
  put(json, "log_destination", rules.log_destination);
  return json;
}

Result<HealthRules> read_health_rules(const JsonReader& parent) {
  const auto reader = TRY(object_or_empty(parent, "health_rules"));
  HealthRules rules;
  if (const auto startup = TRY(reader.find_object("startup"))) {
    rules.startup.emplace();
    rules.startup->test = TRY(startup->strings("test"));
    rules.startup->interval = std::chrono::nanoseconds(TRY(startup->get_int("interval_ns")));
    rules.startup->timeout = std::chrono::nanoseconds(TRY(startup->get_int("timeout_ns")));
    rules.startup->retries = TRY(read_number<int>(*startup, "retries")).value_or(0);
    rules.startup->successes = TRY(read_number<int>(*startup, "successes")).value_or(0);
  }
  rules.on_failure = TRY(read_enum(reader, "on_failure", k_health_actions, rules.on_failure));
  rules.log_entries = TRY(read_number<uint32_t>(reader, "log_entries")).value_or(rules.log_entries);
  rules.log_bytes = TRY(read_number<uint32_t>(reader, "log_bytes")).value_or(rules.log_bytes);
  rules.log_destination = TRY(reader.string_or("log_destination", ""));
  return rules;
}

Json notify_json(const NotifySpec& notify) {
  Json json = Json::object();
  if (notify.mode != NotifySpec::Mode::container) json.set("mode", word_of(k_notify_modes, notify.mode));
  put(json, "socket", notify.socket);
  return json;
}

Result<NotifySpec> read_notify(const JsonReader& parent) {
  NotifySpec notify;
  const auto reader = TRY(parent.find_object("notify"));
  if (!reader) return notify;
  notify.mode = TRY(read_enum(*reader, "mode", k_notify_modes, notify.mode));
  notify.socket = TRY(reader->string_or("socket", ""));
  return notify;
}

bool is_check(const std::vector<std::string>& test) { return !test.empty() && test[0] != "NONE" && !test[0].empty(); }

// What to run, and as whom.
void put_process(Json& json, const ContainerSpec& spec) {
  put(json, "image", spec.image);
  put(json, "rootfs", spec.rootfs);
  if (spec.entrypoint) json.set("entrypoint", Json::strings(*spec.entrypoint));
  put(json, "command", spec.command);
  put(json, "name", spec.name);
  put(json, "working_dir", spec.working_dir);
  put(json, "user", spec.user);
  put(json, "groups", spec.groups);
  put(json, "env", spec.env);
  put(json, "env_merge", spec.env_merge);
  put(json, "unset_env", spec.unset_env);
  put_flag(json, "unset_all_env", spec.unset_all_env);
  put_flag(json, "terminal", spec.terminal);
  put_flag(json, "stdin_open", spec.stdin_open);
  put(json, "hostname", spec.hostname);
  put(json, "domainname", spec.domainname);
  put(json, "labels", spec.labels);
  put(json, "annotations", spec.annotations);
  put_number(json, "umask", spec.umask);
  put_number(json, "oom_score_adj", spec.oom_score_adj);
  put(json, "timezone", spec.timezone);
  put(json, "stop_signal", spec.stop_signal);
  put_seconds(json, "stop_timeout", spec.stop_timeout);
  put_seconds(json, "timeout", spec.timeout);
  put_flag(json, "init", spec.init);
  put(json, "init_path", spec.init_path);
  put(json, "runtime", spec.runtime);
}

Result<void> read_process(const JsonReader& reader, ContainerSpec& spec) {
  spec.image = TRY(reader.string_or("image", ""));
  spec.rootfs = TRY(reader.string_or("rootfs", ""));
  if (reader.has("entrypoint")) spec.entrypoint = TRY(reader.strings("entrypoint"));
  spec.command = TRY(reader.strings("command"));
  spec.name = TRY(reader.string_or("name", ""));
  spec.working_dir = TRY(reader.string_or("working_dir", ""));
  spec.user = TRY(reader.string_or("user", ""));
  spec.groups = TRY(reader.strings("groups"));
  spec.env = TRY(reader.strings("env"));
  spec.env_merge = TRY(reader.strings("env_merge"));
  spec.unset_env = TRY(reader.strings("unset_env"));
  spec.unset_all_env = TRY(reader.bool_or("unset_all_env", false));
  spec.terminal = TRY(reader.bool_or("terminal", false));
  spec.stdin_open = TRY(reader.bool_or("stdin_open", false));
  spec.hostname = TRY(reader.string_or("hostname", ""));
  spec.domainname = TRY(reader.string_or("domainname", ""));
  spec.labels = TRY(reader.string_map("labels"));
  spec.annotations = TRY(reader.string_map("annotations"));
  spec.umask = TRY(read_number<uint32_t>(reader, "umask"));
  spec.oom_score_adj = TRY(read_number<int>(reader, "oom_score_adj"));
  spec.timezone = TRY(reader.string_or("timezone", ""));
  spec.stop_signal = TRY(reader.string_or("stop_signal", ""));
  spec.stop_timeout = TRY(read_seconds(reader, "stop_timeout"));
  spec.timeout = TRY(read_seconds(reader, "timeout"));
  spec.init = TRY(reader.bool_or("init", false));
  spec.init_path = TRY(reader.string_or("init_path", ""));
  spec.runtime = TRY(reader.string_or("runtime", ""));
  return ok();
}

// What it sees: files, devices, limits, namespaces.
void put_surroundings(Json& json, const ContainerSpec& spec) {
  put_array(json, "mounts", spec.mounts, mount_json);
  put(json, "volumes_from", spec.volumes_from);
  if (spec.image_volumes != ImageVolumes::anonymous) {
    json.set("image_volumes", word_of(k_image_volumes, spec.image_volumes));
  }
  put_array(json, "secrets", spec.secrets, secret_json);
  put_flag(json, "read_only", spec.read_only);
  put_flag(json, "read_only_tmpfs", spec.read_only_tmpfs, true);
  put_array(json, "devices", spec.devices, device_json);
  put(json, "cdi_devices", spec.cdi_devices);
  put(json, "device_rules", spec.device_rules);
  put_array(json, "ulimits", spec.ulimits, ulimit_json);
  put(json, "sysctls", spec.sysctls);
  put_number(json, "shm_size_bytes", spec.shm_size_bytes);
  if (spec.systemd != SystemdMode::automatic) json.set("systemd", word_of(k_systemd_modes, spec.systemd));
  put_number(json, "systemd_shm_bytes", spec.systemd_shm_bytes);
  put(json, "personality", spec.personality);
  put(json, "rdt_class", spec.rdt_class);
  put_object(json, "security", security_json(spec.security));
  put_object(json, "resources", resources_json(spec.resources));
  put_object(json, "network", to_json(spec.network));
  put_array(json, "ports", spec.ports, [](const PortMapping& mapping) { return to_json(mapping); });
  put_flag(json, "publish_all_ports", spec.publish_all_ports);
  put_array(json, "exposed_ports", spec.exposed_ports, [](const ExposedPort& port) { return to_json(port); });
  put(json, "pod", spec.pod);
  put(json, "init_container", spec.init_container);
  put_object(json, "pid", namespace_json(spec.pid));
  put_object(json, "ipc", namespace_json(spec.ipc));
  put_object(json, "uts", namespace_json(spec.uts));
  put_object(json, "cgroup", namespace_json(spec.cgroup));
  put(json, "cgroups", spec.cgroups);
  put(json, "cgroup_manager", spec.cgroup_manager);
  put(json, "cgroup_parent", spec.cgroup_parent);
  put_object(json, "userns", userns_json(spec.userns));
  put(json, "dns_servers", spec.dns_servers);
  put(json, "dns_search", spec.dns_search);
  put(json, "dns_options", spec.dns_options);
  put(json, "add_hosts", spec.add_hosts);
  put_flag(json, "no_hosts", spec.no_hosts);
  put(json, "hosts_file", spec.hosts_file);
  put_flag(json, "add_accounts", spec.add_accounts, true);
  put(json, "passwd_entry", spec.passwd_entry);
  put(json, "group_entry", spec.group_entry);
  put(json, "host_users", spec.host_users);
  put(json, "chroot_dirs", spec.chroot_dirs);
  put_flag(json, "no_hostname", spec.no_hostname);
  put_flag(json, "http_proxy", spec.http_proxy, true);
}

Result<void> read_surroundings(const JsonReader& reader, ContainerSpec& spec) {
  spec.mounts = TRY(read_array<MountSpec>(reader, "mounts", read_mount));
  spec.volumes_from = TRY(reader.strings("volumes_from"));
  spec.image_volumes = TRY(read_enum(reader, "image_volumes", k_image_volumes, spec.image_volumes));
  spec.secrets = TRY(read_array<SecretUse>(reader, "secrets", read_secret));
  spec.read_only = TRY(reader.bool_or("read_only", false));
  spec.read_only_tmpfs = TRY(reader.bool_or("read_only_tmpfs", true));
  spec.devices = TRY(read_array<DeviceSpec>(reader, "devices", read_device));
  spec.cdi_devices = TRY(reader.strings("cdi_devices"));
  spec.device_rules = TRY(reader.strings("device_rules"));
  spec.ulimits = TRY(read_array<UlimitSpec>(reader, "ulimits", read_ulimit));
  spec.sysctls = TRY(reader.string_map("sysctls"));
  spec.shm_size_bytes = TRY(reader.find_uint("shm_size_bytes"));
  spec.systemd = TRY(read_enum(reader, "systemd", k_systemd_modes, spec.systemd));
  spec.systemd_shm_bytes = TRY(reader.find_uint("systemd_shm_bytes"));
  spec.personality = TRY(reader.string_or("personality", ""));
  spec.rdt_class = TRY(reader.string_or("rdt_class", ""));
  spec.security = TRY(read_security(reader));
  spec.resources = TRY(read_resources(reader));
  spec.network = TRY(read_network(reader));
  spec.ports = TRY(read_array<PortMapping>(reader, "ports", port_mapping_from_json));
  spec.publish_all_ports = TRY(reader.bool_or("publish_all_ports", false));
  spec.exposed_ports = TRY(read_array<ExposedPort>(reader, "exposed_ports", exposed_port_from_json));
  spec.pod = TRY(reader.string_or("pod", ""));
  spec.init_container = TRY(reader.string_or("init_container", ""));
  spec.pid = TRY(read_namespace(reader, "pid"));
  spec.ipc = TRY(read_namespace(reader, "ipc"));
  spec.uts = TRY(read_namespace(reader, "uts"));
  spec.cgroup = TRY(read_namespace(reader, "cgroup"));
  spec.cgroups = TRY(reader.string_or("cgroups", ""));
  spec.cgroup_manager = TRY(reader.string_or("cgroup_manager", ""));
  spec.cgroup_parent = TRY(reader.string_or("cgroup_parent", ""));
  spec.userns = TRY(read_userns(reader));
  spec.dns_servers = TRY(reader.strings("dns_servers"));
  spec.dns_search = TRY(reader.strings("dns_search"));
  spec.dns_options = TRY(reader.strings("dns_options"));
  spec.add_hosts = TRY(reader.strings("add_hosts"));
  spec.no_hosts = TRY(reader.bool_or("no_hosts", false));
  spec.hosts_file = TRY(reader.string_or("hosts_file", ""));
  spec.add_accounts = TRY(reader.bool_or("add_accounts", true));
  spec.passwd_entry = TRY(reader.string_or("passwd_entry", ""));
  spec.group_entry = TRY(reader.string_or("group_entry", ""));
  spec.host_users = TRY(reader.strings("host_users"));
  spec.chroot_dirs = TRY(reader.strings("chroot_dirs"));
  spec.no_hostname = TRY(reader.bool_or("no_hostname", false));
  spec.http_proxy = TRY(reader.bool_or("http_proxy", true));
  return ok();
}

}  // namespace

std::string_view policy_word(RestartSpec::Policy policy) { return word_of(k_restart_policies, policy); }
std::string_view action_word(HealthAction action) { return word_of(k_health_actions, action); }
std::string_view notify_word(NotifySpec::Mode mode) { return word_of(k_notify_modes, mode); }

bool has_health_check(const ContainerSpec& spec) { return spec.health && is_check(spec.health->test); }

Json to_json(const RestartSpec& restart) {
  Json json = Json::object();
  if (restart.policy == RestartSpec::Policy::no) return json;
  json.set("policy", word_of(k_restart_policies, restart.policy));
  if (restart.most_retries > 0) json.set("most_retries", restart.most_retries);
  return json;
}

Result<RestartSpec> read_restart(const JsonReader& parent) {
  RestartSpec restart;
  const auto reader = TRY(parent.find_object("restart"));
  if (!reader) return restart;
  restart.policy = TRY(read_enum(*reader, "policy", k_restart_policies, restart.policy));
  restart.most_retries = TRY(read_number<int>(*reader, "most_retries")).value_or(0);
  return restart;
}

Json to_json(const ContainerSpec& spec) {
  Json json = Json::object();
  put_process(json, spec);
  put_surroundings(json, spec);
  put_object(json, "log", log_json(spec.log));
  put_flag(json, "auto_remove", spec.auto_remove);
  put_flag(json, "remove_image", spec.remove_image);
  put(json, "dependencies", spec.dependencies);
  put(json, "cid_file", spec.cid_file);
  put(json, "pid_file", spec.pid_file);
  put(json, "monitor_pid_file", spec.monitor_pid_file);
  put_object(json, "restart", to_json(spec.restart));
  put_object(json, "notify", notify_json(spec.notify));
  if (spec.health) json.set("health", health_json(*spec.health));
  put_object(json, "health_rules", health_rules_json(spec.health_rules));
  put_object(json, "probes", to_json(spec.probes));
  put(json, "create_command", spec.create_command);
  return json;
}

Result<ContainerSpec> container_spec_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  ContainerSpec spec;
  TRY(read_process(reader, spec));
  TRY(read_surroundings(reader, spec));
  const auto log = TRY(object_or_empty(reader, "log"));
  spec.log.driver = TRY(log.string_or("driver", ""));
  spec.log.options = TRY(log.string_map("options"));
  spec.auto_remove = TRY(reader.bool_or("auto_remove", false));
  spec.remove_image = TRY(reader.bool_or("remove_image", false));
  spec.dependencies = TRY(reader.strings("dependencies"));
  spec.cid_file = TRY(reader.string_or("cid_file", ""));
  spec.pid_file = TRY(reader.string_or("pid_file", ""));
  spec.monitor_pid_file = TRY(reader.string_or("monitor_pid_file", ""));
  spec.restart = TRY(read_restart(reader));
  spec.notify = TRY(read_notify(reader));
  spec.health = TRY(read_health(reader));
  spec.health_rules = TRY(read_health_rules(reader));
  spec.probes = TRY(probe_spec_from_json(TRY(object_or_empty(reader, "probes"))));
  spec.create_command = TRY(reader.strings("create_command"));
  return spec;
}

SpecSummary summarize(const ContainerSpec& spec) {
  return {spec.rootfs,        spec.labels,  spec.mounts,           spec.network,    spec.ports,
          spec.exposed_ports, spec.pod,     spec.terminal,         spec.stdin_open, spec.auto_remove,
          spec.cid_file,      spec.restart, has_health_check(spec)};
}

Result<SpecSummary> spec_summary_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  SpecSummary summary;
  summary.rootfs = TRY(reader.string_or("rootfs", ""));
  summary.labels = TRY(reader.string_map("labels"));
  summary.mounts = TRY(read_array<MountSpec>(reader, "mounts", read_mount));
  summary.network = TRY(read_network(reader));
  summary.ports = TRY(read_array<PortMapping>(reader, "ports", port_mapping_from_json));
  summary.exposed_ports = TRY(read_array<ExposedPort>(reader, "exposed_ports", exposed_port_from_json));
  summary.pod = TRY(reader.string_or("pod", ""));
  summary.terminal = TRY(reader.bool_or("terminal", false));
  summary.stdin_open = TRY(reader.bool_or("stdin_open", false));
  summary.auto_remove = TRY(reader.bool_or("auto_remove", false));
  summary.cid_file = TRY(reader.string_or("cid_file", ""));
  summary.restart = TRY(read_restart(reader));
  if (const auto health = TRY(reader.find_object("health"))) {
    summary.has_health_check = is_check(TRY(health->strings("test")));
  }
  return summary;
}

}  // namespace ctr::engine
