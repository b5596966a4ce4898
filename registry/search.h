// Searching a registry for images.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/client.h"
#include "registry/session.h"

namespace ctr::registry {

// Asks the search of Docker's first API, which Docker Hub and Quay have; where there is none, looks through the catalog
// of the registry for repositories whose name holds `term` (an empty one: for all), an equal one first.
// Errors: unauthorized, network, corrupt, unsupported when the registry offers neither.
// Source: Docker Registry HTTP API V1 "Search"; Docker Registry HTTP API V2 "Catalog".
Result<std::vector<SearchResult>> search_registry(Session& session, const Endpoint& endpoint, std::string_view term,
                                                  size_t limit);
// Pure: the answer of the first API. Errors: invalid.
Result<std::vector<SearchResult>> parse_search_answer(std::string_view text, std::string_view what);

}  // namespace ctr::registry
