// What a committed or imported image says about itself, and what of a container's files is none of it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/oci/image_config.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/file_verbs.h"
#include "engine/image_verbs.h"
#include "engine/record.h"
#include "runtime/spec.h"

namespace ctr::engine {

// Mistakes that need no look at the container: those of --change, and a message for OCI's format, which has no place
// for it. Errors: invalid, in podman's words.
Result<void> check_commit(const CommitRequest& request);

// The configuration of `base` with what the container was created with (command, entrypoint, environment, labels,
// ports, user and directory), then `given` (--config), then --change, then the layer and its history entry. Of the
// environment come the variables that the image or the user has set; what ctr and the host add, such as proxies, stays
// behind. Of an image whose layers are put together nothing is said about those of the base. Errors: as check_commit().
Result<oci::ImageConfig> commit_config(const oci::ImageConfig& base, const ContainerRecord& record,
                                       const CommitRequest& request, const oci::DiffId& layer, TimePoint created,
                                       std::string_view given = {});

// What a document like the "config" of an image says replaces what is there; of environment, labels, ports and volumes
// it is added. Empty: nothing. Errors: invalid.
Result<void> merge_config(oci::ImageConfig& config, std::string_view document);

// Paths of the container's directory that a start makes for what it mounts and for secrets: relative to the root,
// sorted. Whatever is there is hidden by a mount while the container runs.
std::vector<std::string> mounted_places(const std::vector<runtime::SpecMount>& mounts,
                                        const std::vector<SecretUse>& secrets);

// The configuration of an imported image: --change on an empty one, the layer and its history entry.
// Errors: as apply_changes().
Result<oci::ImageConfig> import_config(const ImportRequest& request, const oci::DiffId& layer, TimePoint created);

}  // namespace ctr::engine
