#include "cli/spec_args.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/journal.h"
#include "base/parse.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/health_args.h"
#include "cli/mount_args.h"
#include "cli/port_args.h"
#include "cli/restart_args.h"
#include "cli/secret_args.h"
#include "cli/spec_security.h"
#include "engine/cdi.h"
#include "engine/hosts.h"
#include "engine/mounts.h"

namespace ctr::cli {
namespace {

using engine::ContainerSpec;
using engine::RestartSpec;

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

bool is_container_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && plain(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

// Lines without comments and blank ones.
std::vector<std::string> useful_lines(std::string_view content) {
  std::vector<std::string> lines;
  for (const auto& line : split(content, '\n')) {
    std::string_view text = line;
    if (text.ends_with('\r')) text.remove_suffix(1);
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    if (!text.empty() && text[0] != '#') lines.emplace_back(text);
  }
  return lines;
}

Result<void> add_environment(const Args& args, const SpecInputs& inputs, ContainerSpec& spec) {
  if (args.flag("env-host", inputs.config.env_host)) {
    for (const auto& [key, value] : inputs.environment) spec.env.push_back(key + "=" + value);
  }
  for (auto& entry : TRY(read_env_options(args, inputs.environment, inputs.read_file))) {
    spec.env.push_back(std::move(entry));
  }
  for (const auto& entry : args.list("env-merge")) {
    if (entry.find('=') == std::string::npos) {
      return wrong(fmt::format("missing `=` for --env-merge substitution {}", printable(entry)));
    }
    spec.env_merge.push_back(entry);
  }
  for (const auto& key : args.list("unsetenv")) spec.unset_env.push_back(key);
  spec.unset_all_env = args.flag("unsetenv-all");
  spec.http_proxy = args.flag("http-proxy", inputs.config.http_proxy);
  return ok();
}

Result<void> add_labels(const Args& args, const SpecInputs& inputs, ContainerSpec& spec) {
  const auto add = [](std::string_view text, std::map<std::string, std::string>& map) -> Result<void> {
    const auto pair = split_once(text, '=');
    const std::string key(pair ? pair->first : text);
    if (key.empty()) return wrong(fmt::format("invalid label '{}': its key is empty", printable(text)));
    map[key] = pair ? pair->second : "";
    return ok();
  };
  for (const auto& path : args.list("label-file")) {
    const std::string content = TRY(inputs.read_file(path).context("--label-file"));
    for (const auto& line : useful_lines(content)) TRY(add(line, spec.labels));
  }
  for (const auto& text : args.list("label")) TRY(add(text, spec.labels));
  auto annotations = inputs.config.annotations;
  annotations.insert(annotations.end(), args.list("annotation").begin(), args.list("annotation").end());
  for (const auto& text : annotations) {
    if (text.find('=') == std::string::npos) {
      return wrong(fmt::format("annotation '{}' must be KEY=VALUE", printable(text)));
    }
    TRY(add(text, spec.annotations));
  }
  return ok();
}

Result<engine::DeviceSpec> parse_device(const std::string& text) {
  const auto parts = split(text, ':');
  const auto is_permissions = [](const std::string& word) {
    return !word.empty() && word.find_first_not_of("rwm") == std::string::npos;
  };
  engine::DeviceSpec device;
  device.host_path = device.container_path = parts[0];
  bool good = parts[0].starts_with('/') && parts.size() <= 3;
  if (parts.size() == 2 && is_permissions(parts[1])) {
    device.permissions = parts[1];
  } else if (parts.size() >= 2) {
    device.container_path = parts[1];
    good = good && parts[1].starts_with('/');
  }
  if (parts.size() == 3) {
    device.permissions = parts[2];
    good = good && is_permissions(parts[2]);
  }
  if (!good) return wrong(fmt::format("invalid device specification: {}", printable(text)));
  return device;
}

Result<void> add_device(const std::string& text, ContainerSpec& spec) {
  if (engine::is_cdi_name(text)) {
    spec.cdi_devices.push_back(text);
  } else {
    spec.devices.push_back(TRY(parse_device(text)));
  }
  return ok();
}

// --gpus. Source: podman-run(1): all, or names separated by commas.
Result<void> add_gpus(const Args& args, ContainerSpec& spec) {
  for (const auto& text : args.list("gpus")) {
    for (const auto& name : split(text, ',')) {
      const auto device = "nvidia.com/gpu=" + name;
      if (!engine::is_cdi_name(device)) return wrong(fmt::format("invalid --gpus '{}'", printable(text)));
      spec.cdi_devices.push_back(device);
    }
  }
  return ok();
}

// What containers.conf mounts, where no option mounts something else.
Result<void> add_configured_mounts(const SpecInputs& inputs, ContainerSpec& spec) {
  std::vector<engine::MountSpec> configured;
  for (const auto& text : inputs.config.volumes) configured.push_back(TRY(parse_volume(text, inputs.cwd)));
  for (const auto& text : inputs.config.mounts) configured.push_back(TRY(parse_mount(text, inputs.cwd)));
  for (auto& mount : configured) {
    const bool taken = std::any_of(spec.mounts.begin(), spec.mounts.end(),
                                   [&](const auto& other) { return other.destination == mount.destination; });
    if (!taken) spec.mounts.push_back(std::move(mount));
  }
  return ok();
}

Result<engine::ImageVolumes> parse_image_volumes(std::string_view text) {
  const auto word = to_lower(text);
  if (word.empty() || word == "bind" || word == "anonymous") return engine::ImageVolumes::anonymous;
  if (word == "tmpfs") return engine::ImageVolumes::tmpfs;
  if (word == "ignore") return engine::ImageVolumes::ignore;
  return wrong(
      fmt::format("invalid ImageVolumeMode \"{}\", value must be one of ignore,tmpfs,anonymous", printable(text)));
}

Result<void> add_mounts(const Args& args, const SpecInputs& inputs, ContainerSpec& spec) {
  for (const auto& text : args.list("volume")) spec.mounts.push_back(TRY(parse_volume(text, inputs.cwd)));
  for (const auto& text : args.list("mount")) spec.mounts.push_back(TRY(parse_mount(text, inputs.cwd)));
  for (const auto& text : args.list("tmpfs")) spec.mounts.push_back(TRY(parse_tmpfs(text)));
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (spec.mounts[i].destination != spec.mounts[j].destination) continue;
      return wrong(fmt::format("{}: duplicate mount destination", printable(spec.mounts[i].destination)));
    }
  }
  TRY(add_configured_mounts(inputs, spec));
  spec.volumes_from = args.list("volumes-from");
  spec.image_volumes = TRY(parse_image_volumes(args.text("image-volume", inputs.config.image_volume_mode)));
  for (const auto& text : args.list("secret")) spec.secrets.push_back(TRY(parse_secret(text)));
  for (const auto& text : inputs.config.devices) TRY(add_device(text, spec));
  for (const auto& text : args.list("device")) TRY(add_device(text, spec));
  TRY(add_gpus(args, spec));
  spec.read_only = args.flag("read-only", inputs.config.read_only);
  spec.read_only_tmpfs = args.flag("read-only-tmpfs", true);
  return ok();
}

Result<void> add_program(const Args& args, const SpecInputs& inputs, ContainerSpec& spec) {
  const auto& words = args.words();
  if (args.flag("rootfs")) {
    spec.rootfs = words[0].starts_with('/') ? words[0] : inputs.cwd + "/" + words[0];
  } else {
    if (words[0].empty()) return wrong("the image name is empty");
    spec.image = words[0];
  }
  spec.command.assign(words.begin() + 1, words.end());
  if (args.has("entrypoint")) {
    const std::string text = args.text("entrypoint");
    spec.entrypoint.emplace();
    if (text.starts_with('[')) {
      const Json list = TRY(parse_json(text, "--entrypoint"));
      for (const auto& word : list.as_array()) {
        if (!word.is_string()) return wrong(fmt::format("--entrypoint {}: must be a list of strings", printable(text)));
        spec.entrypoint->push_back(word.as_string());
      }
    } else if (!text.empty()) {
      spec.entrypoint->push_back(text);
    }
  }
  spec.working_dir = args.text("workdir");
  if (!spec.working_dir.empty() && !spec.working_dir.starts_with('/')) {
    return wrong(fmt::format("workdir '{}' must be an absolute path", printable(spec.working_dir)));
  }
  spec.user = args.text("user");
  for (const auto& text : args.list("group-add")) {
    for (auto& group : split(text, ',')) spec.groups.push_back(std::move(group));
  }
  if (spec.groups.size() > 1 && std::find(spec.groups.begin(), spec.groups.end(), "keep-groups") != spec.groups.end()) {
    return wrong("the '--group-add keep-groups' option is not allowed with any other --group-add options");
  }
  spec.terminal = args.flag("tty");
  spec.stdin_open = args.flag("interactive");
  spec.init = args.flag("init");
  spec.init_path = args.text("init-path");
  return ok();
}

// "none" alone leaves the image's resolv.conf as it is.
Result<void> check_dns(const Args& args) {
  const auto& servers = args.list("dns");
  const bool none = std::find(servers.begin(), servers.end(), "none") != servers.end();
  if (none && (servers.size() > 1 || args.has("dns-search") || args.has("dns-option"))) {
    return wrong("--dns none cannot be used with other name servers, search domains or options");
  }
  for (const auto& server : servers) {
    if (!none && !engine::is_ip_address(server))
      return wrong(fmt::format("{} is not an ip address", printable(server)));
  }
  return ok();
}

Result<void> add_accounts(const Args& args, ContainerSpec& spec) {
  spec.passwd_entry = args.text("passwd-entry");
  spec.group_entry = args.text("group-entry");
  for (const auto* entry : {&spec.passwd_entry, &spec.group_entry}) {
    if (entry->find('\n') != std::string::npos) return wrong("--passwd-entry and --group-entry are one line each");
  }
  for (const auto& text : args.list("hostuser")) {
    for (auto& name : split(text, ',')) spec.host_users.push_back(std::move(name));
  }
  return ok();
}

Result<void> add_identity(const Args& args, ContainerSpec& spec) {
  spec.name = args.text("name");
  if (args.has("name") && !is_container_name(spec.name)) {
    return wrong(fmt::format("invalid name '{}': names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*", printable(spec.name)));
  }
  if (args.flag("replace") && spec.name.empty()) return wrong("cannot replace container without --name being set");
  const std::string hostname = args.text("hostname");
  if (hostname.size() > 64) {  // HOST_NAME_MAX, Linux
    return wrong(fmt::format("--hostname has {} bytes, the limit is 64", hostname.size()));
  }
  spec.hostname = hostname;
  spec.no_hosts = args.flag("no-hosts");
  spec.no_hostname = args.flag("no-hostname");
  spec.dns_servers = args.list("dns");
  TRY(check_dns(args));
  spec.dns_search = args.list("dns-search");
  spec.dns_options = args.list("dns-option");
  spec.add_hosts = args.list("add-host");
  if (spec.no_hosts && !spec.add_hosts.empty()) return wrong("--no-hosts and --add-host cannot be set together");
  for (const auto& text : spec.add_hosts) {
    const auto pair = split_once(text, ':');
    if (!pair || pair->first.empty() || pair->second.empty()) {
      return wrong(fmt::format("--add-host '{}': must be NAME:IP", printable(text)));
    }
  }
  spec.hosts_file = args.text("hosts-file");
  if (spec.no_hosts && !spec.hosts_file.empty()) return wrong("--no-hosts and --hosts-file cannot be set together");
  TRY(add_accounts(args, spec));
  for (const auto& text : args.list("chrootdirs")) {
    for (const auto& dir : split(text, ',')) spec.chroot_dirs.push_back(TRY(engine::clean_destination(dir)));
  }
  spec.timezone = args.text("tz");
  spec.runtime = args.text("runtime");
  if (args.has("umask")) spec.umask = TRY(parse_mode(args.text("umask"), "--umask"));
  return ok();
}

// A field of entries of the journal. Errors: invalid.
Result<void> add_log_label(const std::string& text, ContainerSpec& spec) {
  const auto pair = split_once(text, '=');
  const std::string name = to_upper(pair ? pair->first : text);
  if (!pair || !is_journal_field(name)) {
    return wrong(
        fmt::format("--log-opt label: '{}' is not NAME=VALUE with a NAME of letters, digits and _", printable(text)));
  }
  spec.log.options["label." + name] = pair->second;
  return ok();
}

Result<void> add_log(const Args& args, ContainerSpec& spec) {
  static constexpr std::array<std::string_view, 6> k_drivers = {"k8s-file",    "json-file",       "journald",
                                                                "passthrough", "passthrough-tty", "none"};
  spec.log.driver = args.text("log-driver");
  if (!spec.log.driver.empty() && std::find(k_drivers.begin(), k_drivers.end(), spec.log.driver) == k_drivers.end()) {
    return wrong(fmt::format("invalid log driver '{}'", printable(spec.log.driver)))
        .with_hint("choose k8s-file, json-file, journald, passthrough, passthrough-tty or none");
  }
  for (const auto& text : args.list("log-opt")) {
    const auto pair = split_once(text, '=');
    if (!pair) return wrong(fmt::format("invalid log option '{}': must be KEY=VALUE", printable(text)));
    if (pair->first == "label") {
      TRY(add_log_label(pair->second, spec));
      continue;
    }
    if (pair->first != "path" && pair->first != "max-size" && pair->first != "tag") {
      return wrong(
          fmt::format("unknown log option '{}': must be path, max-size, tag or label", printable(pair->first)));
    }
    if (pair->first == "max-size") TRY(parse_size(pair->second, "--log-opt max-size"));
    spec.log.options[pair->first] = pair->second;
  }
  return ok();
}

Result<void> add_lifetime(const Args& args, ContainerSpec& spec) {
  const auto seconds = [&](std::string_view name) -> Result<std::optional<std::chrono::seconds>> {
    if (!args.has(name)) return std::optional<std::chrono::seconds>();
    const uint64_t count = TRY(parse_unsigned(args.text(name), fmt::format("--{}", name), INT32_MAX));
    return std::optional(std::chrono::seconds(static_cast<int64_t>(count)));
  };
  TRY(add_health(args, spec));
  if (args.has("stop-signal")) spec.stop_signal = signal_name(TRY(parse_signal(args.text("stop-signal"))));
  spec.stop_timeout = TRY(seconds("stop-timeout"));
  spec.timeout = TRY(seconds("timeout"));
  if (spec.timeout && spec.timeout->count() == 0) spec.timeout.reset();  // podman: 0 is no limit
  spec.auto_remove = args.flag("rm");
  spec.cid_file = args.text("cidfile");
  spec.pid_file = args.text("pidfile");
  spec.monitor_pid_file = args.text("conmon-pidfile");
  for (const auto& text : args.list("requires")) {
    for (auto& name : split(text, ',')) spec.dependencies.push_back(std::move(name));
  }
  spec.restart = TRY(parse_restart(args.text("restart")));
  // podman removes a container that may fail without limit once it has not.
  const bool keeps = spec.restart.policy == RestartSpec::Policy::no || args.text("restart") == "on-failure";
  if (spec.auto_remove && !keeps) {
    return wrong("the --rm option conflicts with --restart, when the restartPolicy is not \"\" and \"no\"");
  }
  return ok();
}

Result<void> add_systemd(const Args& args, ContainerSpec& spec) {
  using engine::SystemdMode;
  const std::string word = to_lower(args.text("systemd", "true"));
  if (word == "always") {
    spec.systemd = SystemdMode::always;
  } else if (const auto on = parse_bool(word, "--systemd")) {
    spec.systemd = *on ? SystemdMode::automatic : SystemdMode::off;
  } else {
    return wrong(fmt::format("invalid systemd mode \"{}\": must be true, false or always", printable(word)));
  }
  if (spec.init && spec.systemd == SystemdMode::always) {
    return wrong("--init and --systemd=always cannot be used together: systemd has to be the first process");
  }
  if (args.has("shm-size-systemd")) {
    spec.systemd_shm_bytes = TRY(parse_size(args.text("shm-size-systemd"), "--shm-size-systemd"));
  }
  spec.personality = to_upper(args.text("personality"));
  if (!spec.personality.empty() && spec.personality != "LINUX" && spec.personality != "LINUX32") {
    return wrong(fmt::format("invalid personality \"{}\": must be LINUX or LINUX32", printable(spec.personality)));
  }
  return ok();
}

// NOTIFY_SOCKET is that of who creates the container.
Result<void> add_notify(const Args& args, const SpecInputs& inputs, ContainerSpec& spec) {
  using Mode = engine::NotifySpec::Mode;
  const std::string word = args.text("sdnotify", "container");
  for (const auto mode : {Mode::container, Mode::conmon, Mode::healthy, Mode::ignore}) {
    if (to_lower(word) != engine::notify_word(mode)) continue;
    spec.notify.mode = mode;
    if (mode != Mode::ignore) spec.notify.socket = environment_value(inputs.environment, "NOTIFY_SOCKET");
    return ok();
  }
  return wrong(
      fmt::format("invalid sdnotify value \"{}\": must be container, conmon, healthy or ignore", printable(word)));
}

// Source: podman-push(1).
Result<void> read_compression(engine::PushOptions& options, const Args& args) {
  options.compression_format = args.text("compression-format");
  options.force_compression = args.flag("force-compression");
  const auto& format = options.compression_format;
  if (format == "zstd:chunked") return wrong("--compression-format zstd:chunked is not supported; use zstd");
  if (!format.empty() && format != "gzip" && format != "zstd") {
    return wrong(fmt::format("cannot find compressor for \"{}\": must be gzip or zstd", printable(format)));
  }
  if (!args.has("compression-level")) return ok();
  if (format.empty()) return wrong("--compression-level needs --compression-format");
  const uint64_t most = format == "zstd" ? 20U : 9U;
  const auto level = TRY(parse_unsigned(args.text("compression-level"), "--compression-level"));
  if (level < 1 || level > most) return wrong(fmt::format("--compression-level of {} is 1 to {}", format, most));
  options.compression_level = static_cast<int>(level);
  return ok();
}

}  // namespace

std::vector<std::string> expand_env(std::string_view text, const Environment& environment) {
  std::vector<std::string> out;
  if (text.find('=') != std::string_view::npos) {
    out.emplace_back(text);
  } else if (text.ends_with('*')) {
    const std::string_view prefix = text.substr(0, text.size() - 1);
    for (const auto& [key, value] : environment) {
      if (key.starts_with(prefix)) out.push_back(key + "=" + value);
    }
  } else if (const auto found = environment.find(std::string(text)); found != environment.end()) {
    out.push_back(found->first + "=" + found->second);
  }
  return out;
}

Result<std::vector<std::string>> read_variables(const std::vector<std::string>& words, const Environment& environment,
                                                std::string_view origin) {
  std::vector<std::string> out;
  for (const auto& word : words) {
    if (word.empty() || word[0] == '=') {
      return wrong(fmt::format("invalid variable '{}' of {}", printable(word), origin));
    }
    for (auto& entry : expand_env(word, environment)) out.push_back(std::move(entry));
  }
  return out;
}

Result<std::vector<std::string>> read_env_options(
    const Args& args, const Environment& environment,
    const std::function<Result<std::string>(const std::string& path)>& read_file) {
  std::vector<std::string> out;
  for (const auto& path : args.list("env-file")) {
    const std::string content = TRY(read_file(path).context("--env-file"));
    for (auto& entry : TRY(read_variables(useful_lines(content), environment, path))) out.push_back(std::move(entry));
  }
  auto words = args.list("env");
  // As with podman, -e "$VARIABLE" of nothing sets nothing.
  std::erase(words, "");
  for (auto& entry : TRY(read_variables(words, environment, "--env"))) out.push_back(std::move(entry));
  return out;
}

namespace {

// What containers.conf says of namespaces is for containers by themselves: that of a pod is the pod's choice.
void forget_configured(const Args& args, ContainerSpec& spec) {
  const auto forget = [&](const char* option, auto& choice) {
    if (!args.has(option)) choice = {};
  };
  forget("network", spec.network);
  forget("pid", spec.pid);
  forget("ipc", spec.ipc);
  forget("uts", spec.uts);
  const bool asked = args.has("userns") || args.has("uidmap") || args.has("gidmap") || args.has("subuidname");
  if (!asked) spec.userns = {};
}

Result<void> add_pod(const Args& args, const SpecInputs& inputs, ContainerSpec& spec) {
  spec.pod = args.text("pod");
  if (args.has("pod-id-file")) {
    if (args.has("pod")) return wrong("cannot specify both --pod and --pod-id-file");
    const auto id = TRY(inputs.read_file(args.text("pod-id-file")).context("reading pod ID file"));
    spec.pod = trim(std::string_view(id).substr(0, id.find('\n')));
  }
  if (!spec.pod.empty()) forget_configured(args, spec);
  spec.init_container = args.text("init-ctr");
  if (spec.init_container.empty()) return ok();
  if (spec.init_container != "always" && spec.init_container != "once") {
    return wrong(
        fmt::format("--init-ctr value must be either 'always' or 'once', not '{}'", printable(spec.init_container)));
  }
  if (spec.pod.empty()) return wrong("must specify pod value with init-ctr");
  return ok();
}

}  // namespace

Result<ContainerSpec> container_spec(const Args& args, const SpecInputs& inputs) {
  ContainerSpec spec;
  TRY(add_program(args, inputs, spec));
  TRY(add_environment(args, inputs, spec));
  TRY(add_labels(args, inputs, spec));
  TRY(add_mounts(args, inputs, spec));
  TRY(add_identity(args, spec));
  TRY(add_security(args, inputs.config, spec));
  TRY(add_namespaces(args, inputs.config, spec));
  TRY(add_ports(args, spec));
  TRY(add_pod(args, inputs, spec));
  TRY(add_resources(args, spec));
  TRY(add_log(args, spec));
  TRY(add_lifetime(args, spec));
  TRY(add_systemd(args, spec));
  TRY(add_notify(args, inputs, spec));
  if (!spec.oom_score_adj) spec.oom_score_adj = inputs.config.oom_score_adj;
  if (spec.runtime.empty()) spec.runtime = inputs.config.runtime;
  return spec;
}

Result<ContainerSpec> shared_spec(const Args& args, const SpecInputs& inputs) {
  ContainerSpec spec;
  TRY(add_labels(args, inputs, spec));
  TRY(add_mounts(args, inputs, spec));
  TRY(add_identity(args, spec));
  TRY(add_security(args, inputs.config, spec));
  TRY(add_namespaces(args, inputs.config, spec));
  TRY(add_ports(args, spec));
  TRY(add_resources(args, spec));
  spec.restart = TRY(parse_restart(args.text("restart")));
  return spec;
}

Result<engine::PullPolicy> parse_pull_policy(std::string_view text) {
  const std::string word = to_lower(text);
  if (word.empty() || word == "missing" || word == "ifnotpresent" || word == "false")
    return engine::PullPolicy::missing;
  if (word == "always" || word == "true") return engine::PullPolicy::always;
  if (word == "never") return engine::PullPolicy::never;
  if (word == "newer" || word == "ifnewer") return engine::PullPolicy::newer;
  return wrong(fmt::format("unsupported pull policy \"{}\"", printable(text)));
}

Result<engine::PullOptions> pull_options(const Args& args, const engine::Config& config) {
  engine::PullOptions options;
  options.authfile = args.text("authfile");
  options.creds = args.text("creds");
  options.cert_dir = args.text("cert-dir");
  options.tls_verify = TRY(args.boolean("tls-verify"));
  options.quiet = args.flag("quiet");
  options.retries = static_cast<int>(std::min(config.retry, 100U));
  if (args.has("retry")) options.retries = static_cast<int>(TRY(parse_unsigned(args.text("retry"), "--retry", 100)));
  if (const auto text = args.text("retry-delay", config.retry_delay); !text.empty()) {
    const auto delay = TRY(parse_duration(text, "--retry-delay"));
    options.retry_delay = std::chrono::duration_cast<std::chrono::seconds>(delay);
  }
  return options;
}

Result<engine::PushOptions> push_options(const Args& args, const engine::Config& config) {
  const auto shared = TRY(pull_options(args, config));
  engine::PushOptions options;
  options.authfile = shared.authfile;
  options.creds = shared.creds;
  options.cert_dir = shared.cert_dir;
  options.tls_verify = shared.tls_verify;
  options.quiet = shared.quiet;
  options.retries = shared.retries;
  options.retry_delay = shared.retry_delay;
  options.digest_file = args.text("digestfile");
  options.format = args.text("format");
  TRY(read_compression(options, args));
  options.sign_by = args.text("sign-by");
  options.sigstore_key_file = args.text("sign-by-sigstore-private-key");
  options.sigstore_params_file = args.text("sign-by-sigstore");
  if (!options.sigstore_key_file.empty() && !options.sigstore_params_file.empty()) {
    return wrong("only one of --sign-by-sigstore and --sign-by-sigstore-private-key can be used");
  }
  options.sign_passphrase_file = args.text("sign-passphrase-file");
  if (!options.format.empty() && options.format != "oci" && options.format != "v2s2" && options.format != "docker") {
    return Error(Errc::invalid, fmt::format("unknown format '{}' for --format: must be oci or v2s2", options.format));
  }
  return options;
}

Result<std::optional<oci::Platform>> platform_options(const Args& args) {
  const bool parts = args.has("arch") || args.has("os") || args.has("variant");
  if (parts && args.has("platform")) return wrong("--platform option can not be specified with --arch or --os");
  if (args.has("platform")) return std::optional(TRY(oci::parse_platform(args.text("platform"))));
  if (!parts) return std::optional<oci::Platform>();
  const auto host = oci::host_platform();
  std::string text = args.text("os", host.os) + "/" + args.text("arch", host.architecture);
  if (args.has("variant")) text += "/" + args.text("variant");
  return std::optional(TRY(oci::parse_platform(text)));
}

Result<engine::CreateOptions> create_options(const Args& args, const engine::Config& config) {
  engine::CreateOptions options;
  options.pull = TRY(pull_options(args, config));
  options.pull.decryption_keys = args.list("decryption-key");
  options.pull.platform = TRY(platform_options(args));
  options.pull.policy = args.has("pull") ? TRY(parse_pull_policy(args.text("pull"))) : config.pull_policy;
  options.replace = args.flag("replace");
  return options;
}

}  // namespace ctr::cli
