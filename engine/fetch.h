// Brings one resolved image into the store: missing blobs are downloaded side by side and unpacked while they arrive.
#pragma once

#include <string>

#include "base/oci/reference.h"
#include "base/result.h"
#include "engine/transfer_session.h"
#include "registry/client.h"
#include "runtime/host_facts.h"
#include "storage/store.h"

namespace ctr::engine {

// The id of the image, hex. Nothing is visible before all of it is verified and synced; what was downloaded when it
// fails stays as partial blobs for the next try. Errors: corrupt, unsupported, network, no_space, interrupted.
Result<std::string> fetch_image(TransferSession& session, const storage::Store& store, const runtime::HostFacts& host,
                                const registry::ResolvedImage& image, const oci::ImageReference& reference,
                                const PullOptions& options);

}  // namespace ctr::engine
