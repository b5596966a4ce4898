// The instructions of --change: what a Dockerfile says about an image's configuration. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/oci/image_config.h"
#include "base/result.h"

namespace ctr::engine {

// Applies one instruction, "KEY VALUE" or "KEY=VALUE": CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER,
// VOLUME or WORKDIR, in any case. CMD and ENTRYPOINT take a JSON array or a line for /bin/sh; WORKDIR is relative to
// the one before; ENV and LABEL take the rest of the line as one value, which may be quoted. Errors: invalid in
// podman's words, naming the instruction. Source: podman-commit(1), podman-import(1).
Result<void> apply_change(oci::ImageConfig& config, std::string_view change);
// All of them in order.
Result<void> apply_changes(oci::ImageConfig& config, const std::vector<std::string>& changes);

}  // namespace ctr::engine
