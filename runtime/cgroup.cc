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

#include "base/text.h"
#include "base/wait.h"
#include "runtime/cgroup_files.h"

namespace ctr::runtime {
namespace {

using std::chrono::steady_clock;

// How long processes that were killed may take to end, and running ones to stop: a page that has to be read from a slow
// disk first is the usual reason.
constexpr std::chrono::seconds k_patience{10};

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Children get a controller only when their parent's subtree_control names it. What cannot be had is not an error here:
// whoever needs the controller misses its files.
void enable_controllers(const Dir& parent, const std::vector<std::string>& wanted) {
  const std::vector<std::string> available = cgroup_words(parent, "cgroup.controllers");
  const std::vector<std::string> enabled = cgroup_words(parent, "cgroup.subtree_control");
  for (const std::string& name : wanted) {
    if (!has(available, name) || has(enabled, name)) continue;
    // One by one: a single refused controller would take the others along.
    write_cgroup_file(parent, "cgroup.subtree_control", "+" + name).ignore("as the comment above says");
  }
}

// Waits until `key` of cgroup.events is `wanted`: the file's change is told by POLLPRI (cgroups(7)). False: not in
// time, or the cgroup is gone.
bool wait_event(const Dir& dir, const std::string& key, uint64_t wanted) {
  const auto file = dir.open_file("cgroup.events", O_RDONLY);
  if (!file) return false;
  const auto deadline = steady_clock::now() + k_patience;
  char buffer[256];
  // Reading arms the poll.
  while (::pread(file->get(), buffer, sizeof buffer, 0) > 0) {
    if (cgroup_count(dir, "cgroup.events", key) == wanted) return true;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    wait_for(file->get(), POLLPRI, {}, left).ignore("the state is read again either way");
  }
  return false;
}

// Calls `visit` for each cgroup below `dir`, the deepest first. A cgroup that goes away meanwhile is passed over.
template <typename Visit>
Result<void> walk_below(const Dir& dir, const Visit& visit) {
  // Two links and one for each cgroup below: most have none, and some sixty files.
  struct stat facts{};
  if (::fstat(dir.fd(), &facts) == 0 && facts.st_nlink <= 2) return ok();
  const auto names = dir.list();
  if (!names) return names.error().code() == Errc::not_found ? ok() : Result<void>(names.error());
  for (const std::string& name : *names) {
    const auto found = TRY(dir.find(name));
    if (!found || !S_ISDIR(found->st_mode)) continue;
    const auto child = dir.open_dir(name);
    if (!child) continue;
    TRY(walk_below(*child, visit));
    TRY(visit(dir, name, *child));
  }
  return ok();
}

Result<void> remove_below(const Dir& dir) {
  return walk_below(dir, [](const Dir& parent, const std::string& name, const Dir&) -> Result<void> {
    // A cgroup is removed as an empty directory whatever files it shows.
    auto removed = parent.remove_dir(name);
    return removed || removed.error().code() == Errc::not_found ? ok() : removed;
  });
}

Result<void> refuse_use(const Cgroup& cgroup) {
  if (cgroup.has_processes()) {
    return Error(Errc::in_use, fmt::format("cgroup '{}' is not empty: other processes are in it", cgroup.path()));
  }
  if (cgroup.is_frozen()) return Error(Errc::bad_state, fmt::format("cgroup '{}' is frozen", cgroup.path()));
  return ok();
}

}  // namespace

Result<Cgroup> Cgroup::make(const std::string& mount_point, const std::string& path, Existing existing,
                            const std::vector<std::string>& controllers) {
  const size_t slash = path.rfind('/');
  CTR_ASSERT(slash != std::string::npos && slash + 1 < path.size());
  Dir parent = TRY(Dir::open(mount_point));
  for (const std::string& name : split(path.substr(0, slash), '/')) {
    if (name.empty()) continue;
    enable_controllers(parent, controllers);
    parent = TRY(parent.open_or_make_dir(name, 0755).context(fmt::format("make the cgroup '{}'", path)));
  }
  enable_controllers(parent, controllers);
  const std::string name = path.substr(slash + 1);
  auto made = parent.make_dir(name, 0755);
  if (!made && made.error().code() == Errc::exists) {
    Cgroup former(TRY(parent.open_dir(name)), mount_point, path, false);
    TRY(refuse_use(former));
    if (existing == Existing::keep) return former;
    TRY(former.remove());
    made = parent.make_dir(name, 0755);
  }
  if (!made) return std::move(made).error().context(fmt::format("make the cgroup '{}'", path));
  Cgroup cgroup(TRY(parent.open_dir(name)), mount_point, path, true);
  // A parent that is frozen stops what starts in here.
  if (cgroup.is_frozen()) {
    Error frozen(Errc::bad_state, fmt::format("cgroup '{}' is frozen", path));
    cgroup.remove().ignore("the frozen one is what counts");
    return frozen;
  }
  return cgroup;
}

Result<Cgroup> Cgroup::open(const std::string& mount_point, const std::string& path) {
  const Dir mount = TRY(Dir::open(mount_point));
  return Cgroup(TRY(mount.open_dir(path.starts_with('/') ? path.substr(1) : path)), mount_point, path, false);
}

Result<Cgroup> Cgroup::make_child(const std::string& name, const std::vector<std::string>& controllers) const {
  enable_controllers(dir_, controllers);
  TRY(dir_.make_dir(name, 0755));
  return Cgroup(TRY(dir_.open_dir(name)), mount_point_, path_ + "/" + name, true);
}

Result<void> Cgroup::add(pid_t pid) const { return write_cgroup_file(dir_, "cgroup.procs", std::to_string(pid)); }

Result<void> Cgroup::give_to(uid_t uid, gid_t gid) const {
  std::vector<std::string> names = {"."};
  // Source: Documentation/ABI/stable/sysfs-kernel-cgroup.
  const auto list = read_kernel_file("/sys/kernel/cgroup/delegate");
  for (const std::string& name : split(list ? *list : "cgroup.procs\ncgroup.threads\ncgroup.subtree_control", '\n')) {
    if (!trim(name).empty()) names.emplace_back(trim(name));
  }
  for (const std::string& name : names) {
    if (::fchownat(dir_.fd(), name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) == 0) continue;
    // The list has files of controllers that are not enabled here.
    if (errno == ENOENT || errno == EPERM) continue;
    return Error::from_errno(fmt::format("give '{}/{}' to user {}", dir_.path(), name, uid));
  }
  return ok();
}

Result<void> Cgroup::kill() const {
  auto killed = write_cgroup_file(dir_, "cgroup.kill", "1");
  if (killed || killed.error().code() != Errc::not_found) return killed;
  if (!find_cgroup_text(dir_, "cgroup.events")) return ok();
  // Before Linux 5.14: frozen, nothing can fork away from us.
  TRY(write_cgroup_file(dir_, "cgroup.freeze", "1"));
  const auto all = processes();
  if (all) {
    for (const pid_t pid : *all) (void)::kill(pid, SIGKILL);
  }
  TRY(write_cgroup_file(dir_, "cgroup.freeze", "0"));
  return all ? ok() : Result<void>(all.error());
}

Result<void> Cgroup::set_frozen(bool frozen) const {
  TRY(write_cgroup_file(dir_, "cgroup.freeze", frozen ? "1" : "0"));
  if (wait_event(dir_, "frozen", frozen ? 1 : 0)) return ok();
  return Error(Errc::timed_out, fmt::format("the processes of cgroup '{}' did not {} within {} s", path_,
                                            frozen ? "stop" : "go on", k_patience.count()));
}

Result<void> Cgroup::freeze() const {
  auto frozen = set_frozen(true);
  // Half of it stopped is what nobody asked for.
  if (!frozen) write_cgroup_file(dir_, "cgroup.freeze", "0").ignore("the first error counts");
  return frozen;
}

Result<void> Cgroup::thaw() const { return set_frozen(false); }

bool Cgroup::is_frozen() const {
  // cgroup.freeze is what was asked of this one; an ancestor's freezing shows in the events of a populated one alone.
  if (cgroup_text(dir_, "cgroup.freeze") == "1" || cgroup_count(dir_, "cgroup.events", "frozen") != 0) return true;
  for (std::string path = path_; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    const auto ancestor = open(mount_point_, path);
    if (ancestor && cgroup_text(ancestor->dir_, "cgroup.freeze") == "1") return true;
  }
  return false;
}

bool Cgroup::has_processes() const { return cgroup_count(dir_, "cgroup.events", "populated") != 0; }

Result<std::vector<pid_t>> Cgroup::processes() const {
  std::vector<pid_t> out = TRY(cgroup_processes(dir_));
  TRY(walk_below(dir_, [&](const Dir&, const std::string&, const Dir& child) -> Result<void> {
    const auto more = cgroup_processes(child);
    if (more) out.insert(out.end(), more->begin(), more->end());
    return ok();
  }));
  return out;
}

bool Cgroup::oom_killed() const { return cgroup_count(dir_, "memory.events", "oom_kill") > 0; }

Result<void> Cgroup::remove_children() const {
  if (has_processes()) (void)wait_event(dir_, "populated", 0);
  return remove_below(dir_);
}

Result<void> Cgroup::remove() {
  TRY(remove_children());
  const size_t slash = path_.rfind('/');
  const auto parent = Dir::open(mount_point_ + path_.substr(0, slash));
  if (!parent) return parent.error().code() == Errc::not_found ? ok() : Result<void>(parent.error());
  auto removed = parent->remove_dir(path_.substr(slash + 1));
  if (!removed && removed.error().code() == Errc::not_found) return ok();
  return removed;
}

}  // namespace ctr::runtime
