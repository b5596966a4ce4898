// Codec of hooks.
#pragma once

#include "runtime/spec.h"

namespace ctr::runtime {

Json to_json(const SpecHooks& hooks);
Result<SpecHooks> hooks_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
