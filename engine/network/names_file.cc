#include "engine/network/names_file.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine::network {
namespace {

constexpr std::string_view k_no_address = "-";
constexpr std::string_view k_servers_key = "dns=";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (auto& word : split(line, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

void read_heading(const std::vector<std::string>& words, NetworkNames& names) {
  if (words[0] == "@internal") names.internal = true;
  if (words.size() != 2) return;
  if (words[0] == "@dns" && parse_ip_address(words[1])) names.servers.push_back(words[1]);
  if (words[0] != "@subnet") return;
  if (auto subnet = parse_subnet(words[1])) names.subnets.push_back(*subnet);
}

std::optional<Member> read_member(std::vector<std::string> words) {
  Member member;
  while (!words.empty() && words.back().starts_with(k_servers_key)) {
    for (auto& server : split(std::string_view(words.back()).substr(k_servers_key.size()), ',')) {
      if (parse_ip_address(server)) member.servers.push_back(std::move(server));
    }
    words.pop_back();
  }
  if (words.size() < 4) return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    if (words[i] == k_no_address) continue;
    const auto address = parse_ip_address(words[i]);
    if (!address) return std::nullopt;
    member.addresses.push_back(*address);
  }
  member.name = words[2];
  member.aliases.assign(words.begin() + 3, words.end() - 1);
  member.id = words.back();
  return member;
}

}  // namespace

bool Subnet::contains(const IpAddress& other) const {
  if (other.family != address.family) return false;
  for (size_t bit = 0; bit < prefix_bits; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if (((address.bytes[bit / 8] ^ other.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

Result<Subnet> parse_subnet(std::string_view text) {
  const auto parts = split_once(text, '/');
  if (!parts) return Error(Errc::invalid, "'" + printable(text) + "' is not a subnet");
  Subnet subnet;
  subnet.address = TRY(parse_ip_address(parts->first));
  const uint64_t most = subnet.address.size_bytes() * 8;
  subnet.prefix_bits =
      static_cast<uint8_t>(TRY(parse_unsigned(parts->second, "the length of a subnet's prefix", most)));
  return subnet;
}

bool Member::is_named(std::string_view lower_name) const {
  const auto fits = [&](const std::string& own) { return to_lower(own) == lower_name; };
  return fits(name) || fits(id) || std::any_of(aliases.begin(), aliases.end(), fits);
}

NetworkNames parse_names(std::string_view text) {
  NetworkNames names;
  for (const auto& line : split(text, '\n')) {
    auto words = words_of(line);
    if (words.empty()) continue;
    if (words[0].starts_with('@')) {
      read_heading(words, names);
    } else if (auto member = read_member(std::move(words))) {
      names.members.push_back(std::move(*member));
    }
  }
  return names;
}

std::string member_line(const Member& member) {
  std::vector<std::string> words;
  for (int family : {AF_INET, AF_INET6}) {
    const auto found = std::find_if(member.addresses.begin(), member.addresses.end(),
                                    [&](const auto& address) { return address.family == family; });
    words.push_back(found == member.addresses.end() ? std::string(k_no_address) : found->to_string());
  }
  words.push_back(member.name);
  words.insert(words.end(), member.aliases.begin(), member.aliases.end());
  words.push_back(member.id);
  if (!member.servers.empty()) words.push_back(std::string(k_servers_key) + join(member.servers, ","));
  return join(words, " ") + "\n";
}

std::string names_text(const NetworkNames& names) {
  std::string text;
  if (names.internal) text += "@internal\n";
  for (const auto& subnet : names.subnets) {
    text += "@subnet " + subnet.address.to_string() + "/" + std::to_string(subnet.prefix_bits) + "\n";
  }
  for (const auto& server : names.servers) text += "@dns " + server + "\n";
  for (const auto& member : names.members) text += member_line(member);
  return text;
}

}  // namespace ctr::engine::network
