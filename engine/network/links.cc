#include "engine/network/links.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "engine/network/host_resolver.h"
#include "engine/network/mounted_file.h"
#include "engine/network/uplink.h"

namespace ctr::engine::network {
namespace {

constexpr const char* k_own_file = "the container may have made the file its own";

bool has_address(const std::vector<std::string>& addresses, const std::string& line) {
  const size_t end = line.find_first_of(" \t");
  return end != std::string::npos &&
         std::find(addresses.begin(), addresses.end(), line.substr(0, end)) != addresses.end();
}

// Lines with the addresses `old` go, `added` comes behind.
Result<void> edit_hosts(const std::string& path, const std::vector<std::string>& old, const std::string& added) {
  if (path.empty()) return ok();
  const auto text = TRY(read_file(path, k_mounted_limit_bytes));
  std::string out;
  for (const auto& line : split(text, '\n')) {
    if (!line.empty() && !has_address(old, line)) out += line + "\n";
  }
  return rewrite_mounted(path, out + added);
}

// What `path` names as servers becomes what `choose` makes of it; empty: they stay.
template <typename Choose>
Result<void> edit_servers(const std::string& path, Choose choose) {
  if (path.empty()) return ok();
  const auto text = TRY(read_file(path, k_mounted_limit_bytes));
  const auto servers = choose(name_servers(text));
  return servers.empty() ? ok() : rewrite_mounted(path, with_servers(text, servers));
}

std::vector<std::string> address_words(const LinkState& state) {
  std::vector<std::string> out;
  for (const auto& entry : state.addresses) out.push_back(entry.address.to_string());
  return out;
}

std::string free_name(const std::set<std::string>& taken) {
  for (int number = 0;; ++number) {
    auto name = fmt::format("eth{}", number);
    if (!taken.contains(name)) return name;
  }
}

}  // namespace

Json to_json(const LinksPlan& plan) {
  Json links = Json::array();
  for (const auto& link : plan.links) links.push(to_json(link));
  return Json::object()
      .set("net_dir", plan.net_dir)
      .set("state_dir", plan.state_dir)
      .set("container_id", plan.container_id)
      .set("container_name", plan.container_name)
      .set("hosts_file", plan.hosts_file)
      .set("resolv_file", plan.resolv_file)
      .set("own_names", Json::strings(plan.own_names))
      .set("dns_servers", Json::strings(plan.dns_servers))
      .set("links", std::move(links));
}

Result<LinksPlan> links_plan_from_json(const JsonReader& reader) {
  LinksPlan plan;
  plan.net_dir = TRY(reader.get_string("net_dir"));
  plan.state_dir = TRY(reader.get_string("state_dir"));
  plan.container_id = TRY(reader.get_string("container_id"));
  plan.container_name = TRY(reader.get_string("container_name"));
  plan.hosts_file = TRY(reader.string_or("hosts_file", ""));
  plan.resolv_file = TRY(reader.string_or("resolv_file", ""));
  plan.own_names = TRY(reader.strings("own_names"));
  plan.dns_servers = TRY(reader.strings("dns_servers"));
  for (const auto& link : TRY(reader.elements("links"))) plan.links.push_back(TRY(link_plan_from_json(link)));
  return plan;
}

Result<std::vector<LinkState>> read_link_states(const std::string& state_dir) {
  const auto dir = TRY(Dir::open(state_dir));
  const auto what = state_dir + "/" + k_network_state_file;
  const auto json = TRY(parse_json(TRY(dir.read_file(k_network_state_file)), what));
  std::vector<LinkState> out;
  for (const auto& element : TRY(JsonReader(json, what).elements("networks"))) {
    out.push_back(TRY(link_state_from_json(element)));
  }
  return out;
}

std::string with_servers(std::string_view resolv_conf, const std::vector<std::string>& servers) {
  std::string lines;
  for (const auto& server : servers) lines += "nameserver " + server + "\n";
  std::string out;
  for (const auto& line : split(resolv_conf, '\n')) {
    if (line.empty()) continue;
    out += trim(line).starts_with("nameserver") ? std::exchange(lines, {}) : line + "\n";
  }
  return out + lines;
}

std::vector<std::string> interface_names(const std::vector<LinkPlan>& links) {
  std::set<std::string> taken;
  for (const auto& link : links) taken.insert(link.wanted.interface_name);
  std::vector<std::string> out;
  for (const auto& link : links) {
    out.push_back(link.wanted.interface_name.empty() ? free_name(taken) : link.wanted.interface_name);
    taken.insert(out.back());
  }
  return out;
}

Links::Links(LinksPlan plan, int namespace_fd, Netlink& inside)
    : plan_(std::move(plan)), namespace_fd_(namespace_fd), inside_(inside) {}

NetworkUser Links::user() const {
  return {.net_dir = plan_.net_dir,
          .container_id = plan_.container_id,
          .container_name = plan_.container_name,
          .namespace_fd = namespace_fd_,
          .servers = plan_.dns_servers};
}

std::string Links::hosts_lines(const LinkState& state) const {
  std::string lines;
  for (const auto& word : address_words(state)) lines += word + "\t" + join(plan_.own_names, " ") + "\n";
  return lines;
}

Result<void> Links::join_all() {
  const auto names = interface_names(plan_.links);
  for (size_t i = 0; i < plan_.links.size(); ++i) {
    auto joined = Membership::join(user(), plan_.links[i], names[i], inside_);
    if (!joined) {
      leave_all();
      return std::move(joined)
          .error()
          .context("join the network '" + plan_.links[i].network.name + "'")
          .with_code(Errc::command_not_executable);
    }
    joined_.push_back(std::move(*joined));
  }
  std::string lines;
  for (const auto& membership : joined_) lines += hosts_lines(membership.state());
  TRY(edit_hosts(plan_.hosts_file, {}, lines));
  return tell();
}

Result<void> Links::connect(LinkPlan plan) {
  std::set<std::string> taken;
  for (const auto& membership : joined_) {
    taken.insert(membership.state().interface_name);
    if (membership.plan().network.name != plan.network.name) continue;
    return Error(Errc::exists, fmt::format("container {} is already connected to network \"{}\": network is already "
                                           "connected",
                                           plan_.container_id, plan.network.name));
  }
  auto name = plan.wanted.interface_name.empty() ? free_name(taken) : plan.wanted.interface_name;
  const bool had_names = !name_services().empty();
  joined_.push_back(TRY(Membership::join(user(), plan, name, inside_)));
  plan_.links.push_back(std::move(plan));
  edit_hosts(plan_.hosts_file, {}, hosts_lines(joined_.back().state())).ignore(k_own_file);
  // One resolver answers for all networks.
  const auto service = joined_.back().name_service();
  if (service && !had_names) {
    edit_servers(plan_.resolv_file, [&](const auto&) {
      return std::vector{service->gateway.to_string()};
    }).ignore(k_own_file);
  }
  auto told = tell();
  const std::string network = joined_.back().plan().network.name;
  if (!told) disconnect(network).ignore("the error that came first is told");
  return told;
}

Result<void> Links::disconnect(const std::string& network) {
  const auto found = std::find_if(joined_.begin(), joined_.end(),
                                  [&](const auto& membership) { return membership.plan().network.name == network; });
  if (found == joined_.end()) {
    return Error(Errc::not_found, fmt::format("container {} is not connected to network {}: network is not connected",
                                              plan_.container_id, network));
  }
  TRY(found->leave(user(), Membership::Cable::removed));
  const auto words = address_words(found->state());
  const auto resolver = found->plan().network.names_address();
  joined_.erase(found);
  std::erase_if(plan_.links, [&](const auto& link) { return link.network.name == network; });
  edit_hosts(plan_.hosts_file, words, "").ignore(k_own_file);
  const auto other = [&](const std::vector<std::string>& servers) -> std::vector<std::string> {
    const bool asked = resolver && std::find(servers.begin(), servers.end(), resolver->to_string()) != servers.end();
    if (!asked) return {};
    const auto services = name_services();
    return services.empty() ? servers_without_networks() : std::vector{services.front().gateway.to_string()};
  };
  edit_servers(plan_.resolv_file, other).ignore(k_own_file);
  return tell();
}

// Who is asked where no network of the container has names.
std::vector<std::string> Links::servers_without_networks() const {
  if (!plan_.dns_servers.empty()) return plan_.dns_servers;
  return leads_out() ? std::vector{std::string(k_resolver_address)} : std::vector<std::string>();
}

Result<void> Links::repair() {
  for (auto& membership : joined_) TRY(membership.repair(user(), inside_));
  return ok();
}

Result<void> Links::rename(const std::string& name) {
  plan_.container_name = name;
  for (const auto& membership : joined_) {
    auto files = TRY(MemberFiles::open(plan_.net_dir, membership.plan().network.name));
    files.rename(plan_.container_id, name);
    TRY(files.write());
  }
  return ok();
}

void Links::leave_all() {
  for (auto& membership : joined_) {
    membership.leave(user(), Membership::Cable::left).ignore("whoever comes next finds that we are gone");
  }
  joined_.clear();
  if (auto dir = Dir::open(plan_.state_dir)) dir->remove_file(k_network_state_file).ignore("it is read of who runs");
}

bool Links::leads_out() const {
  return std::any_of(plan_.links.begin(), plan_.links.end(),
                     [](const auto& link) { return link.network.has_default_route(); });
}

std::optional<IpAddress> Links::source_address() const {
  std::optional<IpAddress> source;
  uint32_t lowest = 0;
  for (const auto& membership : joined_) {
    const auto& network = membership.plan().network;
    if (!network.has_default_route() || (source && network.metric() >= lowest)) continue;
    for (const auto& entry : membership.state().addresses) {
      if (entry.address.family != AF_INET) continue;
      source = entry.address;
      lowest = network.metric();
    }
  }
  return source;
}

std::vector<LinkState> Links::states() const {
  std::vector<LinkState> out;
  for (const auto& membership : joined_) out.push_back(membership.state());
  return out;
}

std::vector<NameService> Links::name_services() const {
  std::vector<NameService> out;
  for (const auto& membership : joined_) {
    if (auto service = membership.name_service()) out.push_back(std::move(*service));
  }
  return out;
}

Result<void> Links::tell() const {
  Json networks = Json::array();
  for (const auto& state : states()) networks.push(to_json(state));
  const auto dir = TRY(Dir::open_or_make(plan_.state_dir, 0700));
  return dir.write_file(k_network_state_file,
                        dump_json(Json::object().set("schema", 1).set("networks", std::move(networks))), Sync::no);
}

}  // namespace ctr::engine::network
