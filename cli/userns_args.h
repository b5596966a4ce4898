// --userns, --uidmap, --gidmap, --subuidname and --subgidname.
#pragma once

#include "base/result.h"
#include "cli/args.h"
#include "engine/config.h"
#include "engine/spec.h"

namespace ctr::cli {

// Which user namespace the options ask for; without any, the configuration. Errors: invalid, unsupported.
Result<engine::UsernsChoice> userns_choice(const Args& args, const engine::Config& config);

}  // namespace ctr::cli
