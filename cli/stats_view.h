// What containers use, as the rows of `stats`. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/json.h"
#include "cli/report.h"
#include "engine/container_use.h"
#include "engine/engine.h"

namespace ctr::cli {

struct StatsEntry {
  engine::ContainerInfo info;
  engine::ContainerUse use;
  std::optional<engine::ContainerUse> former;  // of the previous round: the processor's share is of the time since then
  bool whole_id = false;
};

// Every field, as templates see it.
Json stats_row(const StatsEntry& entry);
// podman's document.
Json stats_json(const StatsEntry& entry);
Listing stats_listing();

// As Go prints a time.Duration: "1m2.5s", "12.345ms", "0s".
std::string go_duration(std::chrono::nanoseconds duration);

}  // namespace ctr::cli
