#include "cli/pod_args.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::ContainerSpec;
using engine::PodSpec;

constexpr std::array k_pod_options = {
    value("blkio-weight", 0, "N", "Relative weight of block i/o of the whole pod, 10 to 1000"),
    list("blkio-weight-device", 0, "DEVICE:N", "The same for one device"),
    value("cgroup-parent", 0, "PARENT", "Where the members' cgroups are made: a slice, or with cgroupfs a directory"),
    value("cpu-shares", 'c', "N", "Relative weight of CPU time of the whole pod"),
    value("cpus", 0, "N", "Number of CPUs of the whole pod, also a fraction"),
    value("cpuset-cpus", 0, "LIST", "CPUs the pod may use"),
    value("cpuset-mems", 0, "LIST", "Memory nodes the pod may use"),
    list("device", 0, "HOST[:CONTAINER[:PERMISSIONS]]", "Add a device of the host to the members"),
    list("device-read-bps", 0, "DEVICE:RATE", "Bytes a second that the pod may read from a device"),
    list("device-write-bps", 0, "DEVICE:RATE", "Bytes a second that the pod may write to a device"),
    list("gidmap", 0, "MAP", "Map group ids of the members: [FLAGS]CONTAINER:FROM[:SIZE]"),
    list("gpus", 0, "all|NAME[,NAME...]", "Add graphics processors of NVIDIA to the members, as devices of CDI"),
    value("hostname", 0, "NAME", "Name of the members' host (default the pod's name)"),
    value("infra-command", 0, "COMMAND", "Accepted: no program runs for a pod"),
    value("infra-conmon-pidfile", 0, "FILE", "Write the number of the pod's monitor to FILE", Complete::files),
    value("infra-name", 0, "NAME", "Accepted: there is no infra container"),
    list("label", 'l', "KEY=VALUE", "Add a label"),
    list("label-file", 0, "FILE", "Read labels from FILE", Complete::files),
    value("memory", 'm', "SIZE", "Memory limit of the whole pod"),
    value("memory-swap", 0, "SIZE", "Limit of memory and swap together"),
    value("name", 'n', "NAME", "Name of the pod"),
    value("pid", 0, "MODE", "With --share pid: private, host or ns:PATH"),
    value("restart", 0, "POLICY", "When to start members again that have no policy of their own"),
    list("security-opt", 0, "OPTION", "As of ctr run, for members that do not say otherwise"),
    value("shm-size", 0, "SIZE", "Size of /dev/shm, which members share"),
    value("shm-size-systemd", 0, "SIZE", "As of ctr run, for the members"),
    value("subgidname", 0, "NAME", "Map the group ids that NAME has in /etc/subgid"),
    value("subuidname", 0, "NAME", "Map the user ids that NAME has in /etc/subuid"),
    list("sysctl", 0, "NAME=VALUE", "Set a kernel parameter of the namespaces that are shared"),
    list("uidmap", 0, "MAP", "Map user ids of the members: [FLAGS]CONTAINER:FROM[:SIZE]"),
    value("userns", 0, "MODE", "User namespace of the members: host, keep-id, nomap or auto"),
    value("uts", 0, "MODE", "With --share uts: private, host or ns:PATH"),
    list("volume", 'v', "[SOURCE:]DIR[:OPTIONS]", "Mount a directory of the host or a volume in every member",
         Complete::files),
    list("volumes-from", 0, "CONTAINER[:OPTIONS]", "Mount what another container has mounted in every member",
         Complete::containers),
};

constexpr std::array k_create_options = {
    list("add-host", 0, "NAME:IP", "Add a line to /etc/hosts"),
    list("dns", 0, "ADDRESS", "Use this name server"),
    list("dns-option", 0, "OPTION", "Add an option to resolv.conf"),
    list("dns-search", 0, "DOMAIN", "Add a search domain"),
    value("exit-policy", 0, "POLICY", "When its last member has ended: continue, or stop the pod"),
    value("hosts-file", 0, "FILE", "What /etc/hosts begins with: a file or none", Complete::files),
    flag("infra", 0, "Hold namespaces that members share (default true)"),
    value("infra-image", 0, "IMAGE", "Accepted: there is no infra container"),
    value("ip", 0, "ADDRESS", "IPv4 address on the one network that is named"),
    value("ip6", 0, "ADDRESS", "IPv6 address on the one network that is named"),
    value("mac-address", 0, "ADDRESS", "Hardware address on the one network that is named"),
    list("network", 0, "MODE", "Network of the members: private, none, host, slirp4netns, or names"),
    list("network-alias", 0, "NAME", "Another name of the pod on its networks"),
    flag("no-hostname", 0, "Do not write /etc/hostname"),
    flag("no-hosts", 0, "Do not write /etc/hosts"),
    value("pod-id-file", 0, "FILE", "Write the pod's id to FILE", Complete::files),
    list("publish", 'p', "[[IP:]HOST:]PORT[/PROTOCOL]", "Publish a port of the members, or a range, on the host"),
    flag("replace", 0, "Remove a pod of the same name first"),
    value("share", 0, "LIST", "What members share: cgroup, ipc, net, pid, uts or none (default ipc,net,uts)"),
    flag("share-parent", 0, "Make the members' cgroups where --cgroup-parent says (default true)"),
};

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

Result<std::string> name_of(const Args& args) {
  const auto& words = args.words();
  if (!words.empty() && args.has("name")) return wrong("cannot specify --name and NAME at the same time");
  return words.empty() ? args.text("name") : words.front();
}

// Options that make no sense of a pod that holds nothing.
Result<void> check_without_infra(const Args& args) {
  if (args.has("share")) {
    return wrong(
        fmt::format("cannot set share({}) namespaces without an infra container", printable(args.text("share"))));
  }
  if (args.has("infra-name")) return wrong("cannot set infra-name without an infra container");
  if (args.flag("no-hosts")) return wrong("cannot specify --no-hosts without an infra container");
  for (const char* name :
       {"network", "publish", "hostname", "dns", "add-host", "userns", "uidmap", "gidmap", "sysctl"}) {
    if (args.has(name)) return wrong(fmt::format("cannot set --{} without infra container", name));
  }
  return ok();
}

void keep_asked_words(const Args& args, PodSpec& spec) {
  if (args.has("infra-name")) spec.infra_name = args.text("infra-name");
  if (args.has("infra-command")) spec.infra_command = args.text("infra-command");
  if (args.has("infra-conmon-pidfile")) spec.monitor_pid_file = args.text("infra-conmon-pidfile");
}

}  // namespace

std::span<const OptionSpec> pod_options() { return k_pod_options; }
std::span<const OptionSpec> pod_create_options() { return k_create_options; }

Result<PodSpec> pod_spec(const Args& args, const SpecInputs& inputs) {
  PodSpec spec;
  spec.name = TRY(name_of(args));
  if (args.flag("replace") && spec.name.empty()) return wrong("cannot replace pod without --name being set");
  spec.infra = args.flag("infra", true);
  if (!spec.infra) TRY(check_without_infra(args));
  if (args.has("share")) spec.share = TRY(engine::parse_share(args.text("share")));
  if (!spec.infra) spec.share.clear();
  spec.share_parent = args.flag("share-parent", true);
  spec.exit_policy = TRY(engine::parse_exit_policy(args.text("exit-policy", inputs.config.pod_exit_policy)));
  spec.infra_image = args.text("infra-image");
  spec.id_file = args.text("pod-id-file");
  keep_asked_words(args, spec);
  // What containers.conf says of containers is for the members, not for what they share.
  SpecInputs shared = {inputs.environment, inputs.cwd, inputs.read_file, {}};
  shared.config.default_network_cmd = inputs.config.default_network_cmd;
  shared.config.slirp_options = inputs.config.slirp_options;
  shared.config.pasta_options = inputs.config.pasta_options;
  shared.config.netns = inputs.config.netns;
  spec.shared = TRY(shared_spec(args.loose({"name", "replace"}), shared));
  return spec;
}

Result<PodSpec> changed_pod(PodSpec spec, const Args& args, const SpecInputs& inputs) {
  const SpecInputs plain = {inputs.environment, inputs.cwd, inputs.read_file, {}};
  auto changes = TRY(shared_spec(args.loose({"name", "start", "destroy"}), plain));
  keep_asked_words(args, spec);
  auto& shared = spec.shared;
  const auto take = [&](const char* option, auto& value, auto& changed) {
    if (args.has(option)) value = std::move(changed);
  };
  take("hostname", shared.hostname, changes.hostname);
  take("cgroup-parent", shared.cgroup_parent, changes.cgroup_parent);
  take("device", shared.devices, changes.devices);
  if (args.has("device") || args.has("gpus")) shared.cdi_devices = std::move(changes.cdi_devices);
  take("pid", shared.pid, changes.pid);
  take("uts", shared.uts, changes.uts);
  take("restart", shared.restart, changes.restart);
  take("security-opt", shared.security, changes.security);
  take("shm-size", shared.shm_size_bytes, changes.shm_size_bytes);
  take("sysctl", shared.sysctls, changes.sysctls);
  take("volume", shared.mounts, changes.mounts);
  take("volumes-from", shared.volumes_from, changes.volumes_from);
  if (changes.userns != engine::UsernsChoice{}) shared.userns = std::move(changes.userns);
  for (auto& [key, label] : changes.labels) shared.labels[key] = std::move(label);
  if (changes.resources != engine::ResourceSpec{}) shared.resources = std::move(changes.resources);
  return spec;
}

Result<PodSpec> pod_around(ContainerSpec& spec) {
  constexpr std::string_view k_new = "new:";
  PodSpec pod;
  pod.name = spec.pod.substr(k_new.size());
  if (pod.name.empty()) return wrong("new pod name must be at least one character");
  auto& shared = pod.shared;
  const ContainerSpec usual;
  const auto move = [](auto& to, auto& from, const auto& otherwise) {
    to = std::move(from);
    from = otherwise;
  };
  move(shared.network, spec.network, usual.network);
  move(shared.ports, spec.ports, usual.ports);
  move(shared.hostname, spec.hostname, usual.hostname);
  move(shared.dns_servers, spec.dns_servers, usual.dns_servers);
  move(shared.dns_search, spec.dns_search, usual.dns_search);
  move(shared.dns_options, spec.dns_options, usual.dns_options);
  move(shared.add_hosts, spec.add_hosts, usual.add_hosts);
  move(shared.hosts_file, spec.hosts_file, usual.hosts_file);
  move(shared.userns, spec.userns, usual.userns);
  shared.no_hosts = std::exchange(spec.no_hosts, false);
  return pod;
}

}  // namespace ctr::cli
