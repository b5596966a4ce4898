// Instructions of a Containerfile that change an image's configuration: what --change takes.
#pragma once

#include <string_view>

#include "base/oci/image_config.h"
#include "base/result.h"

namespace ctr::engine {

// CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR, as "KEY VALUE" or "KEY=VALUE".
// Errors: invalid, in podman's words.
// Source: Dockerfile reference; podman-import(1).
Result<void> apply_change(oci::ImageConfig& config, std::string_view change);

}  // namespace ctr::engine
