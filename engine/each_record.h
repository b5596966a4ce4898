// A walk over the records of all containers.
#pragma once

#include <string>

#include "engine/container_info.h"
#include "engine/core.h"

namespace ctr::engine {

// Calls `use` with the record of each container whose text passes `wanted`, as far as it can be read. One that goes
// away meanwhile is left out.
template <typename Wanted, typename Use>
Result<void> for_each_record(Core& core, Wanted wanted, Use use) {
  const auto* store = TRY(core.store());
  const auto containers = store->containers();
  for (const auto& entry : TRY(containers.list())) {
    const auto dir = containers.open(entry.id);
    if (!dir) continue;
    const auto text = dir->read_file(k_record_file);
    if (text && wanted(*text)) TRY(use(entry, parse_container_record(*text, dir->path() + "/" + k_record_file)));
  }
  return ok();
}

}  // namespace ctr::engine
