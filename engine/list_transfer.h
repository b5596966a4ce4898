// What the verbs on manifest lists do in ctr-transfer.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/list_verbs.h"
#include "engine/transfer_session.h"

namespace ctr::engine {

// Adds images of the store or of registries to the list. Of what is in a registry only the manifest comes into the
// store; where the rest is, is noted. Errors: not_found, network, unauthorized, corrupt.
Result<void> add_to_list(TransferSession& session, const AddRequest& request);
// The manifest or list that a registry has under the name, as text.
Result<std::string> inspect_list(TransferSession& session, const std::string& reference);
// Pushes the list, and with `all` its images first. The digest of what was pushed.
// Errors: unsupported when an image has no form in the format asked for, and those of push_image.
Result<std::string> push_list(TransferSession& session, const std::string& list_id, const std::string& destination,
                              const PushOptions& options, bool all);

}  // namespace ctr::engine
