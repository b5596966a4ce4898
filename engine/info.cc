#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/caps.h"
#include "engine/cgroup_choice.h"
#include "engine/doctor.h"
#include "engine/host_probe.h"
#include "engine/inspect.h"
#include "engine/storage_config.h"
#include "runtime/seccomp.h"

namespace ctr::engine {

namespace {

struct Distribution {
  std::string id = "unknown", version = "unknown", variant, codename;
};

// Source: os-release(5).
Distribution find_distribution() {
  Distribution found;
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const auto text = read_file_if_exists(path);
    if (!text || !*text) continue;
    for (const auto& line : split(**text, '\n')) {
      const auto parts = split_once(line, '=');
      if (!parts) continue;
      auto value = parts->second;
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      if (parts->first == "ID") found.id = value;
      if (parts->first == "VERSION_ID") found.version = value;
      if (parts->first == "VARIANT_ID") found.variant = value;
      if (parts->first == "VERSION_CODENAME") found.codename = value;
    }
    break;
  }
  return found;
}

std::string uptime_text(long seconds) {
  const auto hours = seconds / 3600;
  const auto minutes = seconds / 60 % 60;
  auto text = fmt::format("{}h {}m {}.00s", hours, minutes, seconds % 60);
  if (hours >= 1) text += fmt::format(" (Approximately {:.2f} days)", static_cast<double>(seconds) / 86400.0);
  return text;
}

Json ranges_json(const std::vector<runtime::IdRange>& ranges) {
  Json json = Json::array();
  for (const auto& range : ranges) {
    json.push(Json::object().set("container_id", range.inside).set("host_id", range.outside).set("size", range.size));
  }
  return json;
}

// Shares of the time since the machine started. Source: proc(5), /proc/stat.
Json cpu_json() {
  const auto text = read_kernel_file("/proc/stat");
  std::vector<uint64_t> times;
  uint64_t total = 0;
  if (text && text->starts_with("cpu ")) {
    for (const auto& word : split(std::string_view(*text).substr(0, text->find('\n')), ' ')) {
      const auto ticks = parse_unsigned(word, "/proc/stat", UINT64_MAX);
      if (!ticks) continue;
      times.push_back(*ticks);
      total += *ticks;
    }
  }
  const auto percent = [&](size_t field) {
    if (field >= times.size() || total == 0) return 0.0;
    return std::round(static_cast<double>(times[field]) * 10000.0 / static_cast<double>(total)) / 100.0;
  };
  // user, nice, system, idle, …
  return Json::object().set("userPercent", percent(0)).set("systemPercent", percent(2)).set("idlePercent", percent(3));
}

Json program_json(const std::string& path) {
  return Json::object().set("executable", path).set("package", "").set("version", "");
}

Json security_json(const runtime::HostFacts& host, const Config& config) {
  const auto profile = runtime::find_default_seccomp();
  auto capabilities = config.default_capabilities;
  // Debian's containers.conf leaves the "CAP_" out. What is no capability is the business of the next run.
  for (auto& name : capabilities) name = normalise_capability(name).value_or(name);
  auto path = config.seccomp_profile;
  if (path.empty() && profile) path = profile->path;
  return Json::object()
      .set("apparmorEnabled", host.apparmor)
      .set("capabilities", join(capabilities, ","))
      .set("rootless", !host.privileged())
      .set("seccompEnabled", host.seccomp)
      .set("seccompProfilePath", path)
      .set("selinuxEnabled", false);
}

// Names, kernel and what this user may use of the machine.
void add_machine(Json& json, const runtime::HostFacts& host) {
  utsname names{};
  (void)uname(&names);
  struct sysinfo memory{};
  (void)sysinfo(&memory);
  const uint64_t unit = memory.mem_unit;
  const auto distribution = find_distribution();
  Json distribution_json = Json::object();
  distribution_json.set("distribution", distribution.id).set("version", distribution.version);
  if (!distribution.variant.empty()) distribution_json.set("variant", distribution.variant);
  if (!distribution.codename.empty()) distribution_json.set("codename", distribution.codename);
  const auto map = host.default_map();
  json.set("cpus", static_cast<int64_t>(sysconf(_SC_NPROCESSORS_ONLN)))
      .set("cpuUtilization", cpu_json())
      .set("databaseBackend", "files")
      .set("distribution", std::move(distribution_json))
      .set("eventLogger", "file")
      .set("hostname", host_name())
      .set("idMappings", Json::object().set("gidmap", ranges_json(map.gids)).set("uidmap", ranges_json(map.uids)))
      .set("kernel", names.release)
      .set("linkmode", "static")
      .set("memFree", memory.freeram * unit)
      .set("memTotal", memory.totalram * unit)
      .set("swapFree", memory.freeswap * unit)
      .set("swapTotal", memory.totalswap * unit)
      .set("uptime", uptime_text(memory.uptime));
}

Json host_json(Core& core, const runtime::HostFacts& host, const Config& config) {
  const auto mode = host.cgroup.mode;
  const bool v2 = mode == runtime::CgroupMode::v2_delegated || mode == runtime::CgroupMode::v2_not_delegated;
  const auto manager = choose_cgroup_manager("", config, host.cgroup);
  const std::string cgroup_manager(manager ? runtime::cgroup_manager_name(*manager) : "disabled");
  Json json = Json::object();
  json.set("arch", oci::host_platform().architecture)
      .set("buildahVersion", "")
      .set("cgroupManager", cgroup_manager)
      .set("cgroupVersion", v2 ? "v2" : "v1")
      .set("cgroupMode", runtime::cgroup_mode_name(mode))
      .set("cgroupControllers",
           Json::strings(manager ? runtime::cgroup_controllers(*manager, host.cgroup) : host.cgroup.controllers))
      .set("conmon", Json::object()
                         .set("package", "ctr")
                         .set("path", core.options().own_binary)
                         .set("version", core.options().version));
  add_machine(json, host);
  json.set("logDriver", config.log_driver)
      .set("networkBackend", "ctr")
      .set("networkBackendInfo", Json::object().set("backend", "ctr").set("dns", Json::object()))
      .set("ociRuntime", Json::object()
                             .set("name", "ctr")
                             .set("package", "ctr")
                             .set("path", core.options().own_binary)
                             .set("version", "ctr version " + core.options().version))
      .set("os", "linux")
      .set("remoteSocket", Json::object().set("path", "").set("exists", false))
      .set("rootlessNetworkCmd", !host.slirp4netns.empty() ? "slirp4netns" : "pasta")
      .set("serviceIsRemote", false)
      .set("security", security_json(host, config))
      .set("slirp4netns", program_json(host.slirp4netns))
      .set("pasta", program_json(host.pasta))
      .set("freeLocks", Json())
      .set("variant", oci::host_platform().variant)
      .set("emulatedArchitectures", Json());
  return json;
}

Json containers_json(const std::vector<ContainerInfo>& containers) {
  int running = 0;
  int paused = 0;
  for (const auto& info : containers) {
    if (info.state == ContainerState::running) ++running;
    if (info.state == ContainerState::paused) ++paused;
  }
  return Json::object()
      .set("number", static_cast<int64_t>(containers.size()))
      .set("paused", paused)
      .set("running", running)
      .set("stopped", static_cast<int64_t>(containers.size()) - running - paused);
}

Result<Json> store_json(Core& core, const runtime::HostFacts& host) {
  const auto* store = TRY(core.store());
  const auto driver = TRY(core.driver());
  struct statvfs space{};
  if (statvfs(store->path().c_str(), &space) != 0) return Error::from_errno("look at '" + store->path() + "'");
  Json status = Json::object();
  // As podman calls it.
  const auto backing = file_system_name(store->path()).value_or("<unknown>");
  status.set("Backing Filesystem", backing == "ext4" ? "extfs" : backing);
  status.set("Supports d_type", "true");  // the kernel refuses overlays without
  status.set("Native Overlay Diff", driver == storage::OverlayDriver::native ? "true" : "false");
  Json options = Json::object();
  if (driver == storage::OverlayDriver::fuse) options.set("overlay.mount_program", program_json(host.fuse_overlayfs));
  const auto config = TRY(load_storage_config(core.options(), StorageFiles::all));
  if (!config.additional_image_stores.empty()) {
    options.set("overlay.additionalImageStores", Json::strings(config.additional_image_stores));
  }
  if (!config.mountopt.empty()) options.set("overlay.mountopt", config.mountopt);
  const auto usual_file = core.options().paths.config_home + "/containers/storage.conf";
  const auto images = TRY(store->images().list()).size() + store->images().list_others().size();
  Json json = Json::object();
  json.set("configFile", config.files.empty() ? usual_file : config.files.back())
      .set("containerStore", containers_json(TRY(list_all(core))))
      .set("graphDriverName", "overlay")
      .set("graphMountProgram", storage::driver_name(driver))
      .set("graphOptions", std::move(options))
      .set("graphRoot", store->path())
      .set("graphRootAllocated", static_cast<uint64_t>(space.f_blocks) * space.f_frsize)
      .set("graphRootUsed", static_cast<uint64_t>(space.f_blocks - space.f_bfree) * space.f_frsize)
      .set("graphStatus", std::move(status))
      .set("imageCopyTmpDir", store->path() + "/images/.partial")
      .set("imageStore", Json::object().set("number", static_cast<int64_t>(images)))
      .set("runRoot", core.options().paths.run)
      .set("transientStore", false)
      .set("volumePath", store->path() + "/volumes");
  return json;
}

}  // namespace

Result<Json> info_document(Core& core) {
  const auto* host = TRY(core.host());
  const auto* config = TRY(core.config());
  Json host_document = host_json(core, *host, *config);
  host_document.set("eventLogger", TRY(core.events_backend()));
  const auto ping = check_ping(*host, host_probes(*host, core.options().paths));
  if (ping.state != Check::State::good) host_document.set("warnings", Json::strings({ping.detail}));
  Json plugins = Json::object();
  plugins.set("volume", Json::strings({"local"}))
      .set("network", Json::strings({"bridge", "private", "none", "host"}))
      .set("log", Json::strings({"k8s-file", "none", "passthrough", "journald"}))
      .set("authorization", Json());
  return Json::object()
      .set("host", std::move(host_document))
      .set("store", TRY(store_json(core, *host)))
      .set("registries", Json::object())
      .set("plugins", std::move(plugins))
      .set("version", Json::object()
                          .set("APIVersion", core.options().version)
                          .set("Version", core.options().version)
                          .set("GoVersion", "")
                          .set("GitCommit", "")
                          .set("BuiltTime", "")
                          .set("Built", 0)
                          .set("BuildOrigin", "")
                          .set("OsArch", oci::host_platform().to_string())
                          .set("Os", "linux"));
}

}  // namespace ctr::engine
