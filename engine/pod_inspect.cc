#include "engine/pod_inspect.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"

namespace ctr::engine {

namespace {

std::string mode_word(const NamespaceChoice& choice) {
  switch (choice.mode) {
    case NamespaceChoice::Mode::host:
      return "host";
    case NamespaceChoice::Mode::path:
      return "ns:" + choice.value;
    case NamespaceChoice::Mode::container:
      return "container:" + choice.value;
    default:
      return "private";
  }
}

std::string_view userns_word(const UsernsChoice& choice) {
  switch (choice.mode) {
    case UsernsChoice::Mode::host:
      return "host";
    case UsernsChoice::Mode::keep_id:
      return "keep-id";
    case UsernsChoice::Mode::automatic:
      return "auto";
    case UsernsChoice::Mode::no_map:
      return "nomap";
    default:
      return "private";
  }
}

Json port_bindings(const std::vector<PortMapping>& ports) {
  std::map<std::string, Json> bindings;
  for (const auto& mapping : ports) {
    for (const auto& protocol : split(mapping.protocol, ',')) {
      for (uint32_t i = 0; i < mapping.range; ++i) {
        const auto host_port = mapping.host_port == 0 ? std::string("0") : std::to_string(mapping.host_port + i);
        auto& list = bindings[fmt::format("{}/{}", mapping.container_port + i, protocol)];
        if (list.is_null()) list = Json::array();
        list.push(Json::object().set("HostIp", mapping.host_ip).set("HostPort", host_port));
      }
    }
  }
  Json out = Json::object();
  for (auto& [port, list] : bindings) out.set(port, std::move(list));
  return out;
}

Json null_if_empty(const std::vector<std::string>& values) { return values.empty() ? Json() : Json::strings(values); }

Json infra_config(const PodSpec& spec) {
  const auto& shared = spec.shared;
  std::vector<std::string> networks;
  std::string ip, mac;
  for (const auto& attachment : shared.network.networks) {
    networks.push_back(attachment.network);
    if (ip.empty() && !attachment.ips.empty()) ip = attachment.ips.front();
    if (mac.empty()) mac = attachment.mac;
  }
  return Json::object()
      .set("PortBindings", port_bindings(shared.ports))
      .set("HostNetwork", shared.network.mode == NetworkChoice::Mode::host)
      .set("StaticIP", ip)
      .set("StaticMAC", mac)
      .set("NoManageResolvConf", shared.dns_servers == std::vector<std::string>{"none"})
      .set("DNSServer", null_if_empty(shared.dns_servers))
      .set("DNSSearch", null_if_empty(shared.dns_search))
      .set("DNSOption", null_if_empty(shared.dns_options))
      .set("NoManageHostname", shared.no_hostname)
      .set("NoManageHosts", shared.no_hosts)
      .set("HostAdd", null_if_empty(shared.add_hosts))
      .set("HostsFile", shared.hosts_file)
      .set("Networks", null_if_empty(networks))
      .set("NetworkOptions", nullptr)
      .set("pid_ns", mode_word(shared.pid))
      .set("userns", std::string(userns_word(shared.userns)))
      .set("uts_ns", mode_word(shared.uts));
}

Json members_json(const PodInfo& info) {
  Json members = Json::array();
  for (const auto& member : info.members) {
    members.push(Json::object()
                     .set("Id", member.id.hex)
                     .set("Name", member.name)
                     .set("State", std::string(state_name(member.state))));
  }
  return members;
}

}  // namespace

Json inspect_pod(const PodInfo& info) {
  const auto& spec = info.spec;
  std::vector<std::string> shared;
  if (spec.infra) shared.assign(spec.share.begin(), spec.share.end());
  Json json = Json::object();
  json.set("Id", info.id.hex)
      .set("Name", info.name)
      .set("Created", format_rfc3339_nano(info.created))
      .set("CreateCommand", null_if_empty(spec.shared.create_command))
      .set("ExitPolicy", std::string(exit_policy_word(spec.exit_policy)))
      .set("State", std::string(state_name(info.state)))
      .set("Hostname", spec.infra ? info.hostname : std::string())
      .set("Labels", Json::string_map(spec.shared.labels))
      .set("CreateCgroup", spec.share_parent)
      .set("CgroupParent", spec.shared.cgroup_parent)
      .set("CgroupPath", info.cgroup)
      .set("CreateInfra", spec.infra)
      .set("InfraContainerID", "")
      .set("InfraConfig", spec.infra ? infra_config(spec) : Json())
      .set("SharedNamespaces", null_if_empty(shared))
      .set("NumContainers", static_cast<int64_t>(info.members.size()))
      .set("Containers", members_json(info))
      .set("RestartPolicy", std::string(policy_word(spec.shared.restart.policy)))
      .set("MonitorPid", info.monitor_pid)
      .set("LockNumber", 0);
  return json;
}

}  // namespace ctr::engine
