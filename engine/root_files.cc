#include "engine/root_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/timezone.h"

namespace ctr::engine {

namespace {

using runtime::RootEdit;

bool covers(const std::vector<runtime::SpecMount>& mounts, std::string_view destination) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const auto& mount) { return mount.destination == destination; });
}

void add_lines(const RootFilesInput& input, std::string_view name, const std::string& lines, RootFiles& plan) {
  if (lines.empty()) return;
  auto file = fmt::format("{}.lines", name);
  plan.edits.push_back({RootEdit::Kind::append, fmt::format("/etc/{}", name), input.bundle + "/" + file});
  plan.files.emplace_back(std::move(file), lines);
}

}  // namespace

Result<Identity> identify(Core& core, const ContainerRecord& record, const runtime::RootfsPlan& rootfs,
                          const std::vector<runtime::SpecMount>& mounts) {
  const auto& spec = record.spec;
  IdentityInput input = {record.user, spec.groups, record.working_dir, spec.userns, {}, mounts};
  if (spec.userns.mode == UsernsChoice::Mode::keep_id) {
    input.caller = TRY(find_caller(core.options().uid, core.options().gid));
  }
  input.adds_lines = spec.add_accounts;
  input.host_users = TRY(find_host_users(spec.host_users));
  input.passwd_entry = spec.passwd_entry;
  input.group_entry = spec.group_entry;
  return find_identity(input, TRY(read_accounts(rootfs, mounts)));
}

Result<RootFiles> plan_root_files(Core& core, const RootFilesInput& input) {
  RootFiles plan;
  const bool frozen = input.rootfs.kind == runtime::RootfsPlan::Kind::directory && input.record.spec.read_only;
  if (!frozen) {
    add_lines(input, "passwd", input.missing.passwd, plan);
    add_lines(input, "group", input.missing.group, plan);
  }
  const auto& timezone = input.record.spec.timezone;
  if (timezone.empty() || covers(input.mounts, "/etc/localtime") || covers(input.mounts, "/etc")) return plan;
  if (frozen) return Error(Errc::unsupported, "--tz cannot be used with --rootfs and --read-only together");
  const auto zone = TRY(find_zone(timezone, core.options().environment));
  plan.edits.push_back(TRY(zone_edit(zone, TRY(open_root_view(input.rootfs)))));
  return plan;
}

}  // namespace ctr::engine
