// The documents of `inspect` and `info`, with podman's member names.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "engine/container_info.h"
#include "engine/core.h"

namespace ctr::engine {

Json inspect_document(const ContainerView& view);
Json inspect_document(const ImageInfo& info, const storage::Store& store, std::string_view driver);
Result<Json> info_document(Core& core);
// The member Healthcheck.
Json health_json(const oci::HealthConfig& health);

}  // namespace ctr::engine
