#include "engine/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/toml.h"
#include "engine/config_files.h"
#include "engine/config_keys.h"

namespace ctr::engine {

namespace {

// Reads the members of one table into fields; the first wrong type is kept as the error.
class Table {
 public:
  Table(const Toml& file, std::string name, const std::string& what, Config& config)
      : lines_(file.lines), name_(std::move(name)), what_(what) {
    const Json* table = file.root.find(name_);
    if (table && table->is_object()) table_ = table;
    note_keys(config);
  }

  const Json* find(std::string_view key) const { return table_ ? table_->find(key) : nullptr; }

  void read(std::string_view key, std::string& field) {
    const Json* value = find(key);
    if (!value) return;
    if (!value->is_string()) return fail(key, "a string");
    field = value->as_string();
  }
  void read(std::string_view key, bool& field) {
    const Json* value = find(key);
    if (!value) return;
    if (!value->is_bool()) return fail(key, "true or false");
    field = value->as_bool();
  }
  template <typename Number>
  void read_number(std::string_view key, Number& field) {
    const Json* value = find(key);
    if (!value) return;
    if (!value->is_integer() || !std::in_range<Number>(value->as_int())) return fail(key, "a number in range");
    field = static_cast<Number>(value->as_int());
  }
  void read(std::string_view key, std::vector<std::string>& field) {
    const Json* value = find(key);
    if (!value) return;
    if (!value->is_array()) return fail(key, "an array of strings");
    std::vector<std::string> values;
    bool append = false;
    for (const auto& element : value->as_array()) {
      if (element.is_string()) {
        values.push_back(element.as_string());
      } else if (element.is_object()) {
        const Json* wish = element.find("append");
        append = wish && wish->is_bool() && wish->as_bool();
      } else {
        return fail(key, "an array of strings");
      }
    }
    if (!append) field.clear();
    field.insert(field.end(), values.begin(), values.end());
  }
  void fail(std::string_view key, std::string_view expected) {
    if (error_) return;
    error_ = Error(Errc::invalid,
                   fmt::format("{}: {}.{} is not {}", place(fmt::format("{}.{}", name_, key)), name_, key, expected));
  }
  Result<void> finish() {
    if (error_) return *error_;
    return ok();
  }

 private:
  std::string place(std::string_view key) const {
    const auto line = lines_.find(key);
    return fmt::format("{}:{}", what_, line == lines_.end() ? 0 : line->second);
  }
  void note_keys(Config& config) const {
    if (!table_) return;
    std::vector<std::string> idle;
    for (const auto& member : table_->as_object()) {
      const auto full = fmt::format("{}.{}", name_, member.first);
      if (is_config_key(full)) {
        config.origins[full] = place(full);
        if (is_idle_config_key(full)) idle.push_back(full);
      } else {
        config.warnings.push_back(fmt::format("{}: unknown key {}", place(full), printable(full)));
      }
    }
    // What a distribution says for all of its programs is not the user's to mend.
    if (idle.empty() || what_.starts_with(k_distribution_folder)) return;
    config.warnings.push_back(fmt::format("{}: without effect in ctr: {}", what_, join(idle, ", ")));
  }

  const std::map<std::string, unsigned, std::less<>>& lines_;
  const Json* table_ = nullptr;
  std::string name_;
  const std::string& what_;
  std::optional<Error> error_;
};

void read_sizes(Table& table, Config& config) {
  std::string shm;
  table.read("shm_size", shm);
  if (!shm.empty()) {
    if (const auto size = parse_size(shm, "shm_size")) {
      config.shm_size_bytes = *size;
    } else {
      table.fail("shm_size", "a size");
    }
  }
  table.read_number("log_size_max", config.log_size_max_bytes);
  table.read_number("pids_limit", config.pids_limit);
}

Result<void> read_containers(Table table, Config& config) {
  table.read("default_capabilities", config.default_capabilities);
  table.read("default_sysctls", config.default_sysctls);
  table.read("default_ulimits", config.default_ulimits);
  table.read("devices", config.devices);
  table.read("volumes", config.volumes);
  table.read("mounts", config.mounts);
  table.read("env", config.env);
  table.read("annotations", config.annotations);
  table.read("dns_servers", config.dns_servers);
  table.read("dns_searches", config.dns_searches);
  table.read("dns_options", config.dns_options);
  table.read("umask", config.umask);
  table.read("seccomp_profile", config.seccomp_profile);
  table.read("init", config.init);
  table.read("env_host", config.env_host);
  if (table.find("oom_score_adj")) {
    int score = 0;
    table.read_number("oom_score_adj", score);
    config.oom_score_adj = score;
  }
  table.read("init_path", config.init_path);
  table.read("log_driver", config.log_driver);
  table.read("log_tag", config.log_tag);
  table.read("label", config.label);
  table.read("http_proxy", config.http_proxy);
  table.read("read_only", config.read_only);
  table.read("no_hosts", config.no_hosts);
  table.read("base_hosts_file", config.base_hosts_file);
  table.read("no_hostname", config.no_hostname);
  table.read("privileged", config.privileged);
  table.read("tz", config.timezone);
  table.read("userns", config.userns);
  table.read_number("userns_size", config.userns_size);
  table.read("netns", config.netns);
  table.read("ipcns", config.ipcns);
  table.read("pidns", config.pidns);
  table.read("utsns", config.utsns);
  table.read("cgroupns", config.cgroupns);
  table.read("cgroups", config.cgroups);
  table.read("host_containers_internal_ip", config.host_containers_internal_ip);
  read_sizes(table, config);
  return table.finish();
}

}  // namespace

bool is_events_backend(std::string_view name) { return name == "file" || name == "journald" || name == "none"; }

namespace {

Result<void> read_engine(Table table, Config& config) {
  table.read("cdi_spec_dirs", config.cdi_spec_dirs);
  table.read("cgroup_manager", config.cgroup_manager);
  table.read("detach_keys", config.detach_keys);
  table.read("events_logger", config.events_logger);
  if (!is_events_backend(config.events_logger)) table.fail("events_logger", "file, journald or none");
  table.read("image_volume_mode", config.image_volume_mode);
  table.read("network_cmd_options", config.slirp_options);
  table.read("pod_exit_policy", config.pod_exit_policy);
  const auto& exit_policy = config.pod_exit_policy;
  if (!exit_policy.empty() && exit_policy != "continue" && exit_policy != "stop") {
    table.fail("pod_exit_policy", "continue or stop");
  }
  table.read("retry_delay", config.retry_delay);
  table.read_number("retry", config.retry);
  auto seconds = config.stop_timeout.count();
  table.read_number("stop_timeout", seconds);
  config.stop_timeout = std::chrono::seconds(seconds);
  table.read("runtime", config.runtime);
  std::string transport = "docker://";
  table.read("image_default_transport", transport);
  if (transport != "docker://") table.fail("image_default_transport", "docker://, the only one there is");
  std::string policy;
  table.read("pull_policy", policy);
  if (policy == "always") {
    config.pull_policy = PullPolicy::always;
  } else if (policy == "never") {
    config.pull_policy = PullPolicy::never;
  } else if (policy == "newer") {
    config.pull_policy = PullPolicy::newer;
  } else if (policy == "missing" || policy == "ifnotpresent") {
    config.pull_policy = PullPolicy::missing;
  } else if (!policy.empty()) {
    table.fail("pull_policy", "always, missing, never or newer");
  }
  return table.finish();
}

Result<std::vector<std::string>> candidate_files(const Environment& environment, const UserPaths& paths, unsigned uid) {
  if (const auto only = environment_value(environment, "CONTAINERS_CONF"); !only.empty()) {
    return std::vector<std::string>{only};
  }
  return config_files({k_distribution_folder, "/etc/containers", paths.config_home + "/containers"}, "containers", uid);
}

}  // namespace

Result<void> apply_config(Config& config, std::string_view text, const std::string& what) {
  const auto file = TRY(parse_toml(text, what));
  for (const auto& [key, value] : file.root.as_object()) {
    if (is_config_table(key) && value.is_object()) continue;
    const auto line = file.lines.find(key);
    config.warnings.push_back(fmt::format("{}:{}: unknown table or key {}", what,
                                          line == file.lines.end() ? 0 : line->second, printable(key)));
  }
  TRY(read_containers(Table(file, "containers", what, config), config));
  TRY(read_engine(Table(file, "engine", what, config), config));
  Table network(file, "network", what, config);
  network.read("default_rootless_network_cmd", config.default_network_cmd);
  network.read("pasta_options", config.pasta_options);
  return network.finish();
}

Result<Config> load_config(const Environment& environment, const UserPaths& paths, unsigned uid) {
  Config config;
  auto files = TRY(candidate_files(environment, paths, uid));
  const auto named = environment_value(environment, "CONTAINERS_CONF");
  const auto last = environment_value(environment, "CONTAINERS_CONF_OVERRIDE");
  if (!last.empty()) files.push_back(last);
  for (const auto& file : files) {
    const auto text = TRY(read_file_if_exists(file));
    if (!text) {
      if (file != named && file != last) continue;
      const auto* variable = file == named ? "CONTAINERS_CONF" : "CONTAINERS_CONF_OVERRIDE";
      return Error(Errc::not_found, fmt::format("{} names '{}', which does not exist", variable, file));
    }
    TRY(apply_config(config, *text, file));
    config.files.push_back(file);
    if (file.starts_with(k_distribution_folder)) {
      config.runtime.clear();
      config.origins.erase("engine.runtime");
    }
  }
  if (const auto userns = environment_value(environment, "PODMAN_USERNS"); !userns.empty()) config.userns = userns;
  return config;
}

}  // namespace ctr::engine
