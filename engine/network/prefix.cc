#include "engine/network/prefix.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/parse.h"
#include "base/random.h"
#include "base/text.h"

namespace ctr::engine::network {
namespace {

constexpr uint8_t k_subnet_bits = 24;
constexpr int k_first_pool = 89;  // podman's pools begin at 10.89.0.0/16
constexpr int k_last_pool = 255;

unsigned all_bits(const IpAddress& address) { return static_cast<unsigned>(address.size_bytes()) * 8; }

// Compares the first `bits`.
bool same_start(const IpAddress& a, const IpAddress& b, unsigned bits) {
  for (unsigned at = 0; at < bits; at += 8) {
    const unsigned here = std::min(bits - at, 8U);
    const auto mask = static_cast<uint8_t>(0xFF00U >> here);
    if (((a.bytes[at / 8] ^ b.bytes[at / 8]) & mask) != 0) return false;
  }
  return true;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  for (const auto& field : split(line, ' ')) {
    for (const auto& part : split(field, '\t')) {
      if (!part.empty()) out.push_back(part);
    }
  }
  return out;
}

int hex_value(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

std::optional<std::vector<uint8_t>> bytes_of_hex(std::string_view text) {
  const std::string digits = to_lower(text);
  if (digits.size() % 2 != 0 || !is_lower_hex(digits)) return std::nullopt;
  std::vector<uint8_t> out;
  for (size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(hex_value(digits[i]) * 16 + hex_value(digits[i + 1])));
  }
  return out;
}

// The kernel prints IPv4 addresses as numbers of the host's byte order.
std::optional<IpPrefix> ipv4_route(const std::vector<std::string>& fields) {
  if (fields.size() < 8) return std::nullopt;
  const auto destination = bytes_of_hex(fields[1]);
  const auto mask = bytes_of_hex(fields[7]);
  if (!destination || !mask || destination->size() != 4 || mask->size() != 4) return std::nullopt;
  IpPrefix prefix;
  prefix.base.family = AF_INET;
  unsigned bits = 0;
  for (size_t i = 0; i < 4; ++i) {
    prefix.base.bytes[i] = (*destination)[3 - i];
    for (unsigned bit = 0; bit < 8; ++bit) bits += (*mask)[i] >> bit & 1U;
  }
  prefix.bits = static_cast<uint8_t>(bits);
  return prefix;
}

std::optional<IpPrefix> ipv6_route(const std::vector<std::string>& fields) {
  if (fields.size() < 10 || fields[9] == "lo") return std::nullopt;
  const auto destination = bytes_of_hex(fields[0]);
  const auto bits = bytes_of_hex(fields[1]);
  if (!destination || !bits || destination->size() != 16 || bits->size() != 1 || (*bits)[0] > 128) return std::nullopt;
  IpPrefix prefix;
  prefix.base.family = AF_INET6;
  std::copy(destination->begin(), destination->end(), prefix.base.bytes.begin());
  prefix.bits = (*bits)[0];
  return prefix;
}

bool is_free(const IpPrefix& prefix, const std::vector<IpPrefix>& taken) {
  return std::none_of(taken.begin(), taken.end(), [&](const auto& other) { return overlap(prefix, other); });
}

}  // namespace

Result<IpPrefix> parse_prefix(std::string_view text) {
  const auto wrong = [&] {
    return Error(Errc::invalid, fmt::format("invalid CIDR address: {}", printable(text)))
        .with_hint("a subnet is written like 10.89.1.0/24");
  };
  const auto parts = split_once(text, '/');
  if (!parts) return wrong();
  const auto address = parse_ip_address(parts->first);
  if (!address) return wrong();
  const auto bits = parse_unsigned(parts->second, "the length of a subnet", all_bits(*address));
  if (!bits) return wrong();
  return prefix_of(*address, static_cast<uint8_t>(*bits));
}

std::string to_string(const IpPrefix& prefix) { return fmt::format("{}/{}", prefix.base.to_string(), prefix.bits); }

IpPrefix prefix_of(const IpAddress& address, uint8_t bits) {
  IpPrefix prefix{.base = address, .bits = bits};
  for (size_t i = 0; i < prefix.base.bytes.size(); ++i) {
    const unsigned before = static_cast<unsigned>(i) * 8;
    const unsigned kept = bits > before ? std::min(bits - before, 8U) : 0;
    prefix.base.bytes[i] &= static_cast<uint8_t>(0xFF00U >> kept);
  }
  return prefix;
}

bool contains(const IpPrefix& prefix, const IpAddress& address) {
  return prefix.base.family == address.family && same_start(prefix.base, address, prefix.bits);
}

bool overlap(const IpPrefix& a, const IpPrefix& b) {
  return a.base.family == b.base.family && same_start(a.base, b.base, std::min(a.bits, b.bits));
}

IpAddress next_address(const IpAddress& address) {
  IpAddress next = address;
  for (size_t i = next.size_bytes(); i > 0; --i) {
    if (++next.bytes[i - 1] != 0) break;
  }
  return next;
}

bool is_below(const IpAddress& a, const IpAddress& b) {
  return std::memcmp(a.bytes.data(), b.bytes.data(), a.size_bytes()) < 0;
}

IpAddress last_address(const IpPrefix& prefix) {
  IpAddress last = prefix.base;
  for (size_t i = 0; i < last.size_bytes(); ++i) {
    const unsigned before = static_cast<unsigned>(i) * 8;
    const unsigned kept = prefix.bits > before ? std::min(prefix.bits - before, 8U) : 0;
    last.bytes[i] |= static_cast<uint8_t>(0xFFU >> kept);
  }
  return last;
}

IpAddress first_host(const IpPrefix& prefix) { return next_address(prefix.base); }

Result<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac{};
  const auto parts = split(text, text.find('-') == std::string_view::npos ? ':' : '-');
  bool good = parts.size() == mac.size();
  for (size_t i = 0; good && i < mac.size(); ++i) {
    const auto byte = bytes_of_hex(parts[i]);
    good = byte && byte->size() == 1;
    if (good) mac[i] = (*byte)[0];
  }
  if (!good) return Error(Errc::invalid, fmt::format("address {}: invalid MAC address", printable(text)));
  if ((mac[0] & 1U) != 0) {
    return Error(Errc::invalid, fmt::format("the MAC address {} is one for groups: no interface can have it", text));
  }
  if (mac == MacAddress{}) {
    return Error(Errc::invalid, fmt::format("the MAC address {} is that of nobody: no interface can have it", text));
  }
  return mac;
}

std::string to_string(const MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

MacAddress mac_of(const IpAddress& address) {
  MacAddress mac{0x02, 0x42};
  std::copy_n(address.bytes.begin() + static_cast<ptrdiff_t>(address.size_bytes() - 4), 4, mac.begin() + 2);
  return mac;
}

std::vector<IpPrefix> routed_prefixes(std::string_view ipv4, std::string_view ipv6) {
  std::vector<IpPrefix> out;
  const auto add = [&](const std::optional<IpPrefix>& prefix) {
    // The default route is no reason against any subnet.
    if (prefix && prefix->bits > 0) out.push_back(*prefix);
  };
  for (const auto& line : split(ipv4, '\n')) add(ipv4_route(words_of(line)));
  for (const auto& line : split(ipv6, '\n')) add(ipv6_route(words_of(line)));
  return out;
}

Result<IpPrefix> free_ipv4_subnet(const std::vector<IpPrefix>& taken) {
  IpPrefix prefix{.base = {.family = AF_INET, .bytes = {10}}, .bits = k_subnet_bits};
  for (int pool = k_first_pool; pool <= k_last_pool; ++pool) {
    for (int part = 0; part <= 255; ++part) {
      prefix.base.bytes[1] = static_cast<uint8_t>(pool);
      prefix.base.bytes[2] = static_cast<uint8_t>(part);
      if (is_free(prefix, taken)) return prefix;
    }
  }
  return Error(Errc::in_use, "could not find free subnet from subnet pools")
      .with_hint("name one with --subnet, or remove networks: `ctr network prune`");
}

IpPrefix free_ipv6_subnet(const std::vector<IpPrefix>& taken) {
  IpPrefix prefix{.base = {.family = AF_INET6, .bytes = {0xFD}}, .bits = 64};
  do {
    const uint64_t random = random_number();
    for (size_t i = 1; i < 8; ++i) prefix.base.bytes[i] = static_cast<uint8_t>(random >> (8 * i));
  } while (!is_free(prefix, taken));
  return prefix;
}

}  // namespace ctr::engine::network
