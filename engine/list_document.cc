#include "engine/list_document.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/oci/manifest.h"

namespace ctr::engine {
namespace {

constexpr const char* k_oci_index = "application/vnd.oci.image.index.v1+json";
constexpr const char* k_docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";

// A list whose images can be edited: `images` are its entries.
struct Document {
  Json json;
  Json::Array images;

  std::string text() && {
    json.set("manifests", Json(std::move(images)));
    return dump_json(json);
  }
};

Result<Document> read(const std::string& list) {
  auto json = TRY(parse_json(list, "the list", {.size_bytes = oci::k_manifest_limit_bytes}));
  const auto* images = json.find("manifests");
  if (images == nullptr || !images->is_array()) return Error(Errc::corrupt, "the list names no images");
  auto entries = images->as_array();
  return Document{std::move(json), std::move(entries)};
}

std::string digest_text(const Json& entry) {
  const auto* digest = entry.find("digest");
  return digest != nullptr && digest->is_string() ? digest->as_string() : "";
}

Json::Array::iterator find(Json::Array& images, const std::string& digest) {
  return std::find_if(images.begin(), images.end(), [&](const Json& entry) { return digest_text(entry) == digest; });
}

Error no_member(const Digest& digest) {
  return {Errc::not_found, fmt::format("no instance matching digest \"{}\" found in manifest list: file does not exist",
                                       digest.to_string())};
}

void set_word(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object.set(key, value);
}

void set_words(Json& object, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) object.set(key, Json::strings(values));
}

Json member_or_empty(const Json& object, const char* key) {
  const auto* member = object.find(key);
  return member != nullptr && member->is_object() ? *member : Json::object();
}

// Source: containers/image, "OCI1InstanceAnnotationCompressionZSTD".
std::string compression_annotation(const std::string& compression) {
  return "io.github.containers.compression." + compression;
}

void add_annotations(Json& object, const std::map<std::string, std::string>& annotations) {
  if (annotations.empty()) return;
  auto all = member_or_empty(object, "annotations");
  for (const auto& [key, value] : annotations) all.set(key, value);
  object.set("annotations", std::move(all));
}

}  // namespace

std::string empty_list() {
  return dump_json(
      Json::object().set("schemaVersion", 2).set("mediaType", k_oci_index).set("manifests", Json::array()));
}

Result<std::vector<Digest>> list_members(const std::string& list) {
  std::vector<Digest> digests;
  const auto document = TRY(read(list));
  for (const auto& entry : document.images) digests.push_back(TRY(Digest::parse(digest_text(entry))));
  return digests;
}

Result<std::string> put_member(const std::string& list, const Json& entry) {
  auto document = TRY(read(list));
  const auto old = find(document.images, digest_text(entry));
  if (old == document.images.end()) {
    document.images.push_back(entry);
  } else {
    *old = entry;
  }
  return std::move(document).text();
}

Result<std::string> replace_member(const std::string& list, const Digest& old, const oci::Descriptor& by) {
  auto document = TRY(read(list));
  const auto entry = find(document.images, old.to_string());
  if (entry == document.images.end()) return no_member(old);
  entry->set("mediaType", by.media_type).set("digest", by.digest.to_string()).set("size", by.size_bytes);
  return std::move(document).text();
}

Result<std::string> add_variant(const std::string& list, const Digest& of, const oci::Descriptor& variant,
                                const std::string& compression) {
  auto document = TRY(read(list));
  const auto entry = find(document.images, of.to_string());
  if (entry == document.images.end()) return no_member(of);
  Json added = *entry;
  added.set("mediaType", variant.media_type).set("digest", variant.digest.to_string()).set("size", variant.size_bytes);
  // What everybody can read has none.
  if (compression != "gzip") add_annotations(added, {{compression_annotation(compression), "true"}});
  return put_member(list, added);
}

Result<bool> has_variant(const std::string& list, const Digest& of, const std::string& compression) {
  auto document = TRY(read(list));
  const auto entry = find(document.images, of.to_string());
  if (entry == document.images.end()) return no_member(of);
  const auto platform = member_or_empty(*entry, "platform");
  return std::any_of(document.images.begin(), document.images.end(), [&](const Json& other) {
    const auto annotations = member_or_empty(other, "annotations");
    return member_or_empty(other, "platform") == platform &&
           annotations.find(compression_annotation(compression)) != nullptr;
  });
}

Result<std::string> remove_member(const std::string& list, const Digest& digest) {
  auto document = TRY(read(list));
  const auto entry = find(document.images, digest.to_string());
  if (entry == document.images.end()) return no_member(digest);
  document.images.erase(entry);
  return std::move(document).text();
}

Result<std::string> change_member(const std::string& list, const Digest& digest, const ListMember& change) {
  auto document = TRY(read(list));
  const auto entry = find(document.images, digest.to_string());
  if (entry == document.images.end()) return no_member(digest);
  auto platform = member_or_empty(*entry, "platform");
  set_word(platform, "architecture", change.architecture);
  set_word(platform, "os", change.os);
  set_word(platform, "os.version", change.os_version);
  set_words(platform, "os.features", change.os_features);
  set_word(platform, "variant", change.variant);
  set_words(platform, "features", change.features);
  add_annotations(*entry, change.annotations);
  if (!platform.as_object().empty()) entry->set("platform", std::move(platform));
  return std::move(document).text();
}

Result<std::string> change_list(const std::string& list, const std::map<std::string, std::string>& annotations,
                                const Json& subject) {
  auto document = TRY(read(list));
  if (!subject.is_null()) document.json.set("subject", subject);
  add_annotations(document.json, annotations);
  return std::move(document).text();
}

Result<std::string> convert_list(const std::string& list, bool to_oci) {
  auto document = TRY(read(list));
  document.json.set("mediaType", to_oci ? k_oci_index : k_docker_list);
  return std::move(document).text();
}

}  // namespace ctr::engine
