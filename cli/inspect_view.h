// The documents of `inspect` as templates see them.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "cli/report.h"

namespace ctr::cli {

Listing container_inspect_listing();
Listing image_inspect_listing();
Listing info_listing();
Listing version_listing();

// What `--format` says over a list of inspected documents, or the JSON array.
Result<std::string> print_documents(const Listing& listing, const Json& documents, std::string_view format);

}  // namespace ctr::cli
