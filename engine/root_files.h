// What ctr finds out about a container's root before each start, and what it puts there: accounts and the time zone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/identity.h"
#include "engine/record.h"
#include "runtime/rootfs_plan.h"
#include "runtime/spec.h"

namespace ctr::engine {

// find_identity() for a container with this record, root and mounts.
Result<Identity> identify(Core& core, const ContainerRecord& record, const runtime::RootfsPlan& rootfs,
                          const std::vector<runtime::SpecMount>& mounts);

struct RootFiles {
  std::vector<runtime::RootEdit> edits;
  std::vector<std::pair<std::string, std::string>> files;  // of the container's directory, which the edits read
};
struct RootFilesInput {
  const ContainerRecord& record;
  const runtime::RootfsPlan& rootfs;
  const std::vector<runtime::SpecMount>& mounts;
  const Accounts& missing;
  const std::string& bundle;  // absolute path of the container's directory
};
// Writes nothing. A directory of the user (--rootfs) that is mounted read-only stays as it is.
// Errors: as find_zone(); unsupported for a time zone in such a directory.
Result<RootFiles> plan_root_files(Core& core, const RootFilesInput& input);

// Of a root that fuse-overlayfs serves, while nobody does so yet: the places of mounts, and the edits of `files` that
// append, are put into its upper directory as far as that can be done there; those edits are gone then. What is left is
// done through the mounted root, which costs the server half a dozen answers for each file.
void put_files_ahead(const runtime::RootfsPlan& rootfs, const std::vector<runtime::SpecMount>& mounts,
                     const std::string& bundle, RootFiles& files);

}  // namespace ctr::engine
