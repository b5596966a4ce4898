#include "cli/image_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/list_verbs.h"

namespace ctr::cli {
namespace {

using engine::ImageInfo;

constexpr std::string_view k_none = "<none>";
constexpr size_t k_created_by_width = 45;

std::string ago(TimePoint then, TimePoint at) { return human_duration(at - then) + " ago"; }

// "docker.io/library/debian:12" at its last colon; a colon in front of a slash is a port.
std::pair<std::string, std::string> name_and_tag(const std::string& name) {
  const size_t colon = name.rfind(':');
  if (colon == std::string::npos || name.find('/', colon) != std::string::npos) return {name, std::string(k_none)};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

// One step of an image's history and the size of the layer it made.
struct Step {
  const oci::HistoryEntry* entry = nullptr;
  uint64_t size_bytes = 0;
  bool newest = false;
};

std::vector<Step> steps(const ImageInfo& image) {
  std::vector<Step> out;
  size_t layer = 0;
  for (const auto& entry : image.config.history) {
    const bool has_layer = !entry.empty_layer && layer < image.layer_sizes_bytes.size();
    out.push_back({&entry, has_layer ? image.layer_sizes_bytes[layer] : 0, false});
    if (has_layer) ++layer;
  }
  std::reverse(out.begin(), out.end());
  if (!out.empty()) out.front().newest = true;
  return out;
}

}  // namespace

std::vector<ImageRow> image_rows(const std::vector<ImageInfo>& images) {
  std::vector<ImageRow> rows;
  for (const auto& image : images) {
    if (image.names.empty()) {
      // podman keeps the repository of an image whose tag moved on.
      const std::string digest_name = image.repo_digests.empty() ? "" : image.repo_digests.front();
      const size_t at = digest_name.find('@');
      rows.push_back(
          {&image, at == std::string::npos ? std::string(k_none) : digest_name.substr(0, at), std::string(k_none)});
    }
    for (const auto& name : image.names) {
      auto [repository, tag] = name_and_tag(name);
      rows.push_back({&image, std::move(repository), std::move(tag)});
    }
  }
  return rows;
}

Result<void> sort_image_rows(std::vector<ImageRow>& rows, const std::string& field) {
  const auto by = [&](auto less) {
    std::stable_sort(rows.begin(), rows.end(), less);
    return ok();
  };
  using Row = const ImageRow&;
  if (field == "created") return by([](Row a, Row b) { return a.image->created > b.image->created; });
  if (field == "id") return by([](Row a, Row b) { return a.image->id < b.image->id; });
  if (field == "repository") return by([](Row a, Row b) { return a.repository < b.repository; });
  if (field == "size") return by([](Row a, Row b) { return a.image->size_bytes < b.image->size_bytes; });
  if (field == "tag") return by([](Row a, Row b) { return a.tag < b.tag; });
  return Error(Errc::invalid,
               fmt::format("\"{}\" is not a valid field for sorting. Choose from: created, id, repository, "
                           "size, tag",
                           printable(field)));
}

std::string shown_image_id(const ImageInfo& image, const ImagesOptions& options) {
  return options.ids == ImagesOptions::Ids::whole ? "sha256:" + image.id : image.id.substr(0, 12);
}

Json image_row(const ImageRow& row, const ImagesOptions& options, TimePoint at) {
  const auto& image = *row.image;
  Json out = Json::object();
  out.set("Repository", row.repository)
      .set("Tag", row.tag)
      .set("ID", shown_image_id(image, options))
      .set("Digest", image.manifest.digest.to_string())
      .set("Created", ago(image.created, at))
      .set("CreatedAt", format_go_time(image.created))
      .set("CreatedSince", ago(image.created, at))
      .set("CreatedTime", format_go_time(image.created))
      .set("Size", human_size(image.size_bytes, " ", 3))
      .set("VirtualSize", image.size_bytes)
      .set("SharedSize", 0)
      .set("Labels", Json::string_map(image.config.labels))
      .set("Containers", image.containers)
      .set("Dangling", image.dangling())
      .set("ReadOnly", image.is_read_only())
      .set("Arch", image.config.platform.architecture)
      .set("Os", engine::is_list(image) ? "" : image.config.platform.os)
      .set("IsManifestList", engine::is_list(image))
      .set("ParentId", "")
      .set("RepoTags", Json::strings(image.names))
      .set("RepoDigests", Json::strings(image.repo_digests))
      .set("Names", Json::strings(image.names))
      .set("History", image.name_history.empty() ? std::string(k_none) : join(image.name_history, ", "));
  return out;
}

Json image_json(const ImageRow& row) {
  const auto& image = *row.image;
  Json out = Json::object();
  out.set("Id", image.id)
      .set("ParentId", "")
      .set("RepoTags", nullptr)
      .set("RepoDigests", Json::strings(image.repo_digests))
      .set("Size", image.size_bytes)
      .set("SharedSize", 0)
      .set("VirtualSize", image.size_bytes)
      .set("Labels", image.config.labels.empty() ? Json() : Json::string_map(image.config.labels))
      .set("Containers", image.containers);
  if (image.is_read_only()) out.set("ReadOnly", true);
  if (image.dangling()) out.set("Dangling", true);
  out.set("Arch", image.config.platform.architecture)
      .set("Digest", image.manifest.digest.to_string())
      .set("History", Json::strings(image.name_history))
      .set("Os", engine::is_list(image) ? "" : image.config.platform.os);
  if (engine::is_list(image)) out.set("IsManifestList", true);
  if (!image.names.empty()) out.set("Names", Json::strings(image.names));
  out.set("Created", to_unix_seconds(image.created)).set("CreatedAt", format_rfc3339(image.created));
  if (row.repository != k_none) out.set("repository", row.repository);
  if (row.tag != k_none) out.set("tag", row.tag);
  return out;
}

Listing images_listing(const ImagesOptions& options) {
  Listing listing;
  listing.name = "images";
  listing.types = {.root = "images.imageReporter", .maps = {"Labels"}, .aliases = {}, .nested = {}, .methods = {}};
  listing.headings = {{"ID", "IMAGE ID"}, {"ReadOnly", "R/O"}};
  listing.columns = {"Repository", "Tag"};
  if (options.digests) listing.columns.emplace_back("Digest");
  listing.columns.insert(listing.columns.end(), {"ID", "Created", "Size"});
  if (options.history) listing.columns.emplace_back("History");
  if (options.read_only) listing.columns.emplace_back("ReadOnly");
  return listing;
}

Json history_rows(const ImageInfo& image, const HistoryOptions& options, TimePoint at) {
  Json rows = Json::array();
  for (const auto& step : steps(image)) {
    const bool whole = options.text == HistoryOptions::Text::whole;
    const TimePoint created = step.entry->created.value_or(image.created);
    std::string created_by = step.entry->created_by;
    if (!whole && created_by.size() > k_created_by_width) {
      created_by = created_by.substr(0, k_created_by_width - 3) + "...";
    }
    const std::string stamp = format_rfc3339(from_unix_seconds(to_unix_seconds(created)));
    const std::string since = options.human ? ago(created, at) : stamp;
    rows.push(Json::object()
                  .set("ID", !step.newest ? "<missing>"
                             : whole      ? image.id
                                          : image.id.substr(0, 12))
                  .set("Created", since)
                  .set("CreatedAt", stamp)
                  .set("CreatedSince", since)
                  .set("CreatedBy", created_by)
                  .set("Size", options.human ? human_size(step.size_bytes, " ", 3) : std::to_string(step.size_bytes))
                  .set("Comment", step.entry->comment)
                  .set("Tags", step.newest ? Json::strings(image.names) : Json::array()));
  }
  return rows;
}

Json history_json(const ImageInfo& image) {
  Json rows = Json::array();
  for (const auto& step : steps(image)) {
    const TimePoint created = step.entry->created.value_or(image.created);
    Json row = Json::object();
    row.set("id", step.newest ? image.id : "<missing>")
        .set("created", format_rfc3339(from_unix_seconds(to_unix_seconds(created))))
        .set("CreatedBy", step.entry->created_by)
        .set("size", step.size_bytes);
    if (!step.entry->comment.empty()) row.set("comment", step.entry->comment);
    if (step.newest && !image.names.empty()) row.set("tags", Json::strings(image.names));
    rows.push(std::move(row));
  }
  return rows;
}

Listing history_listing() {
  Listing listing;
  listing.name = "history";
  listing.types.root = "images.historyReporter";
  listing.headings = {{"CreatedBy", "CREATED BY"}, {"ID", "ID"}};
  listing.columns = {"ID", "Created", "CreatedBy", "Size", "Comment"};
  return listing;
}

}  // namespace ctr::cli
