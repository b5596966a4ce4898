#include "runtime/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/parse.h"
#include "base/text.h"
#include "base/wait.h"
#include "runtime/cgroup_limits.h"

namespace ctr::runtime {
namespace {

// Writes to a file of a cgroup that is there already.
Result<void> write_cgroup_file(const Dir& dir, const std::string& name, const std::string& value) {
  const Fd file = TRY(dir.open_file(name, O_WRONLY));
  if (::write(file.get(), value.data(), value.size()) < 0) {
    return Error::from_errno(fmt::format("write '{}' to '{}/{}'", value, dir.path(), name));
  }
  return ok();
}

std::string read_cgroup_file(const Dir& dir, const std::string& name) {
  const auto file = dir.open_file(name, O_RDONLY);
  if (!file) return {};
  auto text = read_all(file->get(), size_t{1} << 20, name);
  return text ? std::string(trim(*text)) : std::string();
}

// "key value" lines, as cgroup.events and memory.events have them.
uint64_t event_count(const Dir& dir, const std::string& file, std::string_view key) {
  for (const std::string& line : split(read_cgroup_file(dir, file), '\n')) {
    const auto pair = split_once(line, ' ');
    if (!pair || pair->first != key) continue;
    const auto value = parse_unsigned(pair->second, key);
    return value ? *value : 0;
  }
  return 0;
}

// Children get a controller only when their parent's subtree_control names it.
Result<void> enable_controllers(const Dir& parent, const std::vector<std::string>& wanted) {
  const std::vector<std::string> enabled = split(read_cgroup_file(parent, "cgroup.subtree_control"), ' ');
  for (const std::string& name : wanted) {
    if (std::find(enabled.begin(), enabled.end(), name) != enabled.end()) continue;
    TRY(write_cgroup_file(parent, "cgroup.subtree_control", "+" + name));
  }
  return ok();
}

Result<void> write_settings(const Dir& dir, const std::vector<CgroupSetting>& settings) {
  for (const CgroupSetting& setting : settings) TRY(write_cgroup_file(dir, setting.file, setting.value));
  return ok();
}

// Waits until no process is left: the file's change is told by POLLPRI (cgroups(7)).
void wait_empty(const Dir& dir, std::chrono::milliseconds timeout) {
  const auto file = dir.open_file("cgroup.events", O_RDONLY);
  if (!file) return;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  char buffer[256];
  while (::pread(file->get(), buffer, sizeof buffer, 0) > 0 && event_count(dir, "cgroup.events", "populated") != 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    wait_for(file->get(), POLLPRI, {}, left).ignore("the state is read again either way");
  }
}

// Depth first; a cgroup is removed as an empty directory whatever files it shows.
Result<void> remove_below(const Dir& dir) {
  for (const std::string& name : TRY(dir.list())) {
    const auto found = TRY(dir.find(name));
    if (!found || !S_ISDIR(found->st_mode)) continue;
    TRY(remove_below(TRY(dir.open_dir(name))));
    TRY(dir.remove_dir(name));
  }
  return ok();
}

std::string leaf_name(const std::string& container_id) { return "ctr-" + container_id; }

}  // namespace

bool wants_cgroup(const SpecResources& resources) { return !cgroup_settings(resources).empty(); }

Result<void> check_limits(const SpecResources& resources, const HostFacts& host) {
  for (const CgroupSetting& setting : cgroup_settings(resources)) {
    if (host.cgroup.mode != CgroupMode::v2_delegated) {
      return Error(Errc::unsupported,
                   fmt::format("{} cannot be limited: cgroups are not delegated to this user (mode: {})",
                               setting.subject, cgroup_mode_name(host.cgroup.mode)))
          .with_hint("boot with cgroup v2 and let systemd delegate: see `ctr doctor`; or run without the limit");
    }
    const auto& available = host.cgroup.controllers;
    if (setting.controller.empty() ||
        std::find(available.begin(), available.end(), setting.controller) != available.end()) {
      continue;
    }
    return Error(Errc::unsupported,
                 fmt::format("{} cannot be limited: the cgroup controller '{}' is not delegated to this user",
                             setting.subject, setting.controller))
        .with_hint(fmt::format("write '[Service]' and 'Delegate=cpu cpuset io memory pids' to "
                               "/etc/systemd/system/user@.service.d/delegate.conf, then log in again"));
  }
  return ok();
}

Result<std::optional<Cgroup>> Cgroup::create(const std::string& container_id, const SpecResources& resources,
                                             const HostFacts& host) {
  TRY(check_limits(resources, host));
  if (host.cgroup.mode != CgroupMode::v2_delegated) return std::optional<Cgroup>();
  const std::string parent_path = host.cgroup.parent_path == "/" ? "" : host.cgroup.parent_path;
  const Dir parent = TRY(Dir::open(host.cgroup.mount_point + parent_path));
  const std::vector<CgroupSetting> settings = cgroup_settings(resources);
  std::vector<std::string> controllers;
  for (const CgroupSetting& setting : settings) {
    if (!setting.controller.empty()) controllers.push_back(setting.controller);
  }
  TRY(enable_controllers(parent, controllers).context("enable cgroup controllers"));
  const std::string name = leaf_name(container_id);
  if (auto made = parent.make_dir(name, 0755); !made && made.error().sys() != EEXIST) return made.error();
  Cgroup cgroup(TRY(parent.open_dir(name)), parent_path + "/" + name, host.cgroup.mount_point);
  if (event_count(cgroup.dir_, "cgroup.events", "populated") != 0) {
    return Error(Errc::exists, fmt::format("cgroup '{}' has processes in it", cgroup.path_));
  }
  if (auto applied = write_settings(cgroup.dir_, settings); !applied) {
    cgroup.remove().ignore("the limit's error is the one that counts");
    return std::move(applied).error().context("set the limits of the container");
  }
  return std::optional<Cgroup>(std::move(cgroup));
}

Result<Cgroup> Cgroup::open(const std::string& path, const HostFacts& host) {
  const Dir mount = TRY(Dir::open(host.cgroup.mount_point));
  const std::string relative = path.starts_with('/') ? path.substr(1) : path;
  return Cgroup(TRY(mount.open_dir(relative)), "/" + relative, host.cgroup.mount_point);
}

Result<void> Cgroup::update(const SpecResources& resources) const {
  return write_settings(dir_, cgroup_settings(resources));
}

Result<void> Cgroup::kill() const {
  auto killed = write_cgroup_file(dir_, "cgroup.kill", "1");
  if (killed || killed.error().code() != Errc::not_found) return killed;
  // Before Linux 5.14: frozen, nothing can fork away from us.
  TRY(freeze());
  for (const std::string& line : split(read_cgroup_file(dir_, "cgroup.procs"), '\n')) {
    const auto pid = parse_unsigned(line, "pid", INT32_MAX);
    if (pid && *pid > 0) (void)::kill(static_cast<pid_t>(*pid), SIGKILL);
  }
  return thaw();
}

Result<void> Cgroup::freeze() const { return write_cgroup_file(dir_, "cgroup.freeze", "1"); }

Result<void> Cgroup::thaw() const { return write_cgroup_file(dir_, "cgroup.freeze", "0"); }

bool Cgroup::oom_killed() const { return event_count(dir_, "memory.events", "oom_kill") > 0; }

Result<void> Cgroup::remove() {
  if (event_count(dir_, "cgroup.events", "populated") != 0) {
    wait_empty(dir_, std::chrono::seconds(1));
  }
  if (auto removed = remove_below(dir_); !removed && removed.error().code() != Errc::not_found) return removed;
  const size_t slash = path_.rfind('/');
  const Dir parent = TRY(Dir::open(mount_point_ + path_.substr(0, slash)));
  auto removed = parent.remove_dir(path_.substr(slash + 1));
  if (!removed && removed.error().code() == Errc::not_found) return ok();
  return removed;
}

}  // namespace ctr::runtime
