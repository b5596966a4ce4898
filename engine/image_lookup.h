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

// Of a list the entry that fits `platform` best. Errors: not_found, saying what it offers.
Result<oci::Descriptor> choose_of_list(Core& core, const storage::ImageRecord& list, const oci::Platform& platform);
// The image with this manifest; nullopt when the store does not have it whole.
Result<std::optional<storage::ImageRecord>> find_by_manifest(Core& core, const oci::Descriptor& manifest);
// get_image_record, and of a list its image for this host, under the name of the list.
Result<FoundImage> get_single_image(Core& core, std::string_view text);

// Everything the verbs show about an image; reads its config and the records of its layers. A list has neither.
Result<ImageInfo> describe_image(Core& core, const storage::ImageRecord& record);

// The full name that `name` means when a new tag is made: a short one is localhost's. Errors: invalid.
Result<std::string> full_tag_name(std::string_view name);

}  // namespace ctr::engine
