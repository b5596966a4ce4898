// Codec of the process object of config.json; its scheduling is in spec_scheduling_json.cc.
#include <algorithm>

#include "runtime/kernel_names.h"
#include "runtime/spec_codec.h"
#include "runtime/spec_process.h"
#include "runtime/spec_scheduling.h"

namespace ctr::runtime {
namespace {

Json user_to_json(const SpecUser& user) {
  Json out = Json::object();
  out.set("uid", user.uid).set("gid", user.gid);
  if (user.umask) out.set("umask", *user.umask);
  if (!user.additional_gids.empty()) {
    Json gids = Json::array();
    for (const uint32_t gid : user.additional_gids) gids.push(gid);
    out.set("additionalGids", std::move(gids));
  }
  return out;
}

Result<SpecUser> user_from_json(const JsonReader& reader) {
  SpecUser user;
  user.uid = TRY(narrow<uint32_t>(reader, "uid", TRY(reader.uint_or("uid", 0))));
  user.gid = TRY(narrow<uint32_t>(reader, "gid", TRY(reader.uint_or("gid", 0))));
  user.umask = TRY(find_narrow<uint32_t>(reader, "umask"));
  if (user.umask && *user.umask > 0777) return reader.wrong("umask", "a file mode of at most 0777 (511)");
  const auto gids = TRY(reader.elements("additionalGids"));
  for (const JsonReader& gid : gids) {
    if (!gid.value().is_integer() || gid.value().as_int() < 0 || gid.value().as_int() > UINT32_MAX) {
      return Error(Errc::invalid, gid.path() + " is not a group id");
    }
    user.additional_gids.push_back(static_cast<uint32_t>(gid.value().as_int()));
  }
  return user;
}

Json capabilities_to_json(const SpecCapabilities& sets) {
  Json out = Json::object();
  set_strings(&out, "bounding", sets.bounding);
  set_strings(&out, "effective", sets.effective);
  set_strings(&out, "inheritable", sets.inheritable);
  set_strings(&out, "permitted", sets.permitted);
  set_strings(&out, "ambient", sets.ambient);
  return out;
}

Result<SpecCapabilities> capabilities_from_json(const JsonReader& reader) {
  SpecCapabilities sets;
  sets.bounding = TRY(reader.strings("bounding"));
  sets.effective = TRY(reader.strings("effective"));
  sets.inheritable = TRY(reader.strings("inheritable"));
  sets.permitted = TRY(reader.strings("permitted"));
  sets.ambient = TRY(reader.strings("ambient"));
  return sets;
}

Result<std::vector<SpecRlimit>> rlimits_from_json(const JsonReader& reader) {
  std::vector<SpecRlimit> out;
  const auto elements = TRY(reader.elements("rlimits"));
  for (const JsonReader& element : elements) {
    SpecRlimit limit;
    limit.type = TRY(element.get_string("type"));
    if (!find_value(rlimit_names(), limit.type)) return element.wrong("type", "a resource limit");
    const bool twice = std::any_of(out.begin(), out.end(), [&](const auto& seen) { return seen.type == limit.type; });
    if (twice) {
      return Error(Errc::invalid, fmt::format("{}: resource limit '{}' is given twice", element.path(), limit.type));
    }
    limit.soft = TRY(element.get_uint("soft"));
    limit.hard = TRY(element.get_uint("hard"));
    if (limit.soft > limit.hard) {
      return element.wrong("soft", fmt::format("within the hard limit: {} is above {}", limit.soft, limit.hard));
    }
    out.push_back(std::move(limit));
  }
  return out;
}

Result<std::optional<ConsoleSize>> console_size_from_json(const JsonReader& reader) {
  const auto size = TRY(reader.find_object("consoleSize"));
  if (!size) return std::optional<ConsoleSize>();
  ConsoleSize out;
  out.height = TRY(narrow<uint16_t>(*size, "height", TRY(size->get_uint("height"))));
  out.width = TRY(narrow<uint16_t>(*size, "width", TRY(size->get_uint("width"))));
  return std::optional<ConsoleSize>(out);
}

}  // namespace

Json to_json(const SpecProcess& process) {
  Json out = Json::object();
  out.set("terminal", process.terminal);
  if (process.console_size) {
    Json size = Json::object();
    size.set("height", unsigned{process.console_size->height}).set("width", unsigned{process.console_size->width});
    out.set("consoleSize", std::move(size));
  }
  out.set("user", user_to_json(process.user)).set("args", Json::strings(process.args));
  set_strings(&out, "env", process.env);
  out.set("cwd", process.cwd);
  if (process.capabilities) out.set("capabilities", capabilities_to_json(*process.capabilities));
  if (!process.rlimits.empty()) {
    Json limits = Json::array();
    for (const SpecRlimit& limit : process.rlimits) {
      Json entry = Json::object();
      limits.push(entry.set("type", limit.type).set("hard", limit.hard).set("soft", limit.soft));
    }
    out.set("rlimits", std::move(limits));
  }
  out.set("noNewPrivileges", process.no_new_privileges);
  set_text(&out, "apparmorProfile", process.apparmor_profile);
  if (process.oom_score_adj) out.set("oomScoreAdj", *process.oom_score_adj);
  if (process.scheduler) out.set("scheduler", to_json(*process.scheduler));
  set_text(&out, "selinuxLabel", process.selinux_label);
  if (process.io_priority) out.set("ioPriority", to_json(*process.io_priority));
  if (process.cpu_affinity != SpecCpuAffinity{}) out.set("execCPUAffinity", to_json(process.cpu_affinity));
  return out;
}

Result<SpecProcess> process_from_json(const JsonReader& reader) {
  SpecProcess process;
  process.terminal = TRY(reader.bool_or("terminal", false));
  // Without a terminal it must be ignored, whatever it says.
  if (process.terminal) process.console_size = TRY(console_size_from_json(reader));
  if (const auto user = TRY(reader.find_object("user"))) process.user = TRY(user_from_json(*user));
  process.args = TRY(reader.strings("args"));
  process.env = TRY(reader.strings("env"));
  process.cwd = TRY(reader.get_string("cwd"));
  if (const auto sets = TRY(reader.find_object("capabilities"))) {
    process.capabilities = TRY(capabilities_from_json(*sets));
  }
  process.rlimits = TRY(rlimits_from_json(reader));
  process.no_new_privileges = TRY(reader.bool_or("noNewPrivileges", false));
  process.apparmor_profile = TRY(reader.string_or("apparmorProfile", ""));
  if (const auto score = TRY(reader.find_int("oomScoreAdj"))) {
    // proc(5): the range of oom_score_adj.
    if (*score < -1000 || *score > 1000) return reader.wrong("oomScoreAdj", "between -1000 and 1000");
    process.oom_score_adj = static_cast<int>(*score);
  }
  process.selinux_label = TRY(reader.string_or("selinuxLabel", ""));
  if (const auto scheduler = TRY(reader.find_object("scheduler"))) {
    process.scheduler = TRY(scheduler_from_json(*scheduler));
  }
  if (const auto io = TRY(reader.find_object("ioPriority"))) process.io_priority = TRY(io_priority_from_json(*io));
  if (const auto affinity = TRY(reader.find_object("execCPUAffinity"))) {
    process.cpu_affinity = TRY(cpu_affinity_from_json(*affinity));
  }
  return process;
}

}  // namespace ctr::runtime
