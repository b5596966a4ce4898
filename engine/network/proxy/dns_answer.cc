#include "engine/network/proxy/dns_answer.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/network/prefix.h"

namespace ctr::engine::network::dns {
namespace {

constexpr auto k_host_names = std::to_array<std::string_view>({"host.containers.internal", "host.docker.internal"});

bool has_address(const MemberNames& member, const IpAddress& address) {
  return member.ipv4 == address || member.ipv6 == address;
}

const MemberNames* find_member(const KnownNetwork& network, const IpAddress& address) {
  const auto found = std::find_if(network.members.begin(), network.members.end(),
                                  [&](const auto& member) { return has_address(member, address); });
  return found == network.members.end() ? nullptr : &*found;
}

bool has_member(const KnownNetwork& network, const std::string& id) {
  return std::any_of(network.members.begin(), network.members.end(),
                     [&](const auto& member) { return member.short_id == id; });
}

bool is_named(const MemberNames& member, std::string_view lower_name) {
  const auto fits = [&](const std::string& own) { return to_lower(own) == lower_name; };
  return fits(member.name) || fits(member.short_id) || std::any_of(member.aliases.begin(), member.aliases.end(), fits);
}

// What the asker may see, and what stands for other names.
struct View {
  std::vector<const KnownNetwork*> networks;
  bool internal = true;
  std::vector<std::string> servers;
};

View view_of(const Asker& asker, const KnownNetworks& networks) {
  View view;
  const auto home = networks.find(asker.network);
  const MemberNames* self = home == networks.end() ? nullptr : find_member(home->second, asker.address);
  for (const auto& [name, names] : networks) {
    if (name != asker.network && (self == nullptr || !has_member(names, self->short_id))) continue;
    view.networks.push_back(&names);
    view.internal = view.internal && names.internal;
    view.servers.insert(view.servers.end(), names.servers.begin(), names.servers.end());
  }
  if (home == networks.end()) view.internal = false;
  if (self != nullptr && !self->servers.empty()) view.servers = self->servers;
  return view;
}

// The name without the domain of ours; nullopt when it has none.
std::optional<std::string_view> without_domain(std::string_view name) {
  for (const auto domain : {k_names_domain, k_podman_domain}) {
    if (name == domain) return std::string_view();
    if (name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.') {
      return name.substr(0, name.size() - domain.size() - 1);
    }
  }
  return std::nullopt;
}

struct Found {
  bool known = false;
  std::vector<IpAddress> addresses;
};

Found find_name(const View& view, std::string_view name) {
  Found found;
  for (const auto* network : view.networks) {
    for (const auto& member : network->members) {
      if (!is_named(member, name)) continue;
      found.known = true;
      for (const auto& address : {member.ipv4, member.ipv6}) {
        const auto end = found.addresses.end();
        if (address && std::find(found.addresses.begin(), end, *address) == end) found.addresses.push_back(*address);
      }
    }
  }
  return found;
}

Verdict refusal(Code code) {
  return {.kind = Verdict::Kind::answer, .answer = {.code = code, .records = {}}, .servers = {}};
}

Verdict addresses_answer(const Question& question, std::vector<IpAddress> addresses, size_t turn) {
  const int family = question.type == k_type_a ? AF_INET : question.type == k_type_aaaa ? AF_INET6 : AF_UNSPEC;
  std::erase_if(addresses, [&](const auto& address) { return address.family != family; });
  if (!addresses.empty()) {
    const auto first = static_cast<std::ptrdiff_t>(turn % addresses.size());
    std::rotate(addresses.begin(), addresses.begin() + first, addresses.end());
  }
  Verdict verdict;
  for (const auto& address : addresses) verdict.answer.records.push_back(address_data(address));
  return verdict;
}

// nullopt for addresses that are none of the networks'.
std::optional<Verdict> reverse_answer(const Question& question, const View& view) {
  const auto address = parse_reverse_name(question.name);
  if (!address) return std::nullopt;
  Verdict verdict;
  bool ours = false;
  for (const auto* network : view.networks) {
    for (const auto& subnet : network->subnets) ours = ours || contains(subnet, *address);
    const auto* member = find_member(*network, *address);
    if (member == nullptr) continue;
    ours = true;
    auto data = name_data(member->name + "." + std::string(k_names_domain));
    if (data && verdict.answer.records.empty()) verdict.answer.records.push_back(std::move(*data));
  }
  if (!ours) return std::nullopt;
  if (verdict.answer.records.empty()) return refusal(Code::name_error);
  if (question.type != k_type_ptr) verdict.answer.records.clear();
  return verdict;
}

}  // namespace

KnownNetwork known_network(const NetworkDefinition& definition, std::vector<MemberNames> members) {
  KnownNetwork known;
  known.internal = definition.internal;
  known.servers = definition.dns_servers;
  for (const auto& subnet : definition.subnets) known.subnets.push_back(subnet.subnet);
  known.members = std::move(members);
  return known;
}

Verdict decide(const Question& question, const Asker& asker, const KnownNetworks& networks, size_t turn) {
  const View view = view_of(asker, networks);
  if (question.net_class == k_class_in && !question.name.empty()) {
    const auto inner = without_domain(question.name);
    auto found = find_name(view, inner.value_or(question.name));
    if (found.known) return addresses_answer(question, std::move(found.addresses), turn);
    if (inner) return refusal(Code::name_error);
    if (auto reverse = reverse_answer(question, view)) return std::move(*reverse);
    const bool is_host = std::find(k_host_names.begin(), k_host_names.end(), question.name) != k_host_names.end();
    if (is_host && view.internal) return refusal(Code::name_error);
    if (is_host) return {.kind = Verdict::Kind::host_address, .answer = {}, .servers = {}};
  }
  if (view.internal) return refusal(Code::refused);
  return {.kind = Verdict::Kind::forward, .answer = {}, .servers = view.servers};
}

}  // namespace ctr::engine::network::dns
