#include "engine/network/uplink_options.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "engine/network/netlink.h"

namespace ctr::engine::network {
namespace {

constexpr std::string_view k_usual_cidr = "10.0.2.0/24";
constexpr uint32_t k_least_mtu_bytes = 68;  // of IPv4 (RFC 791)
constexpr uint32_t k_largest_mtu_bytes = 65521;
// slirp4netns gives the hundredth address to the container, and the network has one for broadcasts.
constexpr uint8_t k_longest_prefix = 25;

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

Error not_mapped(std::string_view uplink, std::string_view option, std::string hint) {
  return Error(Errc::unsupported, fmt::format("--network {}: '{}' is not supported", uplink, printable(option)))
      .with_hint(std::move(hint));
}

Result<uint32_t> parse_mtu(const std::string& text) {
  const auto mtu = parse_unsigned(text, "mtu", k_largest_mtu_bytes);
  if (!mtu || *mtu < k_least_mtu_bytes) return wrong(fmt::format("invalid mtu \"{}\"", printable(text)));
  return static_cast<uint32_t>(*mtu);
}

struct Cidr {
  IpAddress base;
  uint8_t bits = 0;
};

Result<Cidr> parse_cidr(const std::string& text) {
  const auto error = [&] { return wrong(fmt::format("invalid cidr \"{}\"", printable(text))); };
  const auto parts = split_once(text, '/');
  if (!parts) return error();
  const auto address = parse_ip_address(parts->first);
  const auto bits = parse_unsigned(parts->second, "cidr", 32);
  if (!address || address->family != AF_INET || !bits) return error();
  if (*bits > k_longest_prefix || *bits < 8) {
    return error().with_hint(
        fmt::format("the network needs 128 addresses or more: a length of 8 to {}", k_longest_prefix));
  }
  Cidr cidr = {*address, static_cast<uint8_t>(*bits)};
  for (size_t bit = cidr.bits; bit < 32; ++bit) {
    cidr.base.bytes[bit / 8] = static_cast<uint8_t>(cidr.base.bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  return cidr;
}

std::string address_at(const Cidr& cidr, uint8_t offset) {
  IpAddress address = cidr.base;
  address.bytes[3] = static_cast<uint8_t>(address.bytes[3] + offset);
  return address.to_string();
}

// An interface's name or an address of the family. Source: IFNAMSIZ, with the NUL.
bool is_outbound(const std::string& text, int family) {
  if (const auto address = parse_ip_address(text)) return address->family == family;
  return !text.empty() && text.size() < 16 && text.find_first_of("/ \t\n:") == std::string::npos;
}

Result<void> read_slirp_option(const std::string& text, UplinkOptions& options) {
  const auto pair = split_once(text, '=');
  const auto unknown = [&] { return wrong(fmt::format("unknown option for slirp4netns: \"{}\"", printable(text))); };
  if (!pair) return unknown();
  const auto& [key, value] = *pair;
  const auto yes_or_no = [&]() -> Result<bool> {
    if (value == "true" || value == "false") return value == "true";
    return wrong(fmt::format("invalid value of {} for slirp4netns: \"{}\"", key, printable(value)));
  };
  if (key == "allow_host_loopback") {
    options.host_loopback = TRY(yes_or_no());
  } else if (key == "enable_ipv6") {
    options.ipv6 = TRY(yes_or_no());
  } else if (key == "mtu") {
    options.mtu_bytes = TRY(parse_mtu(value));
  } else if (key == "cidr") {
    TRY(parse_cidr(value));
    options.cidr = value;
  } else if (key == "outbound_addr") {
    if (!is_outbound(value, AF_INET)) return wrong(fmt::format("invalid outbound_addr \"{}\"", printable(value)));
    options.outbound4 = value;
  } else if (key == "outbound_addr6") {
    if (!is_outbound(value, AF_INET6)) return wrong(fmt::format("invalid outbound_addr6: \"{}\"", printable(value)));
    options.outbound6 = value;
  } else if (key == "port_handler") {
    // What it is for, the address of the client, servers see in any case.
    if (value == "slirp4netns") return ok();
    if (value != "rootlesskit") {
      return wrong(fmt::format("unknown port_handler for slirp4netns: \"{}\"", printable(value)));
    }
    return not_mapped("slirp4netns", text, "leave it out: servers see the addresses of their clients");
  } else {
    return unknown();
  }
  return ok();
}

// Which of its words have a value as the next word.
constexpr auto k_pasta_values =
    std::to_array<std::string_view>({"-m", "--mtu", "-i", "--interface", "-o", "--outbound", "-t", "--tcp-ports", "-u",
                                     "--udp-ports", "-T", "--tcp-ns", "-U", "--udp-ns"});

Result<void> read_pasta_option(std::string_view word, const std::string& value, UplinkOptions& options) {
  const auto is = [&](std::string_view one, std::string_view other) { return word == one || word == other; };
  if (word == "--map-gw") {
    options.host_loopback = true;
  } else if (is("-m", "--mtu")) {
    options.mtu_bytes = TRY(parse_mtu(value));
  } else if (is("-4", "--ipv4-only")) {
    options.ipv6 = false;
  } else if (is("-i", "--interface")) {
    if (!is_outbound(value, AF_UNSPEC)) return wrong(fmt::format("invalid interface \"{}\"", printable(value)));
    options.outbound4 = options.outbound6 = value;
  } else if (is("-o", "--outbound")) {
    const auto address = parse_ip_address(value);
    if (!address) return wrong(fmt::format("invalid outbound address \"{}\"", printable(value)));
    (address->family == AF_INET ? options.outbound4 : options.outbound6) = value;
  } else if (is("-t", "--tcp-ports") || is("-u", "--udp-ports") || is("-T", "--tcp-ns") || is("-U", "--udp-ns")) {
    if (value != "none") return not_mapped("pasta", word, "publish ports with -p; nothing is forwarded but these");
  } else if (word != "--no-map-gw" && word != "--config-net" && word != "--no-dhcp" && word != "--no-dhcpv6" &&
             word != "--no-ndp" && word != "--no-ra") {
    return not_mapped("pasta", word,
                      "there are --mtu, --map-gw, --ipv4-only, --interface and --outbound; addresses are those of the "
                      "private network");
  }
  return ok();
}

Result<UplinkOptions> parse_pasta_options(const std::vector<std::string>& words) {
  UplinkOptions options;
  for (size_t i = 0; i < words.size(); ++i) {
    auto word = words[i];
    std::string value;
    if (const auto pair = split_once(word, '='); pair && word.starts_with("--")) {
      word = pair->first;
      value = pair->second;
    } else if (std::find(k_pasta_values.begin(), k_pasta_values.end(), word) != k_pasta_values.end()) {
      if (++i == words.size()) return wrong(fmt::format("--network pasta: '{}' needs a value", printable(word)));
      value = words[i];
    }
    TRY(read_pasta_option(word, value, options));
  }
  return options;
}

}  // namespace

Json to_json(const UplinkOptions& options) {
  Json json = Json::object();
  if (options.host_loopback) json.set("host_loopback", true);
  if (options.mtu_bytes) json.set("mtu_bytes", *options.mtu_bytes);
  if (!options.cidr.empty()) json.set("cidr", options.cidr);
  if (options.ipv6) json.set("ipv6", *options.ipv6);
  if (!options.outbound4.empty()) json.set("outbound4", options.outbound4);
  if (!options.outbound6.empty()) json.set("outbound6", options.outbound6);
  return json;
}

Result<UplinkOptions> uplink_options_from_json(const JsonReader& reader) {
  UplinkOptions options;
  options.host_loopback = TRY(reader.bool_or("host_loopback", false));
  if (const auto mtu = TRY(reader.find_uint("mtu_bytes"))) options.mtu_bytes = static_cast<uint32_t>(*mtu);
  options.cidr = TRY(reader.string_or("cidr", ""));
  options.ipv6 = TRY(reader.find_bool("ipv6"));
  options.outbound4 = TRY(reader.string_or("outbound4", ""));
  options.outbound6 = TRY(reader.string_or("outbound6", ""));
  return options;
}

Result<UplinkOptions> parse_uplink_options(const NetworkChoice& choice) {
  UplinkOptions options;
  auto words = choice.options;
  // Of ctr, whichever program serves the network.
  options.host_loopback = std::erase(words, "host-loopback") > 0;
  if (choice.uplink == "pasta") {
    const bool loopback = options.host_loopback;
    options = TRY(parse_pasta_options(words));
    options.host_loopback = options.host_loopback || loopback;
    return options;
  }
  for (const auto& word : words) {
    if (choice.uplink.empty()) {
      return wrong(fmt::format("'{}' is not an option of the private network", printable(word)))
          .with_hint("the one option is host-loopback; slirp4netns: and pasta: have more");
    }
    TRY(read_slirp_option(word, options));
  }
  if (!options.outbound6.empty() && options.ipv6 == false) {
    return wrong("outbound_addr6 needs enable_ipv6=true");
  }
  return options;
}

UplinkAddresses uplink_addresses(const UplinkOptions& options) {
  auto cidr = parse_cidr(options.cidr.empty() ? std::string(k_usual_cidr) : options.cidr);
  if (!cidr) cidr = parse_cidr(std::string(k_usual_cidr));
  return {address_at(*cidr, 100), address_at(*cidr, 2), address_at(*cidr, 3), cidr->bits};
}

}  // namespace ctr::engine::network
