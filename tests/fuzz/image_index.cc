// index.json, which other programs may have written.
#include "storage/image_index.h"

#include "tests/fuzz/fuzz.h"

void fuzz(std::string_view text) {
  using namespace ctr::storage;
  auto index = parse_index(text, "index");
  if (!index) return;
  auto again = parse_index(print_index(*index), "index");
  CTR_ASSERT(again);
  CTR_ASSERT(again->entries.size() == index->entries.size() && again->foreign.size() == index->foreign.size());
  auto images = group_images(index->entries);
  for (const auto& image : images) {
    auto found = match_image(images, {.names = image.names, .id_prefix = image.id.hex()});
    CTR_ASSERT(found && *found);
    for (const auto& name : image.names) CTR_ASSERT(name.empty() || take_name(index->entries, name));
  }
  CTR_ASSERT(group_images(index->entries).size() == images.size());
  for (const auto& image : images) CTR_ASSERT(!remove_image(index->entries, image.id).empty());
  CTR_ASSERT(group_images(index->entries).empty());
}
