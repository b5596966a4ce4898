// Verbs on images of the store.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/image_verbs.h"

namespace ctr::engine {

// Every image with how many containers use it, newest first.
Result<std::vector<ImageInfo>> list_images(Core& core);
// Ids and full names of what `save` is asked for; one image asked for by several names comes once, with all of them.
// Errors: not_found, in podman's words.
Result<std::vector<LoadedImage>> images_to_save(Core& core, const std::vector<SaveItem>& items);
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
