// Codecs of what the linux object says about every process of the container: personality and memoryPolicy.
#pragma once

#include "runtime/spec.h"

namespace ctr::runtime {

Json personality_to_json(const std::string& domain);
// Of the linux object; empty when it says nothing. Errors: invalid for unknown domains and for flags, of which the
// specification has none.
Result<std::string> personality_from_json(const JsonReader& config);
Json to_json(const SpecMemoryPolicy& policy);
// Of the linux object; nullopt when it says nothing or an empty object.
Result<std::optional<SpecMemoryPolicy>> memory_policy_from_json(const JsonReader& config);

}  // namespace ctr::runtime
