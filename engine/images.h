// Verbs on images of the store.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"

namespace ctr::engine {

// Every image with how many containers use it, newest first.
Result<std::vector<ImageInfo>> list_images(Core& core);
// Fetches what `reference` names now, or takes the image of the store, as options.policy says. Ids, hex; several with
// all_tags. Errors: not_found ("image not known", policy never), and those of the transfer.
Result<std::vector<std::string>> pull_image(Core& core, const std::string& reference, const PullOptions& options);
Result<void> tag_image(Core& core, const std::string& image, const std::string& name);
// Without names: all of the image's.
Result<void> untag_image(Core& core, const std::string& image, const std::vector<std::string>& names);
// Removes a name, or the image when it was the last or an id was given. With `force` its containers go, too.
// Errors: not_found, in_use, in podman's words.
Result<RemoveImageReport> remove_image(Core& core, const std::string& name_or_id, bool force);
// Removes images without a name, or (`all`) all that no container uses. The ids.
Result<std::vector<std::string>> prune_images(Core& core, bool all,
                                              const std::function<Result<bool>(const ImageInfo&)>& matches);

}  // namespace ctr::engine
