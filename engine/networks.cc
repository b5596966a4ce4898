#include "engine/networks.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

using network::NetworkDefinition;

constexpr std::string_view k_suffix = ".json";
constexpr size_t k_definition_limit_bytes = size_t{256} << 10;
constexpr size_t k_alias_limit_bytes = 253;  // RFC 1035: of a name

Result<NetworkDefinition> read_definition(const Dir& dir, const std::string& name) {
  const std::string file = name + std::string(k_suffix);
  const std::string what = dir.path() + "/" + file;
  const auto json = TRY(parse_json(TRY(dir.read_file(file, k_definition_limit_bytes)), what));
  auto definition = TRY(network::definition_from_json(JsonReader(json, what)));
  TRY(network::check_definition(definition).context(what));
  if (definition.name == name) return definition;
  return Error(Errc::invalid, fmt::format("{}: the network in it is called '{}'", what, printable(definition.name)));
}

Result<void> check_address(const NetworkDefinition& definition, const std::string& text) {
  const auto address = network::parse_ip_address(text);
  if (!address) {
    return Error(Errc::invalid, fmt::format("\"{}\" is not an ip address: invalid argument", printable(text)));
  }
  std::vector<std::string> subnets;
  for (const auto& subnet : definition.subnets) {
    if (subnet.subnet.base.family != address->family) continue;
    if (network::contains(subnet.subnet, *address)) return ok();
    subnets.push_back(network::to_string(subnet.subnet));
  }
  auto text_of =
      fmt::format("requested static ip {} not in any subnet on network {}", address->to_string(), definition.name);
  if (!subnets.empty()) text_of += fmt::format(": {} is outside {}", address->to_string(), join(subnets, " and "));
  return Error(Errc::invalid, std::move(text_of))
      .with_hint(fmt::format("`ctr network inspect {}` shows its subnets", definition.name));
}

// A name in the file of names and in questions of DNS.
Result<void> check_alias(const std::string& alias) {
  const auto begins = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto goes_on = [&](char c) { return begins(c) || c == '.' || c == '-'; };
  const bool good = !alias.empty() && alias.size() <= k_alias_limit_bytes && begins(alias.front()) &&
                    std::all_of(alias.begin(), alias.end(), goes_on);
  if (good) return ok();
  return Error(Errc::invalid, fmt::format("'{}' cannot be a name of a container on a network", printable(alias)))
      .with_hint(
          "an alias has letters, digits, '.', '-' and '_', begins with a letter or digit, and is no longer than 253");
}

Result<void> check_interface(const std::string& name) {
  if (name.empty()) return ok();
  const bool good =
      name.size() <= 15 && name != "." && name != ".." && name.find_first_of("/: \t\n\v\f\r") == std::string::npos;
  if (good && name != "lo" && name != "uplink0") return ok();
  return Error(Errc::invalid, fmt::format("'{}' cannot be the name of an interface of a container", printable(name)));
}

}  // namespace

Error unknown_network(const std::string& name) {
  return Error(Errc::not_found,
               fmt::format("unable to find network with name or ID {}: network not found", printable(name)))
      .with_hint("`ctr network ls` lists the networks");
}

Result<std::vector<NetworkDefinition>> NetworkStore::list(const std::function<void(const Error&)>& on_broken) const {
  std::vector<NetworkDefinition> out;
  auto dir = Dir::open(path_);
  if (!dir && dir.error().code() != Errc::not_found) return std::move(dir).error();
  if (dir) {
    for (const auto& file : TRY(dir->list())) {
      if (!file.ends_with(k_suffix)) continue;
      const auto name = file.substr(0, file.size() - k_suffix.size());
      auto definition = read_definition(*dir, name);
      if (definition) {
        out.push_back(std::move(*definition));
      } else if (on_broken && definition.error().code() != Errc::not_found) {
        on_broken(definition.error());  // else it was removed at this moment
      }
    }
  }
  const auto is_default = [](const auto& entry) { return entry.name == network::k_default_network; };
  if (std::none_of(out.begin(), out.end(), is_default)) out.push_back(network::default_network());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Result<std::optional<NetworkDefinition>> NetworkStore::find(const std::string& name) const {
  if (!network::check_network_name(name)) return std::optional<NetworkDefinition>();
  auto dir = Dir::open(path_);
  if (dir) {
    auto found = read_definition(*dir, name);
    if (found) return std::optional<NetworkDefinition>(std::move(*found));
    if (found.error().code() != Errc::not_found) return std::move(found).error();
  } else if (dir.error().code() != Errc::not_found) {
    return std::move(dir).error();
  }
  if (name == network::k_default_network) return std::optional<NetworkDefinition>(network::default_network());
  return std::optional<NetworkDefinition>();
}

Result<NetworkDefinition> NetworkStore::get(const std::string& name_or_id) const {
  if (auto found = TRY(find(name_or_id))) return std::move(*found);
  if (!is_lower_hex(name_or_id)) return unknown_network(name_or_id);
  std::optional<NetworkDefinition> match;
  for (auto& definition : TRY(list())) {
    if (!definition.id.starts_with(name_or_id)) continue;
    if (match) {
      return Error(Errc::invalid, fmt::format("more than one result for network ID {}", printable(name_or_id)));
    }
    match = std::move(definition);
  }
  if (!match) return unknown_network(name_or_id);
  return std::move(*match);
}

Result<FileLock> NetworkStore::lock(LockMode mode, const CancelToken& cancel) const {
  return FileLock::acquire(TRY(Dir::open_or_make(path_, 0700)), "lock", mode, cancel);
}

Result<void> NetworkStore::write(const NetworkDefinition& definition) const {
  const auto dir = TRY(Dir::open_or_make(path_, 0700));
  return dir.write_file(definition.name + std::string(k_suffix),
                        dump_json(network::to_json(definition), {.indent = 5, .escape_html = false}) + "\n", Sync::yes);
}

Result<void> NetworkStore::remove(const std::string& name) const {
  return TRY(Dir::open(path_)).remove_file(name + std::string(k_suffix));
}

Result<std::optional<FileLock>> hold_networks(const std::string& store, const NetworkChoice& choice,
                                              const CancelToken& cancel) {
  if (choice.networks.empty()) return std::optional<FileLock>();
  const NetworkStore networks(store);
  auto lock = TRY(networks.lock(LockMode::shared, cancel));
  for (const auto& wanted : choice.networks) {
    if (!TRY(networks.find(wanted.network))) return unknown_network(wanted.network);
  }
  return std::optional<FileLock>(std::move(lock));
}

Result<network::LinkPlan> plan_link(const std::string& store, const NetworkAttachment& wanted) {
  auto definition = TRY(NetworkStore(store).find(wanted.network));
  if (!definition) return unknown_network(wanted.network);
  // Nobody asks the monitor about these.
  definition->labels.clear();
  return network::LinkPlan{std::move(*definition), wanted};
}

namespace {

// Source: RFC 3927, RFC 4291.
Result<void> check_link_local(const std::string& text) {
  const auto address = TRY(network::parse_ip_address(text));
  const auto& bytes = address.bytes;
  const bool fits =
      address.family == AF_INET ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  if (fits) return ok();
  return Error(Errc::invalid, fmt::format("--link-local-ip {}: is no link-local address", text))
      .with_hint("those are 169.254.0.0/16 and fe80::/10; --ip and --ip6 choose an address of the network");
}

}  // namespace

Result<void> settle_attachment(const std::string& store, NetworkAttachment& wanted,
                               const std::vector<NetworkAttachment>& others) {
  const auto definition = TRY(NetworkStore(store).get(wanted.network));
  wanted.network = definition.name;
  int families[2] = {0, 0};
  for (auto& text : wanted.ips) {
    TRY(check_address(definition, text));
    const auto address = TRY(network::parse_ip_address(text));
    text = address.to_string();
    if (++families[address.family == AF_INET ? 0 : 1] == 1) continue;
    return Error(Errc::invalid, fmt::format("{}: a container has one address of a kind on a network", text));
  }
  if (!wanted.mac.empty()) wanted.mac = network::to_string(TRY(network::parse_mac(wanted.mac)));
  for (const auto& text : wanted.link_local_ips) TRY(check_link_local(text));
  for (const auto& alias : wanted.aliases) TRY(check_alias(alias));
  TRY(check_interface(wanted.interface_name));
  for (const auto& other : others) {
    if (other.network == wanted.network) {
      return Error(Errc::invalid, fmt::format("the network {} is named more than once", wanted.network));
    }
    if (!wanted.interface_name.empty() && other.interface_name == wanted.interface_name) {
      return Error(Errc::invalid, fmt::format("two networks want the interface {}", wanted.interface_name));
    }
  }
  return ok();
}

Result<void> settle_attachments(const std::string& store, NetworkChoice& choice) {
  std::vector<NetworkAttachment> settled;
  for (auto& wanted : choice.networks) {
    TRY(settle_attachment(store, wanted, settled));
    settled.push_back(wanted);
  }
  return ok();
}

}  // namespace ctr::engine
