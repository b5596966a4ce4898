#include "runtime/host_facts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup_files.h"
#include "runtime/outer_user.h"

namespace ctr::runtime {
namespace {

// What a short file of the kernel says, trimmed; empty when it is not there.
std::string kernel_text(const std::string& path) {
  auto text = read_kernel_file(path);
  return text ? std::string(trim(*text)) : std::string();
}

bool is_cgroup2(const char* path) {
  struct statfs system{};
  return ::statfs(path, &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC;
}

// The lines "number:controllers:path" of /proc/self/cgroup, v2's "0::path" among them (cgroups(7)).
std::vector<CgroupHierarchy> own_cgroups() {
  std::vector<CgroupHierarchy> out;
  auto text = read_kernel_file("/proc/self/cgroup");
  if (!text) return out;
  for (const std::string& line : split(*text, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    out.push_back({.controllers = line.substr(first + 1, second - first - 1), .own_path = line.substr(second + 1)});
  }
  return out;
}

std::string take_unified(std::vector<CgroupHierarchy>* cgroups) {
  const auto unified =
      std::find_if(cgroups->begin(), cgroups->end(), [](const auto& entry) { return entry.controllers.empty(); });
  if (unified == cgroups->end()) return {};
  std::string path = std::move(unified->own_path);
  cgroups->erase(unified);
  return path;
}

bool is_ours(const std::string& directory) {
  return ::access(directory.c_str(), W_OK) == 0 && ::access((directory + "/cgroup.procs").c_str(), W_OK) == 0 &&
         ::access((directory + "/cgroup.subtree_control").c_str(), W_OK) == 0;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// A cgroup holds either processes or controllers of children (no-internal-process rule of cgroup v2), and ours holds
// us: containers go beside it when its parent is ours too, and under it only at the root of the tree.
std::string container_parent(const std::string& mount_point, const std::string& own) {
  if (own.empty()) return {};
  if (own == "/") return is_ours(mount_point) ? "/" : "";
  const std::string parent = parent_of(own);
  return is_ours(mount_point + (parent == "/" ? "" : parent)) ? parent : "";
}

// The directory of the highest cgroup above `path`, or of that, of which all in between are ours: what it has can be
// handed down to us, whether or not anybody has asked for it so far.
std::string highest_ours(const std::string& mount_point, std::string path) {
  const auto directory = [&](const std::string& cgroup) { return mount_point + (cgroup == "/" ? "" : cgroup); };
  while (path != "/" && is_ours(directory(parent_of(path)))) path = parent_of(path);
  return directory(path);
}

std::vector<std::string> controllers_of(const std::string& cgroup_dir) {
  std::vector<std::string> names = split(kernel_text(cgroup_dir + "/cgroup.controllers"), ' ');
  std::erase(names, "");
  return names;
}

// Which systemd may be asked for a scope. A user's has its cgroup at a fixed place (pam_systemd(8)); what is delegated
// there is what its scopes can have. Source: sd_booted(3), user@.service(5), podman's choice of slices.
void probe_systemd(const Environment& environment, uint32_t uid, CgroupFacts& facts) {
  const auto set = [&](std::string bus, const char* slice, const std::string& delegated) {
    facts.systemd_bus = std::move(bus);
    facts.systemd_slice = slice;
    facts.systemd_controllers = controllers_of(facts.mount_point + delegated);
  };
  if (uid == 0) {
    const char* bus = "/run/dbus/system_bus_socket";
    if (!path_exists("/run/systemd/system") || !path_exists(bus)) return;
    return set(fmt::format("unix:path={}", bus), "machine.slice", "");
  }
  const std::string runtime_dir = environment_value(environment, "XDG_RUNTIME_DIR");
  if (runtime_dir.empty() || !path_exists(runtime_dir + "/systemd/private")) return;
  std::string bus = environment_value(environment, "DBUS_SESSION_BUS_ADDRESS");
  if (bus.empty() && path_exists(runtime_dir + "/bus")) bus = fmt::format("unix:path={}/bus", runtime_dir);
  if (bus.empty()) return;
  set(std::move(bus), "user.slice", fmt::format("/user.slice/user-{0}.slice/user@{0}.service", uid));
}

CgroupFacts probe_cgroup(const Environment& environment, uint32_t uid) {
  CgroupFacts facts;
  facts.hierarchies = own_cgroups();
  facts.own_path = take_unified(&facts.hierarchies);
  const std::string hybrid = std::string(k_cgroup_root) + "/unified";
  if (is_cgroup2(k_cgroup_root)) {
    facts.mount_point = k_cgroup_root;
    facts.mode = CgroupMode::v2_not_delegated;
  } else if (is_cgroup2(hybrid.c_str())) {
    facts.mount_point = hybrid;
    facts.mode = CgroupMode::hybrid;
  } else {
    facts.mode = facts.hierarchies.empty() ? CgroupMode::none : CgroupMode::v1;
    return facts;
  }
  if (facts.mode == CgroupMode::hybrid) return facts;
  // Below rootless podman it is the user who answers for us.
  probe_systemd(environment, outer_uid(uid), facts);
  facts.own_writable = !facts.own_path.empty() && is_ours(facts.mount_point + facts.own_path);
  facts.parent_path = container_parent(facts.mount_point, facts.own_path);
  if (facts.parent_path.empty()) return facts;
  facts.mode = CgroupMode::v2_delegated;
  facts.controllers = controllers_of(highest_ours(facts.mount_point, facts.parent_path));
  return facts;
}

// The sysctl that forbids user namespaces to this user, with its value; empty when none does.
std::string user_namespace_obstacle(bool privileged) {
  if (!path_exists("/proc/self/ns/user")) return "the kernel has no user namespaces";
  if (kernel_text("/proc/sys/user/max_user_namespaces") == "0") return "user.max_user_namespaces is 0";
  if (privileged) return {};
  if (kernel_text("/proc/sys/kernel/unprivileged_userns_clone") == "0") return "kernel.unprivileged_userns_clone is 0";
  if (kernel_text("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" &&
      kernel_text("/proc/self/attr/current").starts_with("unconfined")) {
    return "kernel.apparmor_restrict_unprivileged_userns is 1";
  }
  return {};
}

bool opens(const char* device) {
  auto fd = open_path(device, O_RDWR | O_NONBLOCK);
  return static_cast<bool>(fd);
}

Result<std::vector<SubidRange>> read_subids(const std::string& path, const std::string& user, uint32_t uid) {
  const auto text = TRY(read_file_if_exists(path));
  return text ? parse_subids(*text, user, uid) : std::vector<SubidRange>();
}

Json ranges_to_json(const std::vector<SubidRange>& ranges) {
  Json out = Json::array();
  for (const SubidRange& range : ranges) {
    Json entry = Json::array();
    out.push(entry.push(range.first).push(range.count));
  }
  return out;
}

Result<std::vector<SubidRange>> ranges_from_json(const JsonReader& reader, std::string_view key) {
  std::vector<SubidRange> out;
  for (const JsonReader& element : TRY(reader.elements(key))) {
    const Json& pair = element.value();
    if (!pair.is_array() || pair.as_array().size() != 2 || !pair.as_array()[0].is_integer() ||
        !pair.as_array()[1].is_integer()) {
      return element.wrong("", "a pair of numbers");
    }
    out.push_back({.first = static_cast<uint32_t>(pair.as_array()[0].as_int()),
                   .count = static_cast<uint32_t>(pair.as_array()[1].as_int())});
  }
  return out;
}

constexpr std::pair<CgroupMode, std::string_view> k_modes[] = {
    {CgroupMode::none, "none"},       {CgroupMode::v1, "v1"},
    {CgroupMode::hybrid, "hybrid"},   {CgroupMode::v2_not_delegated, "v2, not delegated"},
    {CgroupMode::v2_delegated, "v2"},
};

Json hierarchies_to_json(const std::vector<CgroupHierarchy>& hierarchies) {
  Json out = Json::array();
  for (const CgroupHierarchy& hierarchy : hierarchies) {
    Json entry = Json::array();
    out.push(entry.push(hierarchy.controllers).push(hierarchy.own_path));
  }
  return out;
}

Result<std::vector<CgroupHierarchy>> hierarchies_from_json(const JsonReader& reader) {
  std::vector<CgroupHierarchy> out;
  for (const JsonReader& element : TRY(reader.elements("hierarchies"))) {
    const Json& pair = element.value();
    if (!pair.is_array() || pair.as_array().size() != 2 || !pair.as_array()[0].is_string() ||
        !pair.as_array()[1].is_string()) {
      return element.wrong("", "a pair of texts");
    }
    out.push_back({.controllers = pair.as_array()[0].as_string(), .own_path = pair.as_array()[1].as_string()});
  }
  return out;
}

Json cgroup_to_json(const CgroupFacts& facts) {
  Json out = Json::object();
  out.set("mode", cgroup_mode_name(facts.mode))
      .set("mount_point", facts.mount_point)
      .set("own_path", facts.own_path)
      .set("parent_path", facts.parent_path)
      .set("controllers", Json::strings(facts.controllers))
      .set("own_writable", facts.own_writable)
      .set("systemd_bus", facts.systemd_bus)
      .set("systemd_slice", facts.systemd_slice)
      .set("systemd_controllers", Json::strings(facts.systemd_controllers))
      .set("hierarchies", hierarchies_to_json(facts.hierarchies));
  return out;
}

Result<CgroupFacts> cgroup_from_json(const JsonReader& reader) {
  CgroupFacts facts;
  const std::string mode = TRY(reader.get_string("mode"));
  bool known = false;
  for (const auto& [value, name] : k_modes) {
    if (name != mode) continue;
    facts.mode = value;
    known = true;
  }
  if (!known) return reader.wrong("mode", "a cgroup mode");
  facts.mount_point = TRY(reader.get_string("mount_point"));
  facts.own_path = TRY(reader.get_string("own_path"));
  facts.parent_path = TRY(reader.get_string("parent_path"));
  facts.controllers = TRY(reader.strings("controllers"));
  facts.hierarchies = TRY(hierarchies_from_json(reader));
  facts.own_writable = TRY(reader.get_bool("own_writable"));
  facts.systemd_bus = TRY(reader.get_string("systemd_bus"));
  facts.systemd_slice = TRY(reader.get_string("systemd_slice"));
  facts.systemd_controllers = TRY(reader.strings("systemd_controllers"));
  return facts;
}

}  // namespace

std::string_view cgroup_mode_name(CgroupMode mode) {
  for (const auto& [value, name] : k_modes) {
    if (value == mode) return name;
  }
  return "none";
}

IdMap HostFacts::default_map() const {
  // Root may map what it likes: the first 2^32-1 ids to themselves would hide nothing, so root gets the user's ranges
  // when there are some and the whole host otherwise.
  if (privileged() && (subuids.empty() || subgids.empty())) {
    const IdRange all{.inside = 0, .outside = 0, .size = UINT32_MAX};
    return {.uids = {all}, .gids = {all}};
  }
  if (!privileged() && (newuidmap.empty() || newgidmap.empty())) return single_id_map(uid, gid);
  return rootless_map(uid, gid, subuids, subgids);
}

std::string HostFacts::single_id_notice() const {
  if (privileged()) return {};
  if (subuids.empty() || subgids.empty()) {
    return fmt::format("user '{}' has no ranges in /etc/subuid and /etc/subgid: only one user exists in containers",
                       user.empty() ? std::to_string(uid) : user);
  }
  if (newuidmap.empty() || newgidmap.empty()) {
    return "newuidmap and newgidmap are not installed: only one user exists in containers";
  }
  return {};
}

bool in_user_namespace() {
  // The first user namespace maps every id to itself (user_namespaces(7)).
  const std::vector<std::string> words = split(kernel_text("/proc/self/uid_map"), ' ');
  std::vector<std::string> numbers;
  for (const std::string& word : words) {
    if (!word.empty()) numbers.push_back(word);
  }
  return !numbers.empty() && numbers != std::vector<std::string>{"0", "0", "4294967295"};
}

Result<HostFacts> probe_runtime_facts(const Environment& environment) {
  HostFacts facts;
  facts.uid = ::geteuid();
  facts.gid = ::getegid();
  if (const auto entry = TRY(find_host_user(facts.uid))) facts.user = entry->name;
  facts.subuids = TRY(read_subids("/etc/subuid", facts.user, facts.uid));
  facts.subgids = TRY(read_subids("/etc/subgid", facts.user, facts.uid));
  facts.newuidmap = find_program("newuidmap", environment);
  facts.newgidmap = find_program("newgidmap", environment);
  facts.in_user_namespace = in_user_namespace();
  utsname name{};
  if (::uname(&name) == 0) facts.kernel_release = name.release;
  facts.user_namespaces_reason = user_namespace_obstacle(facts.privileged());
  facts.user_namespaces = facts.user_namespaces_reason.empty();
  facts.seccomp = path_exists("/proc/sys/kernel/seccomp/actions_avail");
  facts.apparmor = kernel_text("/sys/module/apparmor/parameters/enabled") == "Y";
  facts.selinux = path_exists("/sys/fs/selinux/enforce");
  facts.cgroup = probe_cgroup(environment, facts.uid);
  return facts;
}

Result<HostFacts> probe_host_facts(const Environment& environment) {
  HostFacts facts = TRY(probe_runtime_facts(environment));
  facts.fuse_overlayfs = find_program("fuse-overlayfs", environment);
  facts.slirp4netns = find_program("slirp4netns", environment);
  facts.pasta = find_program("pasta", environment);
  facts.fuse_usable = opens("/dev/fuse");
  facts.tun_usable = opens("/dev/net/tun");
  return facts;
}

Json to_json(const HostFacts& facts) {
  Json out = Json::object();
  out.set("uid", facts.uid)
      .set("gid", facts.gid)
      .set("user", facts.user)
      .set("subuids", ranges_to_json(facts.subuids))
      .set("subgids", ranges_to_json(facts.subgids))
      .set("newuidmap", facts.newuidmap)
      .set("newgidmap", facts.newgidmap)
      .set("fuse_overlayfs", facts.fuse_overlayfs)
      .set("slirp4netns", facts.slirp4netns)
      .set("pasta", facts.pasta)
      .set("kernel_release", facts.kernel_release)
      .set("in_user_namespace", facts.in_user_namespace)
      .set("user_namespaces", facts.user_namespaces)
      .set("user_namespaces_reason", facts.user_namespaces_reason)
      .set("fuse_usable", facts.fuse_usable)
      .set("tun_usable", facts.tun_usable)
      .set("seccomp", facts.seccomp)
      .set("apparmor", facts.apparmor)
      .set("selinux", facts.selinux)
      .set("cgroup", cgroup_to_json(facts.cgroup));
  return out;
}

Result<HostFacts> host_facts_from_json(const JsonReader& reader) {
  HostFacts facts;
  facts.uid = static_cast<uint32_t>(TRY(reader.get_uint("uid")));
  facts.gid = static_cast<uint32_t>(TRY(reader.get_uint("gid")));
  facts.user = TRY(reader.get_string("user"));
  facts.subuids = TRY(ranges_from_json(reader, "subuids"));
  facts.subgids = TRY(ranges_from_json(reader, "subgids"));
  facts.newuidmap = TRY(reader.get_string("newuidmap"));
  facts.newgidmap = TRY(reader.get_string("newgidmap"));
  facts.fuse_overlayfs = TRY(reader.get_string("fuse_overlayfs"));
  facts.slirp4netns = TRY(reader.get_string("slirp4netns"));
  facts.pasta = TRY(reader.get_string("pasta"));
  facts.kernel_release = TRY(reader.get_string("kernel_release"));
  facts.in_user_namespace = TRY(reader.get_bool("in_user_namespace"));
  facts.user_namespaces = TRY(reader.get_bool("user_namespaces"));
  facts.user_namespaces_reason = TRY(reader.get_string("user_namespaces_reason"));
  facts.fuse_usable = TRY(reader.get_bool("fuse_usable"));
  facts.tun_usable = TRY(reader.get_bool("tun_usable"));
  facts.seccomp = TRY(reader.get_bool("seccomp"));
  facts.apparmor = TRY(reader.get_bool("apparmor"));
  facts.selinux = TRY(reader.get_bool("selinux"));
  const auto cgroup = TRY(reader.find_object("cgroup"));
  if (!cgroup) return reader.wrong("cgroup", "an object");
  facts.cgroup = TRY(cgroup_from_json(*cgroup));
  return facts;
}

}  // namespace ctr::runtime
