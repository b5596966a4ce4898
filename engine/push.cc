#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/save_plan.h"
#include "engine/transfer_session.h"

namespace ctr::engine {
namespace {

// A blob of the store, or a document in memory.
class StoreSource final : public registry::BlobSource {
 public:
  explicit StoreSource(Fd file) : file_(std::move(file)) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) override {
    while (true) {
      ssize_t got = ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return Error::from_errno("read a blob");
    }
  }

 private:
  Fd file_;
};

// What goes up as the manifest.
struct Document {
  std::string media_type;
  std::string text;
};

// The manifest as it is stored, or with the media types of the other family (--format): the blobs are the same either
// way.
Result<Document> manifest_document(const oci::Manifest& manifest, std::string text, const std::string& media_type,
                                   const std::string& format) {
  if (format.empty()) return Document{media_type, std::move(text)};
  bool to_oci = format == "oci";
  if (!to_oci && format != "v2s2" && format != "docker") {
    return Error(Errc::unsupported, "manifest format '" + printable(format) + "' is not one of oci and v2s2");
  }
  auto kind = oci::media_kind(media_type);
  if ((kind == oci::MediaKind::oci_manifest) == to_oci) return Document{media_type, std::move(text)};
  const auto converted = TRY(convert_manifest(manifest, to_oci));
  return Document{converted.media_type, dump_json(oci::to_json(converted))};
}

// A repository of the same registry that the image was pulled from, so that the registry can take the blobs from there.
std::string other_repository(const storage::ImageRecord& image, const registry::Endpoint& endpoint) {
  for (const auto& repo_digest : image.repo_digests) {
    auto reference = oci::parse_reference(repo_digest);
    if (reference && reference->domain == endpoint.host && reference->path != endpoint.repository)
      return reference->path;
  }
  return "";
}

}  // namespace

Result<std::string> push_image(TransferSession& session, const std::string& image_id, const std::string& destination,
                               const PushOptions& options) {
  auto reference = TRY(oci::parse_reference(destination));
  // Search registries are for finding images. What is sent goes where the name has meant for everybody, as in podman.
  if (reference.is_short()) reference = TRY(oci::parse_reference("docker.io/" + reference.to_string()));
  reference = reference.with_default_tag();
  auto store = TRY(storage::Store::open(session.options.paths, session.options.cancel, session.options.log));
  auto pin = TRY(store.images().pin(session.options.cancel));
  auto image = TRY(store.images().find({.names = {}, .id_prefix = image_id}));
  if (!image) return Error(Errc::not_found, image_id + ": image not known");
  auto manifest = TRY(store.images().read_manifest(*image));
  std::vector<oci::Descriptor> descriptors = manifest.layers;
  descriptors.push_back(manifest.config);
  std::vector<Digest> digests;
  for (const auto& descriptor : descriptors) digests.push_back(descriptor.digest);
  TRY(pin.add(digests, {}, session.options.cancel));

  // A mirror is for reading: what is pushed goes to the registry itself.
  auto endpoint = TRY(registry::find_endpoints(session.registries, reference)).back();
  std::string mount_from = other_repository(*image, endpoint);
  std::vector<std::unique_ptr<StoreSource>> sources;
  std::vector<registry::BlobUpload> uploads;
  for (const auto& descriptor : descriptors) {
    auto blob = store.blobs().open(descriptor.digest);
    if (!blob && blob.error().code() == Errc::not_found) {
      return Error(Errc::not_found, "layer " + descriptor.digest.to_string() + " is not kept in its compressed form")
          .with_hint("pull the image again before pushing it");
    }
    sources.push_back(std::make_unique<StoreSource>(TRY(std::move(blob))));
    auto kind = descriptor == manifest.config ? ProgressSink::BlobKind::config : ProgressSink::BlobKind::layer;
    uploads.push_back(
        {.descriptor = descriptor, .source = sources.back().get(), .mount_from = mount_from, .kind = kind});
  }
  TRY(session.client->push_blobs(endpoint, uploads));
  session.progress.writing_manifest();
  auto text = TRY(store.blobs().read(image->manifest.digest));
  auto document = TRY(manifest_document(manifest, std::move(text), image->manifest.media_type, options.format));
  auto digest = digest_of(document.text);
  std::string name = reference.tag ? *reference.tag : digest.to_string();
  TRY(session.client->push_manifest(endpoint, name, document.media_type, document.text));
  return digest.to_string();
}

}  // namespace ctr::engine
