#include "runtime/rootfs_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace ctr::runtime {
namespace {

std::string_view kind_name(RootfsPlan::Kind kind) {
  switch (kind) {
    case RootfsPlan::Kind::overlay:
      return "overlay";
    case RootfsPlan::Kind::fuse:
      return "fuse";
    case RootfsPlan::Kind::directory:
      return "directory";
  }
  return "directory";
}

std::optional<RootfsPlan::Kind> parse_kind(std::string_view name) {
  for (const auto kind : {RootfsPlan::Kind::overlay, RootfsPlan::Kind::fuse, RootfsPlan::Kind::directory}) {
    if (kind_name(kind) == name) return kind;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<RootEdit::Kind, std::string_view>, 3> k_edit_kinds = {
    {{RootEdit::Kind::append, "append"}, {RootEdit::Kind::replace, "replace"}, {RootEdit::Kind::link, "link"}}};

Json edits_json(const std::vector<RootEdit>& edits) {
  Json out = Json::array();
  for (const RootEdit& edit : edits) {
    const auto* const known = std::find_if(k_edit_kinds.begin(), k_edit_kinds.end(),
                                           [&](const auto& kind) { return kind.first == edit.kind; });
    CTR_ASSERT(known != k_edit_kinds.end());
    out.push(Json::object().set("kind", known->second).set("path", edit.path).set("source", edit.source));
  }
  return out;
}

Result<RootEdit> read_edit(const JsonReader& reader) {
  const std::string name = TRY(reader.get_string("kind"));
  const auto* const known =
      std::find_if(k_edit_kinds.begin(), k_edit_kinds.end(), [&](const auto& kind) { return kind.second == name; });
  if (known == k_edit_kinds.end()) return reader.wrong("kind", "append, replace or link");
  return RootEdit{known->first, TRY(reader.get_string("path")), TRY(reader.get_string("source"))};
}

}  // namespace

Result<std::string> fuse_directories(const RootfsPlan& plan) {
  // As libfuse reads options: a backslash takes the meaning from what is behind it.
  const auto escaped = [](const std::string& path) {
    std::string out;
    for (const char c : path) {
      if (c == ',' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  std::string lower;
  for (const std::string& path : plan.lower_dirs) {
    if (path.find(':') != std::string::npos) {
      return Error(Errc::unsupported,
                   fmt::format("fuse-overlayfs cannot use the layer '{}', whose path has a colon", printable(path)))
          .with_hint("use a store in another place, with --root or storage.conf");
    }
    lower += (lower.empty() ? "" : ":") + escaped(path);
  }
  if (plan.upper_dir.empty()) return "lowerdir=" + lower;
  return fmt::format("lowerdir={},upperdir={},workdir={}", lower, escaped(plan.upper_dir), escaped(plan.work_dir));
}

Json to_json(const RootfsPlan& plan) {
  Json out = Json::object();
  out.set("kind", kind_name(plan.kind))
      .set("mount_point", plan.mount_point)
      .set("directory", plan.directory)
      .set("lower_dirs", Json::strings(plan.lower_dirs))
      .set("upper_dir", plan.upper_dir)
      .set("work_dir", plan.work_dir)
      .set("skip_sync", plan.skip_sync)
      .set("shift_ids", plan.shift_ids);
  if (!plan.outer_namespace.empty()) out.set("outer_namespace", plan.outer_namespace);
  if (!plan.mounts_namespace.empty()) out.set("mounts_namespace", plan.mounts_namespace);
  if (!plan.shm_namespace.empty()) out.set("shm_namespace", plan.shm_namespace).set("shm_place", plan.shm_place);
  if (!plan.edits.empty()) out.set("edits", edits_json(plan.edits));
  return out;
}

Result<RootfsPlan> rootfs_plan_from_json(const JsonReader& reader) {
  RootfsPlan plan;
  const auto kind = parse_kind(TRY(reader.get_string("kind")));
  if (!kind) return reader.wrong("kind", "overlay, fuse or directory");
  plan.kind = *kind;
  plan.mount_point = TRY(reader.get_string("mount_point"));
  plan.directory = TRY(reader.get_string("directory"));
  plan.lower_dirs = TRY(reader.strings("lower_dirs"));
  plan.upper_dir = TRY(reader.get_string("upper_dir"));
  plan.work_dir = TRY(reader.get_string("work_dir"));
  plan.skip_sync = TRY(reader.get_bool("skip_sync"));
  plan.shift_ids = TRY(reader.get_bool("shift_ids"));
  plan.outer_namespace = TRY(reader.string_or("outer_namespace", ""));
  plan.mounts_namespace = TRY(reader.string_or("mounts_namespace", ""));
  plan.shm_namespace = TRY(reader.string_or("shm_namespace", ""));
  plan.shm_place = TRY(reader.string_or("shm_place", ""));
  for (const auto& edit : TRY(reader.elements("edits"))) plan.edits.push_back(TRY(read_edit(edit)));
  return plan;
}

}  // namespace ctr::runtime
