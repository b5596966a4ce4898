// podman's descriptors and what they show of a process. Source: podman-top(1).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "engine/top.h"
#include "runtime/capability.h"

namespace ctr::engine {

namespace {

constexpr uint64_t k_milliseconds = 1000;
constexpr uint32_t k_nobody = 65534;  // overflowuid and overflowgid, if nobody has changed them
constexpr std::array<std::string_view, 8> k_default = {"user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"};

// A process among the others of its container.
struct Subject {
  const TopView& view;
  const ShownProcess& process;
  const std::vector<ShownProcess>& all;
  const ProcessFacts& facts() const { return process.facts; }
};

int number_inside(const std::vector<int>& numbers, size_t depth) {
  return depth <= numbers.size() ? numbers[depth - 1] : 0;
}

// As Go prints a duration: "1h2m3.5s", "570ms", "0s".
std::string go_duration(uint64_t ticks, uint64_t per_second) {
  const uint64_t seconds = ticks / per_second;
  const uint64_t thousandths = ticks % per_second * k_milliseconds / per_second;
  if (seconds == 0) return thousandths == 0 ? "0s" : fmt::format("{}ms", thousandths);
  std::string text;
  if (seconds >= 3600) text += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) text += fmt::format("{}m", seconds / 60 % 60);
  std::string fraction = thousandths == 0 ? "" : fmt::format(".{:03}", thousandths);
  while (fraction.ends_with('0')) fraction.pop_back();
  return text + fmt::format("{}{}s", seconds % 60, fraction);
}

uint64_t elapsed_ticks(const Subject& s) {
  return s.view.ticks_since_boot - std::min(s.view.ticks_since_boot, s.facts().start_ticks);
}

std::string user_name(const std::vector<PasswdEntry>& users, uint32_t uid) {
  const auto at = std::find_if(users.begin(), users.end(), [&](const auto& user) { return user.uid == uid; });
  return at == users.end() ? std::to_string(uid) : at->name;
}

std::string group_name(const std::vector<GroupEntry>& groups, uint32_t gid) {
  const auto at = std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.gid == gid; });
  return at == groups.end() ? std::to_string(gid) : at->name;
}

uint32_t uid_inside(const Subject& s, uint32_t uid) {
  return runtime::to_inside(s.view.id_map.uids, uid).value_or(k_nobody);
}
uint32_t gid_inside(const Subject& s, uint32_t gid) {
  return runtime::to_inside(s.view.id_map.gids, gid).value_or(k_nobody);
}
std::string user_inside(const Subject& s, uint32_t uid) { return user_name(s.view.users, uid_inside(s, uid)); }
std::string group_inside(const Subject& s, uint32_t gid) { return group_name(s.view.groups, gid_inside(s, gid)); }

std::string capabilities(const Subject& s, uint64_t mask) {
  if (mask == 0) return "none";
  if (mask == s.view.all_capabilities) return "full";
  constexpr std::string_view k_prefix = "CAP_";
  std::set<std::string> names;
  for (unsigned number = 0; number < 64; ++number) {
    if ((mask >> number & 1) != 0) names.insert(runtime::capability_name(number).substr(k_prefix.size()));
  }
  return join({names.begin(), names.end()}, ",");
}

std::string parent_inside(const Subject& s) {
  for (const auto& other : s.all) {
    if (other.facts.pids.front() == s.facts().parent_pid) {
      return std::to_string(number_inside(other.facts.pids, s.view.depth));
    }
  }
  return "0";
}

std::string cpu_percent(const Subject& s) {
  const auto elapsed = static_cast<double>(std::max<uint64_t>(1, elapsed_ticks(s)));
  return fmt::format("{:.3f}", 100 * static_cast<double>(s.facts().cpu_ticks) / elapsed);
}

std::string start_time(const Subject& s) {
  const auto ago = std::chrono::seconds(elapsed_ticks(s) / s.view.ticks_per_second);
  return format_go_time(std::chrono::floor<std::chrono::seconds>(s.view.at) - ago);
}

std::string seccomp_mode(const Subject& s) {
  constexpr std::array<std::string_view, 3> k_modes = {"disabled", "strict", "filter"};
  const auto mode = static_cast<size_t>(s.facts().seccomp);
  return std::string(mode < k_modes.size() ? k_modes[mode] : "?");
}

std::string supplementary(const Subject& s, std::string (*name)(const Subject&, uint32_t)) {
  std::vector<std::string> names;
  for (const uint32_t gid : s.facts().groups) names.push_back(name(s, gid));
  return join(names, ",");
}

std::string command(const Subject& s) {
  return s.process.command_line.empty() ? "[" + s.facts().name + "]" : s.process.command_line;
}

struct Descriptor {
  std::string_view name;
  std::string_view code;  // as in "%C"; empty for none
  std::string_view heading;
  std::string (*text)(const Subject& s);
};

constexpr std::array k_descriptors = {
    Descriptor{"args", "%a", "COMMAND", command},
    Descriptor{"capamb", "", "AMBIENT CAPS", [](const Subject& s) { return capabilities(s, s.facts().ambient); }},
    Descriptor{"capbnd", "", "BOUNDING CAPS", [](const Subject& s) { return capabilities(s, s.facts().bounding); }},
    Descriptor{"capeff", "", "EFFECTIVE CAPS", [](const Subject& s) { return capabilities(s, s.facts().effective); }},
    Descriptor{"capinh", "", "INHERITED CAPS", [](const Subject& s) { return capabilities(s, s.facts().inheritable); }},
    Descriptor{"capprm", "", "PERMITTED CAPS", [](const Subject& s) { return capabilities(s, s.facts().permitted); }},
    Descriptor{"comm", "%c", "COMMAND", [](const Subject& s) { return s.facts().name; }},
    Descriptor{"etime", "%t", "ELAPSED",
               [](const Subject& s) { return go_duration(elapsed_ticks(s), s.view.ticks_per_second); }},
    Descriptor{"group", "%G", "GROUP", [](const Subject& s) { return group_inside(s, s.facts().effective_gid); }},
    Descriptor{"groups", "", "GROUPS", [](const Subject& s) { return supplementary(s, group_inside); }},
    Descriptor{"hgroup", "", "HGROUP",
               [](const Subject& s) { return group_name(s.view.host_groups, s.facts().effective_gid); }},
    Descriptor{"hgroups", "", "HGROUPS",
               [](const Subject& s) {
                 return supplementary(
                     s, [](const Subject& of, uint32_t gid) { return group_name(of.view.host_groups, gid); });
               }},
    Descriptor{"hpid", "", "HPID", [](const Subject& s) { return std::to_string(s.facts().pids.front()); }},
    Descriptor{"huid", "", "HUID", [](const Subject& s) { return std::to_string(s.facts().effective_uid); }},
    Descriptor{"huser", "", "HUSER",
               [](const Subject& s) { return user_name(s.view.host_users, s.facts().effective_uid); }},
    Descriptor{"label", "", "LABEL", [](const Subject& s) { return s.process.label; }},
    Descriptor{"nice", "%n", "NI", [](const Subject& s) { return std::to_string(s.facts().nice); }},
    Descriptor{"pcpu", "%C", "%CPU", cpu_percent},
    Descriptor{"pgid", "%r", "PGID",
               [](const Subject& s) { return std::to_string(number_inside(s.facts().process_groups, s.view.depth)); }},
    Descriptor{"pid", "%p", "PID",
               [](const Subject& s) { return std::to_string(number_inside(s.facts().pids, s.view.depth)); }},
    Descriptor{"ppid", "%P", "PPID", parent_inside},
    Descriptor{"rgroup", "%g", "RGROUP", [](const Subject& s) { return group_inside(s, s.facts().real_gid); }},
    Descriptor{"rss", "", "RSS", [](const Subject& s) { return std::to_string(s.facts().resident_kib); }},
    Descriptor{"ruser", "%u", "RUSER", [](const Subject& s) { return user_inside(s, s.facts().real_uid); }},
    Descriptor{"seccomp", "", "SECCOMP", seccomp_mode},
    Descriptor{"state", "", "STATE", [](const Subject& s) { return std::string(1, s.facts().state); }},
    Descriptor{"stime", "", "STIME", start_time},
    Descriptor{"time", "%x", "TIME",
               [](const Subject& s) { return go_duration(s.facts().cpu_ticks, s.view.ticks_per_second); }},
    Descriptor{"tty", "%y", "TTY", [](const Subject& s) { return terminal_name(s.facts().terminal); }},
    Descriptor{"uid", "", "UID",
               [](const Subject& s) { return std::to_string(uid_inside(s, s.facts().effective_uid)); }},
    Descriptor{"user", "%U", "USER", [](const Subject& s) { return user_inside(s, s.facts().effective_uid); }},
    Descriptor{"vsz", "%z", "VSZ", [](const Subject& s) { return std::to_string(s.facts().virtual_bytes / 1024); }},
};

const Descriptor* find_descriptor(std::string_view word) {
  const auto at = std::find_if(k_descriptors.begin(), k_descriptors.end(), [&](const auto& descriptor) {
    return !word.empty() && (descriptor.name == word || descriptor.code == word);
  });
  return at == k_descriptors.end() ? nullptr : &*at;
}

}  // namespace

bool is_top_descriptor(std::string_view word) { return find_descriptor(word) != nullptr; }

std::vector<std::string> top_descriptors() {
  std::vector<std::string> names;
  for (const auto& descriptor : k_descriptors) names.emplace_back(descriptor.name);
  return names;
}

std::vector<std::vector<std::string>> top_rows(const TopView& view, std::vector<ShownProcess> processes,
                                               const std::vector<std::string>& descriptors) {
  std::vector<const Descriptor*> columns;
  for (const auto& word : descriptors) {
    if (const auto* found = find_descriptor(word)) columns.push_back(found);
  }
  if (columns.empty()) {
    for (const auto word : k_default) columns.push_back(find_descriptor(word));
  }
  std::sort(processes.begin(), processes.end(), [&](const auto& a, const auto& b) {
    return number_inside(a.facts.pids, view.depth) < number_inside(b.facts.pids, view.depth);
  });
  std::vector<std::vector<std::string>> rows(1);
  for (const auto* column : columns) rows.front().emplace_back(column->heading);
  for (const auto& process : processes) {
    auto& row = rows.emplace_back();
    for (const auto* column : columns) row.push_back(column->text({view, process, processes}));
  }
  return rows;
}

}  // namespace ctr::engine
