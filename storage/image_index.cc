#include "storage/image_index.h"

#include <algorithm>
#include <utility>

#include "base/oci/reference.h"
#include "base/text.h"

namespace ctr::storage {
namespace {

// OCI image-spec 1.1, "Pre-Defined Annotation Keys".
constexpr const char* k_ref_name = "org.opencontainers.image.ref.name";
// Ours. Other programs keep annotations that they do not know.
constexpr const char* k_id = "dev.ctr.image.id";
constexpr const char* k_full_name = "dev.ctr.image.name";  // where it is not what other programs read
constexpr const char* k_repo_digests = "dev.ctr.image.repo-digests";
constexpr const char* k_size = "dev.ctr.image.size";
constexpr const char* k_created = "dev.ctr.image.created";
constexpr const char* k_stored_at = "dev.ctr.image.stored-at";
constexpr const char* k_list_sources = "dev.ctr.list.sources";

// Removes a member of `annotations` and returns it, empty when there was none.
std::string take(std::map<std::string, std::string>& annotations, const char* key) {
  auto node = annotations.extract(key);
  return node.empty() ? std::string() : std::move(node.mapped());
}

uint64_t number_or_zero(const std::string& text) {
  uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9' || value > (UINT64_MAX - 9) / 10) return 0;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

std::vector<std::string> words(const std::string& text) {
  auto list = split(text, ' ');
  std::erase_if(list, [](const std::string& word) { return word.empty(); });
  return list;
}

IndexEntry entry_from_descriptor(oci::Descriptor descriptor) {
  auto& annotations = descriptor.annotations;
  IndexEntry entry{.manifest = descriptor,
                   .name = {},
                   .written_name = {},
                   .id = {},
                   .repo_digests = {},
                   .created = {},
                   .list_sources = {}};
  entry.name = take(annotations, k_ref_name);
  if (auto full = take(annotations, k_full_name); !full.empty()) {
    entry.written_name = std::exchange(entry.name, std::move(full));
  }
  auto id = Digest::parse(take(annotations, k_id));
  if (id) entry.id = std::move(*id);
  entry.repo_digests = words(take(annotations, k_repo_digests));
  entry.list_sources = words(take(annotations, k_list_sources));
  entry.size_bytes = number_or_zero(take(annotations, k_size));
  auto created = parse_rfc3339(take(annotations, k_created), "created");
  if (created) entry.created = *created;
  auto stored_at = parse_rfc3339(take(annotations, k_stored_at), "stored at");
  if (stored_at) entry.stored_at = *stored_at;
  entry.manifest = std::move(descriptor);
  return entry;
}

oci::Descriptor descriptor_of(const IndexEntry& entry) {
  oci::Descriptor descriptor = entry.manifest;
  auto& annotations = descriptor.annotations;
  if (!entry.name.empty()) {
    const bool was_written = !entry.written_name.empty() && full_name_of(entry.written_name) == entry.name;
    annotations[k_ref_name] = was_written ? entry.written_name : entry.name;
    if (was_written && entry.written_name != entry.name) annotations[k_full_name] = entry.name;
  }
  if (!entry.id) return descriptor;
  annotations[k_id] = entry.id->to_string();
  if (!entry.repo_digests.empty()) annotations[k_repo_digests] = join(entry.repo_digests, " ");
  if (!entry.list_sources.empty()) annotations[k_list_sources] = join(entry.list_sources, " ");
  annotations[k_size] = std::to_string(entry.size_bytes);
  if (entry.created) annotations[k_created] = format_rfc3339_nano(*entry.created);
  annotations[k_stored_at] = format_rfc3339_nano(entry.stored_at);
  return descriptor;
}

void merge_into(std::vector<std::string>& sorted, const std::vector<std::string>& more) {
  sorted.insert(sorted.end(), more.begin(), more.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
}

std::string hex_of_prefix(const std::string& prefix) {
  constexpr std::string_view k_algorithm = "sha256:";
  return prefix.starts_with(k_algorithm) ? prefix.substr(k_algorithm.size()) : prefix;
}

bool means(const ImageRecord& image, const std::string& name) {
  auto has = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  return has(image.names) || has(image.repo_digests);
}

}  // namespace

std::string full_name_of(const std::string& written) {
  auto reference = oci::parse_reference(written);
  if (written.empty() || !reference || reference->digest) return {};
  if (reference->is_short()) reference->domain = "localhost";
  return reference->with_default_tag().to_string();
}

Result<IndexFile> parse_index(std::string_view text, std::string_view what) {
  Json json = TRY(parse_json(text, what, JsonLimits{.size_bytes = size_t{64} << 20}));
  JsonReader reader(json, std::string(what));
  TRY(reader.expect_object());
  if (TRY(reader.int_or("schemaVersion", 2)) != 2) return reader.wrong("schemaVersion", "2");
  IndexFile index;
  for (const auto& element : TRY(reader.elements("manifests"))) {
    auto descriptor = oci::descriptor_from_json(element);
    if (descriptor) {
      index.entries.push_back(entry_from_descriptor(std::move(*descriptor)));
    } else {
      index.foreign.push_back(element.value());
    }
  }
  return index;
}

std::string print_index(const IndexFile& index) {
  Json manifests = Json::array();
  for (const auto& entry : index.entries) manifests.push(oci::to_json(descriptor_of(entry)));
  for (const auto& json : index.foreign) manifests.push(json);
  Json document = Json::object();
  document.set("schemaVersion", 2);
  document.set("mediaType", "application/vnd.oci.image.index.v1+json");
  document.set("manifests", std::move(manifests));
  return dump_json(document) + "\n";
}

std::vector<ImageRecord> group_images(const std::vector<IndexEntry>& entries) {
  std::vector<ImageRecord> images;
  for (const auto& entry : entries) {
    if (!entry.id) continue;
    auto at = std::find_if(images.begin(), images.end(), [&](const auto& image) { return image.id == *entry.id; });
    if (at == images.end()) {
      at = images.insert(images.end(), ImageRecord{.id = *entry.id,
                                                   .manifest = entry.manifest,
                                                   .names = {},
                                                   .repo_digests = {},
                                                   .size_bytes = entry.size_bytes,
                                                   .created = entry.created,
                                                   .stored_at = entry.stored_at});
    }
    if (entry.stored_at >= at->stored_at) at->manifest = entry.manifest;
    at->stored_at = std::max(at->stored_at, entry.stored_at);
    if (!entry.name.empty()) at->names.push_back(entry.name);
    merge_into(at->repo_digests, entry.repo_digests);
  }
  return images;
}

bool take_name(std::vector<IndexEntry>& entries, const std::string& name) {
  auto at = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.name == name; });
  if (at == entries.end()) return false;
  auto other = std::find_if(entries.begin(), entries.end(),
                            [&](const auto& entry) { return entry.name != name && entry.id && entry.id == at->id; });
  if (other == entries.end()) {
    at->name.clear();
  } else {
    merge_into(other->repo_digests, at->repo_digests);
    entries.erase(at);
  }
  return true;
}

void add_image(std::vector<IndexEntry>& entries, const NewImage& image) {
  for (const auto& name : image.names) (void)take_name(entries, name);
  std::vector<std::string> repo_digests = image.repo_digests;
  std::vector<std::string> names = image.names;
  // A nameless entry of the same image is replaced; other names of it keep their manifests.
  for (const auto& old : entries) {
    if (old.id == image.config) merge_into(repo_digests, old.repo_digests);
  }
  std::erase_if(entries, [&](const auto& entry) { return entry.id == image.config && entry.name.empty(); });
  bool has_name =
      std::any_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.id == image.config; });
  if (names.empty() && !has_name) names.emplace_back();
  if (names.empty()) {
    for (auto& entry : entries) {
      if (entry.id == image.config) merge_into(entry.repo_digests, repo_digests);
    }
    return;
  }
  merge_into(repo_digests, {});
  for (const auto& name : names) {
    entries.push_back(IndexEntry{.manifest = image.manifest,
                                 .name = name,
                                 .id = image.config,
                                 .repo_digests = repo_digests,
                                 .size_bytes = image.size_bytes,
                                 .created = image.created,
                                 .stored_at = image.stored_at,
                                 .list_sources = {}});
  }
}

std::vector<IndexEntry> remove_image(std::vector<IndexEntry>& entries, const Digest& id) {
  std::vector<IndexEntry> removed;
  for (const auto& entry : entries) {
    if (entry.id == id) removed.push_back(entry);
  }
  std::erase_if(entries, [&](const auto& entry) { return entry.id == id; });
  return removed;
}

Result<std::optional<ImageRecord>> match_image(const std::vector<ImageRecord>& images, const ImageQuery& query) {
  for (const auto& name : query.names) {
    for (const auto& image : images) {
      if (means(image, name)) return std::optional(image);
    }
  }
  std::string prefix = hex_of_prefix(query.id_prefix);
  if (prefix.empty()) return std::optional<ImageRecord>();
  const ImageRecord* match = nullptr;
  for (const auto& image : images) {
    if (!image.id.hex().starts_with(prefix) && image.manifest.digest.hex() != prefix) continue;
    if (match != nullptr) {
      return Error(Errc::invalid, "'" + query.id_prefix + "' is the beginning of several image ids")
          .with_hint("give more digits: " + match->id.hex().substr(0, 12) + ", " + image.id.hex().substr(0, 12));
    }
    match = &image;
  }
  if (match == nullptr) return std::optional<ImageRecord>();
  return std::optional(*match);
}

}  // namespace ctr::storage
