#include "engine/root_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "engine/timezone.h"
#include "storage/upper_files.h"

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

namespace {

std::optional<storage::UpperFiles::Kind> kind_of_place(const runtime::SpecMount& mount, const std::string& bundle) {
  const auto has = [&](std::string_view word) {
    return std::find(mount.options.begin(), mount.options.end(), word) != mount.options.end();
  };
  if (mount.type != "bind" && !has("bind") && !has("rbind")) return storage::UpperFiles::Kind::directory;
  struct stat status{};
  const auto source = mount.source.starts_with('/') ? mount.source : fmt::format("{}/{}", bundle, mount.source);
  if (::stat(source.c_str(), &status) < 0) return std::nullopt;
  return S_ISDIR(status.st_mode) ? storage::UpperFiles::Kind::directory : storage::UpperFiles::Kind::file;
}

}  // namespace

void put_files_ahead(const runtime::RootfsPlan& rootfs, const std::vector<runtime::SpecMount>& mounts,
                     const std::string& bundle, RootFiles& files) {
  if (rootfs.kind != runtime::RootfsPlan::Kind::fuse || rootfs.upper_dir.empty()) return;
  const auto upper = storage::UpperFiles::open(rootfs.upper_dir, rootfs.lower_dirs);
  if (!upper) return;
  std::vector<std::string> above;
  for (const auto& mount : mounts) {
    const bool hidden = std::any_of(above.begin(), above.end(),
                                    [&](const auto& place) { return mount.destination.starts_with(place + "/"); });
    above.push_back(mount.destination);
    const auto kind = hidden ? std::nullopt : kind_of_place(mount, bundle);
    if (kind) upper->make(mount.destination, *kind).ignore("whoever has the root mounted meets it again");
  }
  std::erase_if(files.edits, [&](const RootEdit& edit) {
    if (edit.kind != RootEdit::Kind::append) return false;
    const auto text = std::find_if(files.files.begin(), files.files.end(),
                                   [&](const auto& file) { return edit.source == bundle + "/" + file.first; });
    return text != files.files.end() && upper->append(edit.path, text->second).value_or(false);
  });
}

}  // namespace ctr::engine
