#include "runtime/intel_rdt.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/file.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

constexpr const char* k_schemata = "schemata";
constexpr const char* k_tasks = "tasks";
constexpr const char* k_monitoring = "mon_groups";

Error rdt_error(Errc code, const std::string& text) { return Error(code, "linux.intelRdt: " + text); }

// {"L3:0", "f"} and so on.
std::map<std::string, std::string> parse_shares(std::string_view text) {
  std::map<std::string, std::string> out;
  for (const std::string& line : split(text, '\n')) {
    const auto resource = split_once(line, ':');
    if (!resource) continue;
    const std::string name(trim(resource->first));
    for (const std::string& domain : split(resource->second, ';')) {
      const auto share = split_once(domain, '=');
      if (!share) continue;
      std::string value(trim(share->second));
      value.erase(0, std::min(value.find_first_not_of('0'), value.size()));
      out[fmt::format("{}:{}", name, trim(share->first))] = value;
    }
  }
  return out;
}

// What the kernel has to say about the last write, for people; empty where it says nothing.
std::string kernel_words(const std::string& group) {
  for (const std::string& mount : {group + "/..", group}) {
    const auto text = read_kernel_file(mount + "/info/last_cmd_status");
    if (text && trim(*text) != "ok") return fmt::format(" ({})", printable(trim(*text)));
  }
  return {};
}

Result<void> write_group_file(const std::string& group, const char* name, std::string_view content) {
  const Dir dir = TRY(Dir::open(group).context("linux.intelRdt"));
  // Of a resctrl all files are there.
  const Fd file = TRY(dir.open_file(name, O_WRONLY | O_CREAT | O_TRUNC, 0644).context("linux.intelRdt"));
  if (::write(file.get(), content.data(), content.size()) >= 0) return ok();
  const int sys = errno;
  return Error::from_errno(fmt::format("linux.intelRdt: write '{}' to '{}/{}'{}", printable(trim(content)), group, name,
                                       kernel_words(group)),
                           sys);
}

// One directory of a group; true when it was not there.
Result<bool> make_directory(const Dir& parent, const std::string& name) {
  auto made = parent.make_dir(name, 0755);
  if (made) return true;
  if (made.error().sys() == EEXIST) return false;
  return std::move(made).error().context("linux.intelRdt");
}

Result<void> set_up_shares(const RdtGroup& group, const SpecIntelRdt& rdt) {
  const std::string wanted = rdt_shares(rdt);
  if (wanted.empty()) return ok();
  // A group with the container's own name is the container's.
  if (group.made || rdt.clos_id.empty()) return write_group_file(group.path, k_schemata, wanted);
  const std::string present = TRY(read_kernel_file(fmt::format("{}/{}", group.path, k_schemata)));
  if (has_rdt_shares(present, wanted)) return ok();
  return rdt_error(Errc::invalid, fmt::format("group '{}' is there with other shares than '{}'", printable(rdt.clos_id),
                                              printable(trim(wanted))));
}

Result<void> set_up_monitoring(const std::string& container_id, RdtGroup* group) {
  const Dir dir = TRY(Dir::open(group->path));
  const Dir groups = TRY(dir.open_or_make_dir(k_monitoring, 0755).context("linux.intelRdt.enableMonitoring"));
  (void)TRY(make_directory(groups, container_id));
  group->monitoring = fmt::format("{}/{}/{}", group->path, k_monitoring, container_id);
  return ok();
}

Result<void> remove_directory(const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return ok();
  return Error::from_errno(fmt::format("linux.intelRdt: remove '{}'", path));
}

}  // namespace

Json to_json(const RdtGroup& group) {
  Json out = Json::object();
  return out.set("path", group.path).set("made", group.made).set("monitoring", group.monitoring);
}

Result<RdtGroup> rdt_group_from_json(const JsonReader& reader) {
  return RdtGroup{.path = TRY(reader.get_string("path")),
                  .made = TRY(reader.get_bool("made")),
                  .monitoring = TRY(reader.get_string("monitoring"))};
}

std::string rdt_shares(const SpecIntelRdt& rdt) {
  std::string out;
  const auto add = [&](std::string_view line) {
    if (!trim(line).empty()) out += fmt::format("{}\n", trim(line));
  };
  for (const std::string& line : split(rdt.l3_cache_schema, '\n')) {
    // memBwSchema is the only one to speak of bandwidth then.
    if (rdt.mem_bw_schema.empty() || !trim(line).starts_with("MB:")) add(line);
  }
  add(rdt.mem_bw_schema);
  for (const std::string& line : rdt.schemata) add(line);
  return out;
}

bool has_rdt_shares(std::string_view present, std::string_view wanted) {
  const auto have = parse_shares(present);
  const auto want = parse_shares(wanted);
  return std::all_of(want.begin(), want.end(), [&](const auto& share) {
    const auto found = have.find(share.first);
    return found != have.end() && found->second == share.second;
  });
}

std::optional<std::string> find_resctrl(std::string_view mountinfo) {
  for (const std::string& line : split(mountinfo, '\n')) {
    const std::vector<std::string> fields = split(line, ' ');
    const size_t separator = line.find(" - ");
    if (separator == std::string::npos || fields.size() < 5) continue;
    const std::string_view rest = std::string_view(line).substr(separator + 3);
    if (rest.substr(0, rest.find(' ')) == "resctrl") return fields[4];
  }
  return std::nullopt;
}

Result<std::string> host_resctrl() {
  auto mount = find_resctrl(TRY(read_kernel_file("/proc/self/mountinfo")));
  if (mount) return std::move(*mount);
  return rdt_error(Errc::unsupported, "no resctrl file system is mounted")
      .with_hint("mount it, if the processor has it: mount -t resctrl resctrl /sys/fs/resctrl");
}

Result<RdtGroup> make_rdt_group(const std::string& mount, const SpecIntelRdt& rdt, const std::string& container_id) {
  const std::string& name = rdt.clos_id.empty() ? container_id : rdt.clos_id;
  const Dir root = TRY(Dir::open(mount).context("linux.intelRdt"));
  RdtGroup group{.path = fmt::format("{}/{}", mount, name), .made = false, .monitoring = {}};
  if (!rdt.clos_id.empty() && rdt_shares(rdt).empty()) {
    if (!root.exists(name)) {
      return rdt_error(Errc::not_found,
                       fmt::format("closID '{}' names no group, and no shares to make one with", printable(name)));
    }
  } else {
    group.made = TRY(make_directory(root, name));
  }
  auto ready = set_up_shares(group, rdt);
  if (ready && rdt.enable_monitoring) ready = set_up_monitoring(container_id, &group);
  // One that a run that was killed has left behind goes with the container, too.
  group.made = group.made || rdt.clos_id.empty();
  if (ready) return group;
  remove_rdt_group(group).ignore("the first error counts");
  return std::move(ready).error();
}

Result<void> join_rdt_group(const RdtGroup& group, pid_t pid) {
  TRY(write_group_file(group.path, k_tasks, std::to_string(pid)));
  return group.monitoring.empty() ? ok() : write_group_file(group.monitoring, k_tasks, std::to_string(pid));
}

Result<void> remove_rdt_group(const RdtGroup& group) {
  if (!group.monitoring.empty()) TRY(remove_directory(group.monitoring));
  return group.made ? remove_directory(group.path) : ok();
}

Result<void> set_rdt_shares(const RdtGroup& group, const SpecIntelRdt& rdt) {
  return write_group_file(group.path, k_schemata, rdt_shares(rdt));
}

}  // namespace ctr::runtime
