#include "engine/kube/generate_container.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/parse.h"
#include "base/text.h"
#include "engine/probe.h"

namespace ctr::engine::kube {

using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

// So that expanding gives back what was there.
std::string unexpanded(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '$' && i + 1 < text.size() && (text[i + 1] == '(' || text[i + 1] == '$')) out += '$';
  }
  return out;
}

Json words_json(const std::vector<std::string>& words) {
  Json list = Json::array();
  for (const auto& word : words) list.push(unexpanded(word));
  return list;
}

Json env_json(const std::vector<std::string>& env) {
  Json list = Json::array();
  for (const auto& entry : env) {
    const auto pair = split_once(entry, '=');
    if (!pair || pair->first.empty()) continue;
    list.push(Json::object().set("name", pair->first).set("value", unexpanded(pair->second)));
  }
  return list;
}

Json resources_json(const ResourceSpec& resources) {
  Json limits = Json::object();
  Json requests = Json::object();
  if (resources.cpu_quota_us && *resources.cpu_quota_us > 0) {
    const auto period = static_cast<int64_t>(resources.cpu_period_us.value_or(100'000));
    if (period > 0) limits.set("cpu", fmt::format("{}m", *resources.cpu_quota_us * 1000 / period));
  }
  if (resources.memory_bytes) limits.set("memory", std::to_string(*resources.memory_bytes));
  // Rounded up, so that it becomes the same number of shares.
  if (resources.cpu_shares) requests.set("cpu", fmt::format("{}m", (*resources.cpu_shares * 1000 + 1023) / 1024));
  if (resources.memory_reservation_bytes) {
    requests.set("memory", std::to_string(*resources.memory_reservation_bytes));
  }
  Json json = Json::object();
  if (!limits.as_object().empty()) json.set("limits", std::move(limits));
  if (!requests.as_object().empty()) json.set("requests", std::move(requests));
  return json;
}

std::vector<std::string> without_prefix(const std::vector<std::string>& capabilities) {
  std::vector<std::string> names;
  for (const auto& name : capabilities) names.push_back(name.starts_with("CAP_") ? name.substr(4) : name);
  return names;
}

void add_user(const std::string& user, Json& json) {
  const auto pair = split_once(user, ':');
  const auto number = [&](std::string_view key, const std::string& text) {
    const bool is_id = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
    if (is_id) json.set(std::string(key), int64_t{std::stol(text)});
  };
  number("runAsUser", pair ? pair->first : user);
  if (pair && json.find("runAsUser") != nullptr) number("runAsGroup", pair->second);
}

Json security_json(const ContainerSpec& spec) {
  const auto& security = spec.security;
  Json json = Json::object();
  if (security.no_new_privileges) json.set("allowPrivilegeEscalation", false);
  Json capabilities = Json::object();
  if (!security.cap_add.empty()) capabilities.set("add", Json::strings(without_prefix(security.cap_add)));
  if (!security.cap_drop.empty()) capabilities.set("drop", Json::strings(without_prefix(security.cap_drop)));
  if (!capabilities.as_object().empty()) json.set("capabilities", std::move(capabilities));
  if (security.privileged) json.set("privileged", true);
  if (security.unmask == std::vector<std::string>{"ALL"}) json.set("procMount", "Unmasked");
  if (spec.read_only) json.set("readOnlyRootFilesystem", true);
  if (security.label_disable) json.set("seLinuxOptions", Json::object().set("type", "spc_t"));
  if (security.seccomp_profile == "unconfined") {
    json.set("seccompProfile", Json::object().set("type", "Unconfined"));
  }
  if (security.apparmor_profile == "unconfined") {
    json.set("appArmorProfile", Json::object().set("type", "Unconfined"));
  } else if (!security.apparmor_profile.empty()) {
    json.set("appArmorProfile",
             Json::object().set("type", "Localhost").set("localhostProfile", security.apparmor_profile));
  }
  add_user(spec.user, json);
  return json;
}

// An image may have words there that are no number.
std::optional<int64_t> number_in(const std::vector<std::string>& test, size_t place) {
  if (place >= test.size()) return std::nullopt;
  const auto number = parse_unsigned(test[place], "a number", UINT32_MAX);
  return number ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
}

// The member of a probe or hook that says what is done.
void add_handler(const std::vector<std::string>& test, Json& json) {
  if (test.size() >= 4 && (test[0] == k_http_test || test[0] == k_https_test)) {
    const auto port = number_in(test, 2);
    if (!port) return;
    Json http = Json::object().set("path", test[3]).set("port", *port);
    if (test[0] == k_https_test) http.set("scheme", "HTTPS");
    if (test[1] != "127.0.0.1") http.set("host", test[1]);
    for (size_t i = 4; i < test.size(); ++i) {
      const size_t colon = test[i].find(": ");
      if (colon == std::string::npos) continue;
      Json headers = http.find("httpHeaders") == nullptr ? Json::array() : *http.find("httpHeaders");
      headers.push(Json::object().set("name", test[i].substr(0, colon)).set("value", test[i].substr(colon + 2)));
      http.set("httpHeaders", std::move(headers));
    }
    json.set("httpGet", std::move(http));
  } else if (test.size() >= 4 && test[0] == k_grpc_test) {
    const auto port = number_in(test, 2);
    if (!port) return;
    Json grpc = Json::object().set("port", *port);
    if (!test[3].empty()) grpc.set("service", test[3]);
    json.set("grpc", std::move(grpc));
  } else if (test.size() >= 3 && test[0] == k_tcp_test) {
    const auto port = number_in(test, 2);
    if (!port) return;
    Json tcp = Json::object().set("port", *port);
    if (test[1] != "127.0.0.1") tcp.set("host", test[1]);
    json.set("tcpSocket", std::move(tcp));
  } else if (test.size() >= 2 && test[0] == k_sleep_test) {
    if (const auto time = number_in(test, 1)) json.set("sleep", Json::object().set("seconds", *time));
  } else if (test.size() >= 2 && test[0] == "CMD") {
    json.set("exec", Json::object().set("command", Json::strings({test.begin() + 1, test.end()})));
  } else if (test.size() >= 2 && test[0] == "CMD-SHELL") {
    json.set("exec", Json::object().set("command", Json::strings({"/bin/sh", "-c", test[1]})));
  }
}

struct ProbeTimes {
  nanoseconds delay{0}, interval{0}, timeout{0};
  int failures = 3, successes = 1;
};

Json probe_json(const std::vector<std::string>& test, const ProbeTimes& times) {
  Json json = Json::object();
  add_handler(test, json);
  if (json.as_object().empty()) return json;
  const auto whole = [](nanoseconds time) { return int64_t{std::chrono::ceil<seconds>(time).count()}; };
  json.set("failureThreshold", std::max(times.failures, 1));
  if (times.delay.count() > 0) json.set("initialDelaySeconds", whole(times.delay));
  if (times.interval.count() > 0) json.set("periodSeconds", whole(times.interval));
  if (times.successes > 1) json.set("successThreshold", times.successes);
  if (times.timeout.count() > 0) json.set("timeoutSeconds", whole(times.timeout));
  return json;
}

void add_probes(const ContainerSpec& spec, Json& json) {
  const auto add = [&](std::string_view key, Json probe) {
    if (!probe.as_object().empty()) json.set(std::string(key), std::move(probe));
  };
  if (spec.health && !spec.health->test.empty()) {
    const auto& health = *spec.health;
    add("livenessProbe",
        probe_json(health.test, {health.start_period, health.interval, health.timeout, health.retries, 1}));
  }
  if (const auto& readiness = spec.probes.readiness) {
    add("readinessProbe", probe_json(readiness->test, {readiness->delay, readiness->interval, readiness->timeout,
                                                       readiness->retries, readiness->successes}));
  }
  if (const auto& startup = spec.health_rules.startup) {
    add("startupProbe", probe_json(startup->test, {{}, startup->interval, startup->timeout, startup->retries, 1}));
  }
  Json lifecycle = Json::object();
  const auto hook = [&](std::string_view key, const std::vector<std::string>& test) {
    Json handler = Json::object();
    add_handler(test, handler);
    if (!handler.as_object().empty()) lifecycle.set(std::string(key), std::move(handler));
  };
  hook("postStart", spec.probes.post_start);
  hook("preStop", spec.probes.pre_stop);
  if (spec.stop_signal.starts_with("SIG")) lifecycle.set("stopSignal", spec.stop_signal);
  if (!lifecycle.as_object().empty()) json.set("lifecycle", std::move(lifecycle));
}

bool has(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

Json memory_json(const std::string& name, const SourcePod& pod) {
  Json json = Json::object().set("medium", "Memory");
  if (!pod.spec) return json;
  for (const auto& memory : pod.spec->memory) {
    if (memory.name == name && memory.size_bytes) json.set("sizeLimit", std::to_string(*memory.size_bytes));
  }
  return json;
}

Json host_path_json(const std::string& path, const SourceContainer& container) {
  Json json = Json::object().set("path", path);
  const auto found = container.host_paths.find(path);
  if (found != container.host_paths.end()) json.set("type", found->second);
  return json;
}

// Its name: `word`, or a longer one where another volume has that.
std::string place_volume(GeneratedVolumes& volumes, const std::string& word, const std::string& source,
                         const Json& volume) {
  for (int turn = 1;; ++turn) {
    const auto name = turn == 1 ? word : fmt::format("{}-{}", word, turn);
    Json named = volume;
    named.set("name", name);
    const auto [place, is_new] = volumes.try_emplace(name, GeneratedVolume{named, source});
    if (is_new || (place->second.source == source && place->second.json == named)) return name;
  }
}

// A device is mounted like a file. What it may be used for is all, or reading.
void add_devices(const SourceContainer& container, GeneratedVolumes& volumes, Json& list) {
  for (const auto& device : container.spec.devices) {
    const auto found = container.host_paths.find(device.host_path);
    if (found == container.host_paths.end() || !found->second.ends_with("Device")) continue;
    const Json volume = Json::object().set("hostPath", host_path_json(device.host_path, container));
    const auto name = place_volume(volumes, kube_word(device.host_path) + "-device", device.host_path, volume);
    Json json = Json::object().set("mountPath", device.container_path).set("name", name);
    if (device.permissions == "r") json.set("readOnly", true);
    list.push(std::move(json));
  }
}

// The name that a file had for it, where it may be one.
std::string own_name(const std::string& volume, const std::string& prefix) {
  constexpr size_t k_longest = 63;  // Source: RFC 1123, labels
  const auto name = volume.starts_with(prefix) ? volume.substr(prefix.size()) : volume;
  const bool good = !name.empty() && name.size() <= k_longest && name.front() != '-' && name.back() != '-' &&
                    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return good && volume.starts_with(prefix) ? name : kube_word(name);
}

Json tmpfs_json(const MountSpec& mount) {
  Json empty = Json::object().set("medium", "Memory");
  for (const auto& option : mount.options) {
    if (option.starts_with("size=")) empty.set("sizeLimit", option.substr(5));
  }
  return empty;
}

// The volume of one mount, and its name; empty when Kubernetes has none like it.
std::string add_volume(const MountSpec& mount, const SourceContainer& container, const SourcePod& pod,
                       GeneratedVolumes& volumes) {
  Json volume = Json::object();
  std::string word;
  auto source = mount.source;
  switch (mount.type) {
    case MountSpec::Type::volume:
      if (has(pod.anonymous, mount.source)) {
        word = own_name(mount.source, pod.name + "-");
        volume.set("emptyDir", Json::object());
      } else {
        word = kube_word(mount.source) + "-pvc";
        volume.set("persistentVolumeClaim", Json::object().set("claimName", mount.source));
      }
      break;
    case MountSpec::Type::bind:
      word = kube_word(mount.source) + "-host";
      volume.set("hostPath", host_path_json(mount.source, container));
      break;
    case MountSpec::Type::tmpfs:
      source = container.name + mount.destination;
      word = kube_word(source) + "-tmp";
      volume.set("emptyDir", tmpfs_json(mount));
      break;
    case MountSpec::Type::memory:
      word = mount.source;
      volume.set("emptyDir", memory_json(mount.source, pod));
      break;
    case MountSpec::Type::image:
      word = kube_word(mount.source) + "-image";
      volume.set("image", Json::object().set("reference", mount.source));
      break;
    default:
      return {};
  }
  return place_volume(volumes, word, source, volume);
}

Json mounts_json(const SourceContainer& container, const SourcePod& pod, GeneratedVolumes& volumes) {
  Json list = Json::array();
  for (const auto& mount : container.spec.mounts) {
    const auto name = add_volume(mount, container, pod, volumes);
    if (name.empty()) continue;
    Json json = Json::object().set("mountPath", mount.destination).set("name", name);
    if (has(mount.options, "rslave") || has(mount.options, "slave")) json.set("mountPropagation", "HostToContainer");
    if (has(mount.options, "rshared") || has(mount.options, "shared")) json.set("mountPropagation", "Bidirectional");
    if (has(mount.options, "ro") || has(mount.options, "readonly")) json.set("readOnly", true);
    if (!mount.subpath.empty()) json.set("subPath", mount.subpath);
    list.push(std::move(json));
  }
  add_devices(container, volumes, list);
  return list;
}

}  // namespace

std::string kube_word(std::string_view text) {
  constexpr size_t k_longest = 50;
  std::string word;
  for (const char c : to_lower(text)) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (good) {
      word += c;
    } else if (!word.empty() && word.back() != '-') {
      word += '-';
    }
  }
  if (word.size() > k_longest) word.erase(0, word.size() - k_longest);
  while (word.ends_with('-')) word.pop_back();
  while (word.starts_with('-')) word.erase(0, 1);
  return word.empty() ? "x" : word;
}

Json ports_json(const std::vector<PortMapping>& published, const std::vector<ExposedPort>& exposed) {
  Json list = Json::array();
  const auto entry = [](uint16_t port, const std::string& protocol) {
    Json json = Json::object().set("containerPort", int64_t{port});
    if (protocol != "tcp") json.set("protocol", to_upper(protocol));
    return json;
  };
  for (const auto& mapping : published) {
    for (uint16_t i = 0; i < mapping.range; ++i) {
      Json json = entry(static_cast<uint16_t>(mapping.container_port + i), mapping.protocol);
      if (!mapping.host_ip.empty()) json.set("hostIP", mapping.host_ip);
      if (mapping.host_port != 0) json.set("hostPort", int64_t{mapping.host_port} + i);
      list.push(std::move(json));
    }
  }
  for (const auto& port : exposed) {
    for (uint16_t i = 0; i < port.range; ++i) {
      const auto number = static_cast<uint16_t>(port.port + i);
      const auto is_published = [&](const PortMapping& mapping) {
        return mapping.protocol == port.protocol && number >= mapping.container_port &&
               number - mapping.container_port < mapping.range;
      };
      if (std::none_of(published.begin(), published.end(), is_published)) list.push(entry(number, port.protocol));
    }
  }
  return list;
}

Json container_json(const SourceContainer& source, const std::string& name, const SourcePod& pod,
                    GeneratedVolumes& volumes) {
  const auto& spec = source.spec;
  Json json = Json::object();
  const auto add = [&](std::string_view key, Json value) {
    const bool empty =
        (value.is_array() && value.as_array().empty()) || (value.is_object() && value.as_object().empty());
    if (!empty) json.set(std::string(key), std::move(value));
  };
  if (!spec.command.empty()) add("args", words_json(spec.command));
  if (spec.entrypoint && !spec.entrypoint->empty()) add("command", words_json(*spec.entrypoint));
  add("env", env_json(spec.env));
  json.set("image", source.image.empty() ? spec.image : source.image);
  add_probes(spec, json);
  json.set("name", name);
  add("resources", resources_json(spec.resources));
  add("securityContext", security_json(spec));
  if (spec.stdin_open) json.set("stdin", true);
  if (spec.terminal) json.set("tty", true);
  add("volumeMounts", mounts_json(source, pod, volumes));
  if (!spec.working_dir.empty()) json.set("workingDir", spec.working_dir);
  return json;
}

}  // namespace ctr::engine::kube
