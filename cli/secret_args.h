// --secret of run and create as a value.
#pragma once

#include <string_view>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::cli {

// "NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]", or source=NAME instead of NAME.
// Errors: invalid, in podman's words.
Result<engine::SecretUse> parse_secret(std::string_view text);

}  // namespace ctr::cli
