#include "engine/host_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

// Devices that a container has its own of, and file systems that are mounted afresh.
constexpr auto k_left_out =
    std::to_array<std::string_view>({"pts", "shm", "mqueue", "fd", "hugepages", "console", "ptmx", "null", "zero",
                                     "full", "random", "urandom", "tty", "core"});

void collect(const Dir& dir, const std::string& path, int depth, std::vector<DeviceSpec>& devices) {
  constexpr int k_depth_limit = 4;  // /dev/bus/usb/001/001
  const auto names = dir.list();
  if (!names || depth > k_depth_limit) return;
  for (const auto& name : *names) {
    const bool top = depth == 0;
    if (top && std::find(k_left_out.begin(), k_left_out.end(), name) != k_left_out.end()) continue;
    if (top && name.starts_with("tty")) continue;
    const auto status = dir.find(name);
    if (!status || !*status) continue;
    const auto full = path + "/" + name;
    if (S_ISDIR((*status)->st_mode)) {
      if (const auto below = dir.open_dir(name)) collect(*below, full, depth + 1, devices);
    } else if (S_ISCHR((*status)->st_mode) || S_ISBLK((*status)->st_mode)) {
      devices.push_back({full, full, "rwm"});
    }
  }
}

}  // namespace

namespace {

// The address that packets to `peer` would come from; empty where there is no way to it. A UDP socket that is connected
// sends nothing.
std::string source_towards(const sockaddr* peer, socklen_t peer_size) {
  const Fd socket_fd(socket(peer->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid() || connect(socket_fd.get(), peer, peer_size) != 0) return {};
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (getsockname(socket_fd.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = peer->sa_family == AF_INET
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&own)->sin_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&own)->sin6_addr);
  if (!inet_ntop(peer->sa_family, address, text.data(), text.size())) return {};
  const std::string found = text.data();
  const bool usable = !found.starts_with("127.") && !found.starts_with("fe80:") && found != "0.0.0.0" && found != "::1";
  return usable ? found : std::string{};
}

}  // namespace

std::string host_address() {
  // 192.0.2.1 and 2001:db8::1 are for documentation (RFC 5737, RFC 3849): routed like any outside address.
  sockaddr_in peer4{};
  peer4.sin_family = AF_INET;
  peer4.sin_port = htons(9);
  peer4.sin_addr.s_addr = htonl(0xc0000201);
  auto address = source_towards(reinterpret_cast<const sockaddr*>(&peer4), sizeof peer4);
  if (!address.empty()) return address;
  sockaddr_in6 peer6{};
  peer6.sin6_family = AF_INET6;
  peer6.sin6_port = htons(9);
  peer6.sin6_addr.s6_addr[0] = 0x20;
  peer6.sin6_addr.s6_addr[1] = 0x01;
  peer6.sin6_addr.s6_addr[2] = 0x0d;
  peer6.sin6_addr.s6_addr[3] = 0xb8;
  peer6.sin6_addr.s6_addr[15] = 1;
  return source_towards(reinterpret_cast<const sockaddr*>(&peer6), sizeof peer6);
}

std::string host_name() {
  utsname names{};
  return uname(&names) == 0 ? std::string(names.nodename) : std::string{};
}

std::vector<DeviceSpec> host_devices() {
  std::vector<DeviceSpec> devices;
  if (const auto dev = Dir::open("/dev")) collect(*dev, "/dev", 0, devices);
  std::sort(devices.begin(), devices.end(),
            [](const auto& a, const auto& b) { return a.container_path < b.container_path; });
  return devices;
}

Result<void> check_devices(const std::vector<DeviceSpec>& devices) {
  for (const DeviceSpec& device : devices) {
    struct stat facts{};
    if (::stat(device.host_path.c_str(), &facts) != 0) {
      return Error::from_errno(fmt::format("stat '{}'", printable(device.host_path)));
    }
    if (S_ISCHR(facts.st_mode) || S_ISBLK(facts.st_mode) || S_ISDIR(facts.st_mode)) continue;
    return Error(Errc::invalid, fmt::format("{} is not a valid device: not a device node", printable(device.host_path)))
        .with_hint("-v shows the container a file that is no device");
  }
  return ok();
}

Result<std::vector<runtime::SpecDeviceRule>> device_rules(const std::vector<DeviceSpec>& devices) {
  std::vector<runtime::SpecDeviceRule> rules = {
      {.allow = false, .type = "a", .major = std::nullopt, .minor = std::nullopt, .access = "rwm"}};
  for (const DeviceSpec& device : devices) {
    struct stat facts{};
    if (::stat(device.host_path.c_str(), &facts) != 0) {
      return Error::from_errno(fmt::format("look at the device '{}'", printable(device.host_path)));
    }
    if (!S_ISCHR(facts.st_mode) && !S_ISBLK(facts.st_mode)) continue;
    rules.push_back({.allow = true,
                     .type = S_ISCHR(facts.st_mode) ? "c" : "b",
                     .major = major(facts.st_rdev),
                     .minor = minor(facts.st_rdev),
                     .access = device.permissions});
  }
  return rules;
}

Result<void> find_limited_devices(ResourceSpec& limits) {
  for (auto* list :
       {&limits.blkio_weight_devices, &limits.read_bps, &limits.write_bps, &limits.read_iops, &limits.write_iops}) {
    for (auto& limit : *list) {
      struct stat facts{};
      if (::stat(limit.path.c_str(), &facts) != 0) {
        return Error::from_errno(fmt::format("look at the device '{}'", printable(limit.path)));
      }
      if (!S_ISBLK(facts.st_mode)) {
        return Error(Errc::invalid, fmt::format("{}: not a block device", printable(limit.path)));
      }
      limit.major = major(facts.st_rdev);
      limit.minor = minor(facts.st_rdev);
    }
  }
  return ok();
}

ResourceLimit own_limit(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return {};
  return {limit.rlim_cur, limit.rlim_max};
}

}  // namespace ctr::engine
