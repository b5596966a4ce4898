#include "engine/dependencies.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ctr::engine {

namespace {

constexpr const char* k_dependents_dir = "dependents";

Error missing(const std::string& id) {
  return Error(Errc::not_found, fmt::format("no container with name or ID \"{}\" found: no such container", id))
      .with_hint("`ctr ps --all` lists the containers");
}

}  // namespace

Result<void> resolve_dependencies(Core& core, std::vector<std::string>& names) {
  std::vector<std::string> ids;
  for (const auto& name : names) {
    auto id = TRY(resolve_container(core, name)).id.text();
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
  }
  names = std::move(ids);
  return ok();
}

Result<DependenciesOfNew> DependenciesOfNew::hold(Core& core, const storage::ContainerId& dependent,
                                                  const std::vector<std::string>& ids) {
  DependenciesOfNew held;
  if (ids.empty()) return held;
  const auto containers = TRY(core.store())->containers();
  auto sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& text : sorted) {
    const auto id = TRY(storage::ContainerId::parse(text));
    auto lock = containers.lock(id, LockMode::exclusive, core.cancel());
    if (!lock && lock.error().code() == Errc::not_found) return missing(text);
    held.locks_.push_back(TRY(std::move(lock)));
    const auto dir = TRY(TRY(containers.open(id)).open_or_make_dir(k_dependents_dir, 0700));
    TRY(dir.write_file(dependent.text(), "", Sync::no));
  }
  return held;
}

Result<std::vector<storage::ContainerEntry>> find_dependents(Core& core, const storage::ContainerId& id) {
  std::vector<storage::ContainerEntry> dependents;
  const auto containers = TRY(core.store())->containers();
  const auto dir = containers.open(id);
  if (!dir || !dir->exists(k_dependents_dir)) return dependents;
  auto names = TRY(TRY(dir->open_dir(k_dependents_dir)).list());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const auto dependent = storage::ContainerId::parse(name);
    if (dependent && containers.has(*dependent)) dependents.push_back({*dependent, ""});
  }
  TRY(containers.add_names(dependents));
  return dependents;
}

Result<void> check_no_dependents(Core& core, const storage::ContainerId& id) {
  const auto dependents = TRY(find_dependents(core, id));
  if (dependents.empty()) return ok();
  std::vector<std::string> ids;
  for (const auto& dependent : dependents) ids.push_back(dependent.id.text());
  return Error(Errc::exists, fmt::format("container {} has dependent containers which must be removed before it: {}: "
                                         "container already exists",
                                         id.text(), join(ids, ", ")))
      .with_hint("--depend removes them, too");
}

void release_dependencies(Core& core, const ContainerRecord& record) {
  const auto store = core.store();
  if (!store) return;
  for (const auto& text : record.spec.dependencies) {
    const auto id = storage::ContainerId::parse(text);
    if (!id) continue;
    const auto dir = (*store)->containers().open(*id);
    const auto dependents = dir ? dir->open_dir(k_dependents_dir) : Result<Dir>(missing(text));
    if (dependents) dependents->remove_file(record.id).ignore("what names a container that is gone means nothing");
  }
}

Result<Needs> read_needs(Core& core, const storage::ContainerId& id) {
  const auto dir = TRY(TRY(core.store())->containers().open(id));
  const auto text = TRY(dir.read_file(k_record_file));
  // The record is read as JSON only when it has any.
  if (text.find("\"dependencies\":") == std::string::npos && text.find("\"pod\":") == std::string::npos) {
    return Needs{};
  }
  auto record = TRY(parse_container_record(text, dir.path() + "/" + k_record_file));
  return Needs{std::move(record.spec.dependencies), std::move(record.spec.pod)};
}

}  // namespace ctr::engine
