// Where the output of a container goes.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/core.h"
#include "engine/record.h"
#include "runtime/monitor_plan.h"

namespace ctr::engine {

// The plan for a container with `record`, whose directory is `bundle`. Where the configuration names the journal and
// none runs here, output goes to a file. Errors: unsupported, invalid; not_found when the journal was asked for and
// none runs here.
Result<runtime::LogPlan> choose_log(Core& core, const ContainerRecord& record, const std::string& bundle);

// A tag with the container's values in the place of {{.ID}}, {{.Name}}, {{.ImageID}} and {{.ImageName}}, as podman's
// templates have them. Errors: invalid for another action.
Result<std::string> expand_tag(std::string_view tag, const ContainerRecord& record);

}  // namespace ctr::engine
