// Networks as they are printed.
#pragma once

#include "base/json.h"
#include "cli/report.h"
#include "engine/network_verbs.h"

namespace ctr::cli {

// What templates of `network inspect` see: every member podman has.
Json network_document(const engine::NetworkInfo& network);
enum class NetworkIds { shortened, whole };
// The same of `network ls`, where ids are short and labels one text.
Json network_row(const engine::NetworkInfo& network, NetworkIds ids);
Listing network_listing();
Listing network_inspect_listing();

}  // namespace ctr::cli
