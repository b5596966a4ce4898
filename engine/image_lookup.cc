#include "engine/image_lookup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/image_lists.h"

namespace ctr::engine {

using storage::ImageRecord;

namespace {

constexpr std::string_view k_digest_prefix = "sha256:";

bool has_name(const ImageRecord& image, std::string_view name) {
  return std::find(image.names.begin(), image.names.end(), name) != image.names.end();
}

bool has_digest(const ImageRecord& image, const oci::ImageReference& reference) {
  const auto wanted = reference.digest->to_string();
  return std::any_of(image.repo_digests.begin(), image.repo_digests.end(), [&](const std::string& text) {
    const auto at = text.rfind('@');
    if (at == std::string::npos || std::string_view(text).substr(at + 1) != wanted) return false;
    const auto name = std::string_view(text).substr(0, at);
    return name == reference.name() || (reference.is_short() && name.ends_with("/" + reference.path));
  });
}

std::optional<FoundImage> find_name(const std::vector<ImageRecord>& images, std::string_view name) {
  for (const auto& image : images) {
    if (has_name(image, name)) return FoundImage{image, std::string(name)};
  }
  return std::nullopt;
}

// Any registry's repository of this path, the most recently written first.
std::optional<FoundImage> find_suffix(const std::vector<ImageRecord>& images, const std::string& suffix) {
  for (auto image = images.rbegin(); image != images.rend(); ++image) {
    for (const auto& name : image->names) {
      if (name.ends_with(suffix)) return FoundImage{*image, name};
    }
  }
  return std::nullopt;
}

std::optional<FoundImage> find_reference(const std::vector<ImageRecord>& images, oci::ImageReference reference) {
  if (reference.digest) {
    for (const auto& image : images) {
      if (has_digest(image, reference)) return FoundImage{image, reference.to_string()};
    }
    return std::nullopt;
  }
  reference = reference.with_default_tag();
  if (!reference.is_short()) return find_name(images, reference.to_string());
  const auto rest = fmt::format("{}:{}", reference.path, *reference.tag);
  for (const auto* domain : {"localhost/", "docker.io/library/", "docker.io/"}) {
    if (auto found = find_name(images, domain + rest)) return found;
  }
  return find_suffix(images, "/" + rest);
}

Result<std::optional<FoundImage>> find_id(const std::vector<ImageRecord>& images, std::string_view text) {
  std::optional<FoundImage> found;
  if (text.starts_with(k_digest_prefix)) text.remove_prefix(k_digest_prefix.size());
  if (text.empty() || text.size() > 64 || !is_lower_hex(text)) return found;
  for (const auto& image : images) {
    if (!image.id.hex().starts_with(text)) continue;
    if (found) {
      return Error(Errc::invalid, fmt::format("the id prefix '{}' fits several images: {} and {}", text,
                                              found->record.id.hex().substr(0, 12), image.id.hex().substr(0, 12)));
    }
    found = FoundImage{image, image.names.empty() ? image.id.hex() : image.names.front()};
  }
  return found;
}

}  // namespace

Result<std::optional<FoundImage>> find_among(const std::vector<ImageRecord>& images, std::string_view text) {
  if (const auto reference = oci::parse_reference(text)) {
    if (auto found = find_reference(images, *reference)) return found;
  }
  return find_id(images, text);
}

Result<std::optional<FoundImage>> find_image_record(Core& core, std::string_view text) {
  const auto* store = TRY(core.store());
  if (auto own = TRY(find_among(TRY(store->images().list()), text))) return own;
  return find_among(store->images().list_others(), text);
}

Result<FoundImage> get_image_record(Core& core, std::string_view text) {
  auto found = TRY(find_image_record(core, text));
  if (!found) {
    return Error(Errc::not_found, fmt::format("{}: image not known", printable(text)))
        .with_hint("`ctr images` lists the images there are, `ctr pull` fetches one");
  }
  return std::move(*found);
}

Result<oci::Descriptor> choose_of_list(Core& core, const ImageRecord& list, const oci::Platform& platform) {
  const auto content = TRY(storage::ImageLists(TRY(core.store())->image_root()).read(list.id));
  const auto document = TRY(oci::parse_manifest(content.document, list.manifest.media_type));
  if (const auto* index = std::get_if<oci::ImageIndex>(&document)) return oci::choose_platform(*index, platform);
  return Error(Errc::corrupt, list.manifest.digest.to_string() + " is not a list of images");
}

Result<std::optional<ImageRecord>> find_by_manifest(Core& core, const oci::Descriptor& manifest) {
  const auto* store = TRY(core.store());
  if (!store->blobs().is_readable(manifest.digest)) return std::optional<ImageRecord>();
  // One image may have several manifests, of which its record names one.
  const auto text = TRY(store->blobs().read(manifest.digest, oci::k_manifest_limit_bytes));
  const auto document = TRY(oci::parse_manifest(text, manifest.media_type));
  const auto* parsed = std::get_if<oci::Manifest>(&document);
  if (parsed == nullptr) return std::optional<ImageRecord>();
  for (auto& image : TRY(store->images().list())) {
    if (image.id == parsed->config.digest) return std::optional(std::move(image));
  }
  for (auto& image : store->images().list_others()) {
    if (image.id == parsed->config.digest) return std::optional(std::move(image));
  }
  return std::optional<ImageRecord>();
}

Result<FoundImage> get_single_image(Core& core, std::string_view text) {
  auto found = TRY(get_image_record(core, text));
  if (!storage::is_list(found.record)) return found;
  const auto platform = oci::host_platform();
  const auto chosen = TRY(choose_of_list(core, found.record, platform).context(printable(text)));
  auto image = TRY(find_by_manifest(core, chosen));
  if (image) return FoundImage{std::move(*image), std::move(found.name)};
  return Error(Errc::not_found, fmt::format("{}: the image of this list for {} is not in the store", printable(text),
                                            platform.to_string()))
      .with_hint("pull it: ctr pull --policy missing " + printable(text));
}

Result<ImageInfo> describe_image(Core& core, const ImageRecord& record) {
  const auto* store = TRY(core.store());
  ImageInfo info{record.id.hex(), record.manifest, record.names, record.repo_digests, record.names, {}, 0, {}, {}, 0};
  info.other_store = record.other_store;
  std::sort(info.names.begin(), info.names.end());
  if (storage::is_list(record)) {
    info.size_bytes = record.size_bytes;
    info.created = record.created.value_or(record.stored_at);
    return info;
  }
  info.config = TRY(store->images().read_config(record));
  info.size_bytes = record.size_bytes;
  for (const auto& diff_id : info.config.diff_ids) {
    const auto layer = TRY(store->layers().locate(diff_id));
    info.layer_sizes_bytes.push_back(layer ? layer->record.size_bytes : 0);
  }
  info.created = info.config.created.value_or(TimePoint{});
  return info;
}

Result<std::string> full_tag_name(std::string_view name) {
  auto reference = TRY(oci::parse_reference(name));
  if (reference.digest) {
    return Error(Errc::invalid, fmt::format("'{}' has a digest: a tag cannot have one", printable(name)));
  }
  if (reference.is_short()) reference.domain = "localhost";
  return reference.with_default_tag().to_string();
}

}  // namespace ctr::engine
