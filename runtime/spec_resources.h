// Codec of linux.resources.
#pragma once

#include "runtime/spec.h"

namespace ctr::runtime {

Json to_json(const SpecResources& resources);
Result<SpecResources> resources_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
