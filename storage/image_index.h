// index.json as a value. Private to storage/; everything that changes it is a pure function here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/oci/descriptor.h"
#include "base/result.h"
#include "storage/images.h"

namespace ctr::storage {

// One manifest of the index under at most one name.
struct IndexEntry {
  oci::Descriptor manifest;       // without our annotations
  std::string name;               // empty: no name
  std::string written_name = {};  // what another program has written for it, and looks for; empty: the name
  // Facts about the image; entries by other programs lack them until they are read from the manifest.
  std::optional<Digest> id;
  std::vector<std::string> repo_digests;
  uint64_t size_bytes = 0;
  std::optional<TimePoint> created;
  TimePoint stored_at{};
  std::vector<std::string> list_sources;  // see ListContent
  bool operator==(const IndexEntry&) const = default;
};

struct IndexFile {
  std::vector<IndexEntry> entries;
  std::vector<Json> foreign;  // entries that this program cannot read, kept as they are
};

// Errors: corrupt.
Result<IndexFile> parse_index(std::string_view text, std::string_view what);
std::string print_index(const IndexFile& index);

// The full name that another program means by what it has written: a short one is localhost's. Empty: it can be none.
std::string full_name_of(const std::string& written);

// Entries with one id, put together; in the order in which the ids first appear.
std::vector<ImageRecord> group_images(const std::vector<IndexEntry>& entries);

// Takes `name` from whichever image has it; the image stays, without a name if it was its last. False: no such name.
bool take_name(std::vector<IndexEntry>& entries, const std::string& name);
// Adds an image under its names, or without one.
void add_image(std::vector<IndexEntry>& entries, const NewImage& image);
// Removes every entry of an image and returns them.
std::vector<IndexEntry> remove_image(std::vector<IndexEntry>& entries, const Digest& id);

// The image that `query` means. Errors: invalid when an id prefix fits several.
Result<std::optional<ImageRecord>> match_image(const std::vector<ImageRecord>& images, const ImageQuery& query);

}  // namespace ctr::storage
