#include "runtime/cgroup_plan.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"

namespace ctr::runtime {
namespace {

constexpr std::array k_managers = {
    std::pair{CgroupManager::systemd, std::string_view("systemd")},
    std::pair{CgroupManager::cgroupfs, std::string_view("cgroupfs")},
    std::pair{CgroupManager::disabled, std::string_view("disabled")},
};
constexpr std::array k_modes = {
    std::pair{CgroupsMode::enabled, std::string_view("enabled")},
    std::pair{CgroupsMode::no_monitor, std::string_view("no-conmon")},
    std::pair{CgroupsMode::split, std::string_view("split")},
    std::pair{CgroupsMode::disabled, std::string_view("disabled")},
};
constexpr std::array k_kinds = {
    std::pair{CgroupPlan::Kind::none, std::string_view("none")},
    std::pair{CgroupPlan::Kind::directory, std::string_view("directory")},
    std::pair{CgroupPlan::Kind::split, std::string_view("split")},
    std::pair{CgroupPlan::Kind::scope, std::string_view("scope")},
    std::pair{CgroupPlan::Kind::process_scope, std::string_view("process_scope")},
};

template <typename Table, typename Value>
std::string_view name_of(const Table& table, Value value) {
  for (const auto& [known, name] : table) {
    if (known == value) return name;
  }
  return {};
}

template <typename Table>
auto value_of(const Table& table, std::string_view name) -> std::optional<typename Table::value_type::first_type> {
  for (const auto& [value, known] : table) {
    if (known == name) return value;
  }
  return std::nullopt;
}

bool is_v2(const CgroupFacts& facts) {
  return facts.mode == CgroupMode::v2_delegated || facts.mode == CgroupMode::v2_not_delegated;
}

// Below the mount point, without ".." and without slashes at the end: it is opened with openat2(2) beneath the mount.
Result<std::string> clean_path(std::string_view text) {
  std::string out;
  for (const std::string& part : split(text, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return Error(Errc::invalid, fmt::format("cgroup path '{}' has '..' in it", printable(text)));
    out += "/" + part;
  }
  if (out.empty()) return Error(Errc::invalid, fmt::format("cgroup path '{}' names no cgroup", printable(text)));
  return out;
}

std::string below(const std::string& parent, const std::string& name) {
  return (parent == "/" ? "" : parent) + "/" + name;
}

// Unit names: systemd.unit(5).
bool is_unit_name(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix) || name.size() == suffix.size() || name.size() > 255) return false;
  constexpr std::string_view k_allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
  return name.find_first_not_of(k_allowed) == std::string_view::npos;
}

Error not_v2(std::string_view what, const CgroupFacts& facts) {
  return Error(Errc::unsupported, fmt::format("{} needs cgroup v2 (mode: {})", what, cgroup_mode_name(facts.mode)))
      .with_hint("see `ctr doctor`");
}

Result<CgroupPlan> plan_scope(const CgroupRequest& request, const CgroupFacts& facts) {
  if (!is_v2(facts)) return not_v2("the cgroup manager systemd", facts);
  if (facts.systemd_bus.empty()) {
    return Error(Errc::unsupported, "the cgroup manager systemd needs a systemd that manages this user's session")
        .with_hint("log in through a session of systemd (loginctl enable-linger), or use --cgroup-manager cgroupfs");
  }
  CgroupPlan plan{.kind = CgroupPlan::Kind::scope, .manager = CgroupManager::systemd};
  if (request.mode == CgroupsMode::no_monitor) plan.kind = CgroupPlan::Kind::process_scope;
  plan.unit = fmt::format("ctr-{}.scope", request.container_id);
  plan.slice = request.parent.empty() ? facts.systemd_slice : request.parent;
  if (!is_unit_name(plan.slice, ".slice")) {
    return Error(Errc::invalid, fmt::format("'{}' is not the name of a slice, which systemd as cgroup manager wants: "
                                            "did you mean --cgroup-manager cgroupfs?",
                                            printable(plan.slice)));
  }
  return plan;
}

Result<CgroupPlan> plan_directory(const CgroupRequest& request, const CgroupFacts& facts) {
  CgroupPlan plan{.kind = CgroupPlan::Kind::directory, .manager = CgroupManager::cgroupfs};
  const std::string name = "ctr-" + request.container_id;
  if (!request.parent.empty()) {
    if (!is_v2(facts)) return not_v2("--cgroup-parent", facts);
    if (request.parent.ends_with(".slice")) {
      return Error(Errc::invalid,
                   fmt::format("'{}' is a slice, which cgroupfs as cgroup manager cannot use: did you mean "
                               "--cgroup-manager systemd?",
                               printable(request.parent)));
    }
    const std::string parent =
        request.parent.starts_with('/') ? request.parent : below(facts.parent_path, request.parent);
    plan.path = below(TRY(clean_path(parent)), name);
    return plan;
  }
  // Without a part of the tree that is ours everything works but limits, which check_limits() refuses.
  if (facts.mode != CgroupMode::v2_delegated) return CgroupPlan{};
  plan.path = below(facts.parent_path, name);
  return plan;
}

Result<CgroupPlan> plan_split(const CgroupRequest& request, const CgroupFacts& facts) {
  if (!is_v2(facts)) return not_v2("--cgroups split", facts);
  if (!request.parent.empty()) {
    return Error(Errc::invalid, "cannot specify --cgroup-mode as split with --cgroup-parent");
  }
  if (facts.own_path.empty() || !facts.own_writable) {
    return Error(Errc::unsupported,
                 fmt::format("--cgroups split: the cgroup '{}' is not ours to split", printable(facts.own_path)))
        .with_hint("run it in a unit with Delegate=yes");
  }
  return CgroupPlan{.kind = CgroupPlan::Kind::split,
                    .manager = CgroupManager::cgroupfs,
                    .path = below(facts.own_path, "ctr-payload-" + request.container_id),
                    .unit = {},
                    .slice = {}};
}

}  // namespace

std::string_view cgroup_manager_name(CgroupManager manager) { return name_of(k_managers, manager); }
std::optional<CgroupManager> parse_cgroup_manager(std::string_view name) { return value_of(k_managers, name); }
std::string_view cgroups_mode_name(CgroupsMode mode) { return name_of(k_modes, mode); }
std::optional<CgroupsMode> parse_cgroups_mode(std::string_view name) { return value_of(k_modes, name); }

CgroupManager default_cgroup_manager(const CgroupFacts& facts) {
  if (is_v2(facts) && !facts.systemd_bus.empty()) return CgroupManager::systemd;
  return facts.mode == CgroupMode::v2_delegated ? CgroupManager::cgroupfs : CgroupManager::disabled;
}

std::vector<std::string> cgroup_controllers(CgroupManager manager, const CgroupFacts& facts) {
  if (manager == CgroupManager::systemd) return facts.systemd_controllers;
  if (manager == CgroupManager::cgroupfs) return facts.controllers;
  return {};
}

Result<CgroupPlan> plan_cgroup(const CgroupRequest& request, const CgroupFacts& facts) {
  // It is asked for by name, so that a host that cannot do it is an error, whoever manages other cgroups.
  if (request.mode == CgroupsMode::split) return plan_split(request, facts);
  if (request.mode == CgroupsMode::disabled || request.manager == CgroupManager::disabled) {
    if (request.parent.empty()) return CgroupPlan{};
    return Error(Errc::invalid, "--cgroup-parent says where a cgroup is made, and cgroups are disabled");
  }
  if (request.manager == CgroupManager::systemd) return plan_scope(request, facts);
  return plan_directory(request, facts);
}

Result<CgroupPlan> plan_bundle_cgroup(const std::string& cgroups_path, const std::string& container_id,
                                      CgroupManager manager, const HostFacts& host) {
  const CgroupFacts& facts = host.cgroup;
  if (manager == CgroupManager::disabled) return CgroupPlan{};
  if (manager == CgroupManager::systemd) {
    CgroupRequest request{
        .container_id = container_id, .manager = manager, .mode = CgroupsMode::no_monitor, .parent = {}};
    if (cgroups_path.empty()) return plan_scope(request, facts);
    const std::vector<std::string> parts = split(cgroups_path, ':');
    if (parts.size() != 3 || parts[2].empty()) {
      return Error(Errc::invalid, fmt::format("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd "
                                              "cgroups, got \"{}\" instead",
                                              printable(cgroups_path)));
    }
    request.parent = parts[0];
    CgroupPlan plan = TRY(plan_scope(request, facts));
    const std::string name = parts[1].empty() ? parts[2] : parts[1] + "-" + parts[2];
    // A slice as the name is the cgroup itself in runc; only scopes hold processes of others.
    plan.unit = name + ".scope";
    if (is_unit_name(plan.unit, ".scope")) return plan;
    return Error(Errc::invalid,
                 fmt::format("cgroupsPath \"{}\" does not make the name of a unit", printable(cgroups_path)));
  }
  CgroupPlan plan{.kind = CgroupPlan::Kind::directory, .manager = CgroupManager::cgroupfs};
  if (cgroups_path.empty()) {
    if (facts.mode != CgroupMode::v2_delegated) return CgroupPlan{};
    plan.path = below(facts.parent_path, container_id);
    return plan;
  }
  // As everywhere else: what cannot be had is refused when a limit asks for it.
  const bool ours = facts.mode == CgroupMode::v2_delegated || cgroups_path.starts_with('/');
  if (!is_v2(facts) || !ours) return CgroupPlan{};
  plan.path = TRY(clean_path(cgroups_path.starts_with('/') ? cgroups_path : below(facts.parent_path, cgroups_path)));
  return plan;
}

Json to_json(const CgroupPlan& plan) {
  Json out = Json::object();
  return out.set("kind", name_of(k_kinds, plan.kind))
      .set("manager", cgroup_manager_name(plan.manager))
      .set("path", plan.path)
      .set("unit", plan.unit)
      .set("slice", plan.slice);
}

Result<CgroupPlan> cgroup_plan_from_json(const JsonReader& reader) {
  CgroupPlan plan;
  const auto kind = value_of(k_kinds, TRY(reader.get_string("kind")));
  if (!kind) return reader.wrong("kind", "a kind of cgroup");
  const auto manager = parse_cgroup_manager(TRY(reader.get_string("manager")));
  if (!manager) return reader.wrong("manager", "a cgroup manager");
  plan.kind = *kind;
  plan.manager = *manager;
  plan.path = TRY(reader.get_string("path"));
  plan.unit = TRY(reader.get_string("unit"));
  plan.slice = TRY(reader.get_string("slice"));
  return plan;
}

}  // namespace ctr::runtime
