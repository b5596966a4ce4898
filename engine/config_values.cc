// What `config show` prints.
#include "engine/config.h"

namespace ctr::engine {

namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string_view policy_word(PullPolicy policy) {
  switch (policy) {
    case PullPolicy::always:
      return "always";
    case PullPolicy::never:
      return "never";
    case PullPolicy::newer:
      return "newer";
    case PullPolicy::missing:
      break;
  }
  return "missing";
}

class Values {
 public:
  explicit Values(std::string table) : table_(std::move(table)) {}
  Values& add(std::string key, Json value) {
    values_.push_back({table_, std::move(key), std::move(value)});
    return *this;
  }
  std::vector<ConfigValue> take() { return std::move(values_); }

 private:
  std::string table_;
  std::vector<ConfigValue> values_;
};

std::vector<ConfigValue> containers_values(const Config& config) {
  Values values("containers");
  values.add("annotations", Json::strings(config.annotations))
      .add("base_hosts_file", text_or_null(config.base_hosts_file))
      .add("cgroupns", text_or_null(config.cgroupns))
      .add("cgroups", text_or_null(config.cgroups))
      .add("default_capabilities", Json::strings(config.default_capabilities))
      .add("default_sysctls", Json::strings(config.default_sysctls))
      .add("default_ulimits", Json::strings(config.default_ulimits))
      .add("devices", Json::strings(config.devices))
      .add("dns_options", Json::strings(config.dns_options))
      .add("dns_searches", Json::strings(config.dns_searches))
      .add("dns_servers", Json::strings(config.dns_servers))
      .add("env", Json::strings(config.env))
      .add("env_host", config.env_host)
      .add("host_containers_internal_ip", text_or_null(config.host_containers_internal_ip))
      .add("http_proxy", config.http_proxy)
      .add("init", config.init)
      .add("init_path", text_or_null(config.init_path))
      .add("ipcns", text_or_null(config.ipcns))
      .add("label", config.label)
      .add("log_driver", config.log_driver)
      .add("log_size_max", config.log_size_max_bytes)
      .add("log_tag", text_or_null(config.log_tag))
      .add("mounts", Json::strings(config.mounts))
      .add("netns", text_or_null(config.netns))
      .add("no_hostname", config.no_hostname)
      .add("no_hosts", config.no_hosts)
      .add("oom_score_adj", config.oom_score_adj ? Json(*config.oom_score_adj) : Json())
      .add("pidns", text_or_null(config.pidns))
      .add("pids_limit", config.pids_limit)
      .add("privileged", config.privileged)
      .add("read_only", config.read_only)
      .add("seccomp_profile", text_or_null(config.seccomp_profile))
      .add("shm_size", std::to_string(config.shm_size_bytes))
      .add("tz", text_or_null(config.timezone))
      .add("umask", config.umask)
      .add("userns", text_or_null(config.userns))
      .add("userns_size", config.userns_size)
      .add("utsns", text_or_null(config.utsns))
      .add("volumes", Json::strings(config.volumes));
  return values.take();
}

std::vector<ConfigValue> engine_values(const Config& config) {
  Values values("engine");
  values.add("cdi_spec_dirs", Json::strings(config.cdi_spec_dirs))
      .add("cgroup_manager", text_or_null(config.cgroup_manager))
      .add("detach_keys", config.detach_keys)
      .add("events_logger", config.events_logger)
      .add("image_default_transport", "docker://")
      .add("image_volume_mode", text_or_null(config.image_volume_mode))
      .add("network_cmd_options", Json::strings(config.slirp_options))
      .add("pod_exit_policy", text_or_null(config.pod_exit_policy))
      .add("pull_policy", policy_word(config.pull_policy))
      .add("retry", config.retry)
      .add("retry_delay", text_or_null(config.retry_delay))
      .add("runtime", text_or_null(config.runtime))
      .add("stop_timeout", int64_t{config.stop_timeout.count()});
  return values.take();
}

}  // namespace

std::vector<ConfigValue> config_values(const Config& config) {
  auto values = containers_values(config);
  for (auto& value : engine_values(config)) values.push_back(std::move(value));
  values.push_back({"network", "default_rootless_network_cmd", text_or_null(config.default_network_cmd)});
  values.push_back({"network", "pasta_options", Json::strings(config.pasta_options)});
  return values;
}

}  // namespace ctr::engine
