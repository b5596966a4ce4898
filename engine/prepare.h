// The first half of `create`: everything a container will be, computed before anything of it exists.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/identity.h"
#include "engine/image_lookup.h"
#include "engine/launch_record.h"
#include "engine/mounts.h"
#include "engine/record.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "storage/containers.h"
#include "storage/merged_view.h"
#include "storage/rootfs.h"

namespace ctr::engine {

// What the container starts from: an image of the store, or a directory.
struct ContainerBase {
  std::optional<FoundImage> image;
  oci::ImageConfig config;  // empty with --rootfs
  runtime::RootfsPlan rootfs;
};

struct PreparedContainer {
  ContainerRecord record;
  runtime::RuntimeSpec spec;
  LaunchRecord launch;
  std::string seccomp_bpf;  // empty: unconfined
  MountPlan mounts;
  Accounts missing_accounts;  // lines that the image's account files lack
  // Small files of the container's directory: name and content.
  std::vector<std::pair<std::string, std::string>> files;
};

struct PrepareInput {
  const ContainerSpec& spec;
  std::string id;  // 64 hex digits
  std::string name;
  std::string bundle;  // absolute path the directory will have
};

// The stack of layers of an image below a container's writable directory, or --rootfs. `image_id` is what
// provide_image has named; empty: the image is looked up by its name alone.
Result<ContainerBase> find_base(Core& core, const ContainerSpec& spec, const storage::ContainerId& id,
                                const std::string& bundle, const std::string& image_id = {});

// Errors: invalid, not_found (user, bind source), unsupported (limits, namespaces, options).
Result<PreparedContainer> prepare_container(Core& core, const PrepareInput& input, const ContainerBase& base);

// What a container's own addresses are called in its /etc/hosts.
std::vector<std::string> own_names(const ContainerRecord& record);

// The files of a container that are written again at every start: /etc/hosts and /etc/resolv.conf from the host's at
// this moment, and /run/.containerenv with the name at this moment.
Result<std::vector<std::pair<std::string, std::string>>> fresh_files(Core& core, const ContainerRecord& record,
                                                                     const runtime::RootfsPlan& rootfs);

}  // namespace ctr::engine
