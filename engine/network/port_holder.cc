#include "engine/network/port_holder.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/file.h"
#include "base/text.h"

namespace ctr::engine::network {
namespace {

template <typename Number>
std::optional<Number> number_of(std::string_view text, int base) {
  Number number = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return status == std::errc() && stop == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

// "0100007F": words of four bytes in the order of this machine.
std::optional<IpAddress> table_address(std::string_view text) {
  IpAddress address;
  if (text.size() != 8 && text.size() != 32) return std::nullopt;
  address.family = text.size() == 8 ? AF_INET : AF_INET6;
  for (size_t word = 0; word < text.size() / 8; ++word) {
    const auto value = number_of<uint32_t>(text.substr(word * 8, 8), 16);
    if (!value) return std::nullopt;
    std::memcpy(address.bytes.data() + word * 4, &*value, sizeof *value);
  }
  return address;
}

bool is_any(const IpAddress& address) {
  return std::all_of(address.bytes.begin(), address.bytes.end(), [](uint8_t byte) { return byte == 0; });
}

// One of two sockets with the same port is in the other's way.
bool overlap(const IpAddress& there, const PublishedPort& port) {
  if (port.host_ip.empty() || is_any(there)) return true;
  const auto wanted = parse_ip_address(port.host_ip);
  return wanted && (is_any(*wanted) || *wanted == there);
}

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  for (auto& field : split(line, ' ')) {
    if (!field.empty()) fields.push_back(std::move(field));
  }
  return fields;
}

// Of a directory that cannot be read there are none.
std::vector<std::string> names_in(const std::string& path) {
  const auto directory = Dir::open(path);
  return directory ? directory->list().value_or({}) : std::vector<std::string>{};
}

bool holds(const std::string& process, const std::string& socket) {
  const auto directory = "/proc/" + process + "/fd";
  const auto names = names_in(directory);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    std::array<char, 64> target{};
    const auto path = directory + "/" + name;
    const auto size = ::readlink(path.c_str(), target.data(), target.size());
    return size > 0 && std::string_view(target.data(), static_cast<size_t>(size)) == socket;
  });
}

// A monitor is `ctr monitor ID`, that of a pod `ctr pod-monitor ID`.
std::string describe(const std::string& process, const PortHolders& holders) {
  const auto words = split(read_kernel_file("/proc/" + process + "/cmdline").value_or(""), '\0');
  const bool is_ours = words.size() > 2 && words[0] == "ctr";
  const bool is_pod = is_ours && words[1] == "pod-monitor";
  const auto& name_of = is_pod ? holders.pod_name : holders.container_name;
  if (name_of && (is_pod || (is_ours && words[1] == "monitor"))) {
    const auto name = name_of(words[2]);
    if (!name.empty()) return fmt::format("{} '{}'", is_pod ? "pod" : "container", name);
  }
  const auto name = read_kernel_file("/proc/" + process + "/comm").value_or("");
  return fmt::format("pid {} {}", process, printable(trim(name)));
}

}  // namespace

std::optional<SocketOwner> find_socket(std::string_view table, const PublishedPort& port) {
  // LISTEN of TCP; a UDP socket that is bound is in TCP's state CLOSE, a connected one in ESTABLISHED.
  const std::string_view state = port.protocol == PortProtocol::tcp ? "0A" : "07";
  for (const auto& line : split(table, '\n')) {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
    const auto fields = fields_of(line);
    if (fields.size() < 10 || fields[3] != state) continue;
    const auto colon = std::min(fields[1].find(':'), fields[1].size() - 1);
    const auto address = table_address(std::string_view(fields[1]).substr(0, colon));
    const auto number = number_of<uint16_t>(std::string_view(fields[1]).substr(colon + 1), 16);
    if (!address || !number || *number != port.host_port || !overlap(*address, port)) continue;
    const auto inode = number_of<uint64_t>(fields[9], 10);
    if (inode) return SocketOwner{*inode, number_of<uint32_t>(fields[7], 10).value_or(0)};
  }
  return std::nullopt;
}

std::string find_port_holder(const PublishedPort& port, const PortHolders& holders) {
  for (const char* suffix : {"", "6"}) {
    const auto path = "/proc/net/" + std::string(protocol_name(port.protocol)) + suffix;
    const auto table = read_kernel_file(path);
    const auto owner = table ? find_socket(*table, port) : std::nullopt;
    if (!owner) continue;
    const auto socket = fmt::format("socket:[{}]", owner->inode);
    for (const auto& name : names_in("/proc")) {
      const bool process = name.find_first_not_of("0123456789") == std::string::npos;
      if (process && holds(name, socket)) return describe(name, holders);
    }
    return fmt::format("a process of user {}", owner->uid);
  }
  return "";
}

}  // namespace ctr::engine::network
