// --network, and the options about addresses and names that go with it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/args.h"
#include "engine/config.h"
#include "engine/spec.h"

namespace ctr::cli {

// The values of --network, one after the other: a mode, or networks ("NAME[:ip=…,mac=…,alias=…,interface_name=…]",
// "NAME,NAME"). Errors: invalid, in podman's words.
Result<engine::NetworkChoice> parse_networks(const std::vector<std::string>& values);
// --network, --ip, --ip6, --mac-address and --network-alias.
Result<void> add_networks(const Args& args, const engine::Config& config, engine::ContainerSpec& spec);

}  // namespace ctr::cli
