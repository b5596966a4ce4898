// How images look in listings.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "cli/report.h"
#include "engine/engine.h"

namespace ctr::cli {

struct ImagesOptions {
  enum class Ids { shortened, whole } ids = Ids::shortened;
  bool digests = false;
  bool history = false;
  bool read_only = false;  // a column says which images are in stores of others
};

// One line of `images`: an image under one of its names.
struct ImageRow {
  const engine::ImageInfo* image = nullptr;
  std::string repository;  // "<none>" without a name
  std::string tag;
};

// A row for each name; one "<none>" row for an image without names.
std::vector<ImageRow> image_rows(const std::vector<engine::ImageInfo>& images);
// "created" (newest first), "id", "repository", "size", "tag". Errors: invalid.
Result<void> sort_image_rows(std::vector<ImageRow>& rows, const std::string& field);

std::string shown_image_id(const engine::ImageInfo& image, const ImagesOptions& options);
Json image_row(const ImageRow& row, const ImagesOptions& options, TimePoint at);
Json image_json(const ImageRow& row);
Listing images_listing(const ImagesOptions& options);

// The history of one image, newest step first, as rows and as podman's JSON.
struct HistoryOptions {
  enum class Text { shortened, whole } text = Text::shortened;
  bool human = true;
};
Json history_rows(const engine::ImageInfo& image, const HistoryOptions& options, TimePoint at);
Json history_json(const engine::ImageInfo& image);
Listing history_listing();

}  // namespace ctr::cli
