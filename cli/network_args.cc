#include "cli/network_args.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::NetworkAttachment;
using engine::NetworkChoice;
using Mode = engine::NetworkChoice::Mode;

// The network that `bridge` stands for, as in podman.
constexpr std::string_view k_bridge_network = "podman";

Error wrong(std::string message) { return Error(Errc::invalid, std::move(message)); }

Result<void> read_option(const std::string& text, NetworkAttachment& attachment) {
  const auto pair = split_once(text, '=');
  const std::string key = pair ? pair->first : text;
  const std::string value = pair ? pair->second : "";
  if (key != "ip" && key != "ip6" && key != "mac" && key != "alias" && key != "interface_name") {
    return wrong(fmt::format("unknown bridge network option: {}", printable(key)))
        .with_hint("the options are ip, ip6, mac, alias and interface_name");
  }
  if (value.empty()) return wrong(fmt::format("the network option {} needs a value", key));
  if (key == "ip" || key == "ip6") attachment.ips.push_back(value);
  if (key == "mac") attachment.mac = value;
  if (key == "alias") attachment.aliases.push_back(value);
  if (key == "interface_name") attachment.interface_name = value;
  return ok();
}

// One value that means networks: a list of names, or a name with options.
Result<void> read_networks(const std::string& text, std::vector<NetworkAttachment>& out) {
  const auto pair = split_once(text, ':');
  if (!pair) {
    for (const auto& name : split(text, ',')) {
      if (name.empty()) return wrong(fmt::format("--network {}: a name is missing", printable(text)));
      out.push_back({});
      out.back().network = name == "bridge" ? std::string(k_bridge_network) : name;
    }
    return ok();
  }
  if (pair->first.empty()) return wrong(fmt::format("--network {}: a name is missing", printable(text)));
  NetworkAttachment attachment;
  attachment.network = pair->first == "bridge" ? std::string(k_bridge_network) : pair->first;
  for (const auto& option : split(pair->second, ',')) TRY(read_option(option, attachment));
  out.push_back(std::move(attachment));
  return ok();
}

// A value that is a mode by itself; false when it means networks.
Result<bool> read_mode(const std::string& text, NetworkChoice& choice) {
  const auto pair = split_once(text, ':');
  const std::string head = pair ? pair->first : text;
  const std::string tail = pair ? pair->second : "";
  if (text == "default") return true;
  if (head == "none" || head == "host" || head == "private") {
    choice.mode = head == "none" ? Mode::none : head == "host" ? Mode::host : Mode::private_;
    if (head == "private" && !tail.empty()) choice.options = split(tail, ',');
    if (head != "private" && pair) return wrong(fmt::format("--network {}: takes no options", printable(text)));
    return true;
  }
  if (head == "slirp4netns" || head == "pasta") {
    choice.uplink = head;
    if (!tail.empty()) choice.options = split(tail, ',');
    return true;
  }
  if (head == "container" || head == "ns") {
    if (tail.empty()) return wrong(fmt::format("--network {}: what to join is missing", printable(text)));
    choice.mode = head == "container" ? Mode::container : Mode::path;
    choice.value = tail;
    return true;
  }
  return false;
}

// --ip and the like belong to the one network there is.
Result<NetworkAttachment*> only_network(NetworkChoice& choice, std::string_view option) {
  if (choice.mode != Mode::bridge) {
    return wrong("networks and static ip/mac address can only be used with Bridge mode networking: invalid argument")
        .with_hint(fmt::format("{} goes with --network NAME, or with --network bridge", option));
  }
  if (choice.networks.size() > 1) {
    return wrong(fmt::format("{} can only be set for a single network: invalid argument", option))
        .with_hint("say which one: --network NAME:ip=ADDRESS,mac=ADDRESS");
  }
  return &choice.networks.front();
}

}  // namespace

Result<NetworkChoice> parse_networks(const std::vector<std::string>& values) {
  NetworkChoice choice;
  for (const auto& text : values) {
    if (TRY(read_mode(text, choice))) {
      if (values.size() == 1) return choice;
      const auto mode = printable(text.substr(0, text.find(':')));
      if (choice.networks.empty()) {
        return wrong(
            fmt::format("cannot set multiple networks without bridge network mode, selected mode {}: invalid "
                        "argument",
                        mode));
      }
      return wrong(
          fmt::format("can only set extra network names, selected mode {} conflicts with bridge: invalid "
                      "argument",
                      mode));
    }
    TRY(read_networks(text, choice.networks));
  }
  if (!choice.networks.empty()) choice.mode = Mode::bridge;
  return choice;
}

namespace {

// Options by hand come last, and count.
void add_configured_uplink(const engine::Config& config, NetworkChoice& choice) {
  if (choice.uplink.empty()) choice.uplink = config.default_network_cmd;
  const auto& options = choice.uplink == "pasta" ? config.pasta_options : config.slirp_options;
  if (options.empty()) return;
  if (choice.uplink.empty()) choice.uplink = "slirp4netns";
  choice.options.insert(choice.options.begin(), options.begin(), options.end());
}

}  // namespace

Result<void> add_networks(const Args& args, const engine::Config& config, engine::ContainerSpec& spec) {
  auto values = args.list("network");
  if (values.empty() && !config.netns.empty()) values.push_back(config.netns);
  spec.network = TRY(parse_networks(values));
  if (spec.network.mode == Mode::private_) add_configured_uplink(config, spec.network);
  if (spec.network.mode == Mode::bridge) spec.network.uplink = config.default_network_cmd;
  for (const char* name : {"ip", "ip6"}) {
    if (!args.has(name)) continue;
    TRY(only_network(spec.network, fmt::format("--{}", name)))->ips.push_back(args.text(name));
  }
  if (args.has("mac-address")) TRY(only_network(spec.network, "--mac-address"))->mac = args.text("mac-address");
  for (const auto& address : args.list("link-local-ip")) {
    TRY(only_network(spec.network, "--link-local-ip"))->link_local_ips.push_back(address);
  }
  for (const auto& alias : args.list("network-alias")) {
    if (spec.network.mode != Mode::bridge) (void)TRY(only_network(spec.network, "--network-alias"));
    for (auto& network : spec.network.networks) network.aliases.push_back(alias);
  }
  return ok();
}

}  // namespace ctr::cli
