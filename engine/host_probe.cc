#include "engine/host_probe.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include <algorithm>

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
