// Which image of the store a word of the user means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "storage/images.h"

namespace ctr::engine {

struct FoundImage {
  storage::ImageRecord record;
  std::string name;  // the full name that matched; the image's first name, or its id, when it was named by id
};

// Pure: `images` as the store lists them. A name beats an id prefix. A short name is first localhost's, then
// docker.io's, then that of any registry that has a repository of this name.
// Errors: invalid when an id prefix fits several images.
Result<std::optional<FoundImage>> find_among(const std::vector<storage::ImageRecord>& images, std::string_view text);

// The same in the store.
Result<std::optional<FoundImage>> find_image_record(Core& core, std::string_view text);
// Errors: not_found, in podman's words.
Result<FoundImage> get_image_record(Core& core, std::string_view text);
// Everything the verbs show about an image; reads its config and the records of its layers.
Result<ImageInfo> describe_image(Core& core, const storage::ImageRecord& record);

// The full name that `name` means when a new tag is made: a short one is localhost's. Errors: invalid.
Result<std::string> full_tag_name(std::string_view name);

}  // namespace ctr::engine
