#include "runtime/rootfs_plan.h"

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

}  // namespace

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
  return plan;
}

}  // namespace ctr::runtime
