// How containers look in listings.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "cli/report.h"
#include "engine/engine.h"

namespace ctr::cli {

struct PsOptions {
  enum class Ids { shortened, whole } ids = Ids::shortened;
  bool namespaces = false;
  bool size = false;
  bool pod = false;
  std::map<std::string, std::string> pod_names = {};  // of their ids, where names are shown
};

// A container with what `ps -s` adds.
struct PsEntry {
  const engine::ContainerInfo* info;  // not owned
  std::optional<engine::Engine::ContainerSize> size;
};

// "Up 3 seconds", "Exited (137) 2 hours ago", "Created".
std::string container_status(const engine::ContainerInfo& info, TimePoint at);
// The words of `ps`: of each container strings and numbers, as podman's templates see them. With `columns` only these
// fields in this order, since most listings show few of them; an empty list means all.
class PsRows {
 public:
  PsRows(const PsOptions& options, TimePoint at, std::span<const std::string> columns = {});
  // An object of all fields.
  Json row(const PsEntry& entry) const;
  // That of one column.
  Json value(const PsEntry& entry, size_t column) const;

 private:
  PsOptions options_;
  TimePoint at_;
  std::vector<size_t> fields_;  // of the table of all
};
// One element of `ps --format json`.
Json ps_json(const PsEntry& entry, const PsOptions& options, TimePoint at);
// Columns, headings and types of `ps`.
Listing ps_listing(const PsOptions& options);

}  // namespace ctr::cli
