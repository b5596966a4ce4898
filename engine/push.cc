#include "base/text.h"
#include "engine/event_journal.h"
#include "engine/image_signatures.h"
#include "engine/layer_encryption.h"
#include "engine/push_parts.h"
#include "engine/recompress.h"
#include "engine/transfer_session.h"

namespace ctr::engine {
namespace {

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
  const auto target = TRY(find_push_target(session, destination));
  auto store = TRY(storage::Store::open(session.options.paths, session.options.cancel, session.options.log));
  auto pin = TRY(store.images().pin(session.options.cancel));
  auto image = TRY(store.images().find({.names = {}, .id_prefix = image_id}));
  if (!image) return Error(Errc::not_found, image_id + ": image not known");
  const auto stored = TRY(store.images().read_manifest(*image));
  std::vector<Digest> digests = {stored.config.digest};
  for (const auto& layer : stored.layers) digests.push_back(layer.digest);
  TRY(pin.add(digests, {}, session.options.cancel));
  auto signer = TRY(PushSigner::open(session, target, options));
  RecompressedImage outgoing{.manifest = stored, .changed = {}};
  if (asks_for_compression(options)) outgoing = TRY(recompress(session, store, stored, options));
  if (!options.encryption_keys.empty()) outgoing = TRY(encrypt_layers(store, std::move(outgoing), options));
  const auto& manifest = outgoing.manifest;
  std::vector<oci::Descriptor> descriptors = manifest.layers;
  descriptors.push_back(manifest.config);

  std::string mount_from = other_repository(*image, target.endpoint);
  std::vector<std::unique_ptr<registry::BlobSource>> sources;
  std::vector<registry::BlobUpload> uploads;
  for (const auto& descriptor : descriptors) {
    auto blob = open_blob_source(store, outgoing, descriptor.digest);
    if (!blob && blob.error().code() == Errc::not_found) {
      return Error(Errc::not_found, "layer " + descriptor.digest.to_string() + " is not kept in its compressed form")
          .with_hint("pull the image again before pushing it");
    }
    sources.push_back(TRY(std::move(blob)));
    auto kind = descriptor == manifest.config ? ProgressSink::BlobKind::config : ProgressSink::BlobKind::layer;
    uploads.push_back(
        {.descriptor = descriptor, .source = sources.back().get(), .mount_from = mount_from, .kind = kind});
  }
  TRY(session.client->push_blobs(target.endpoint, uploads));
  session.progress.writing_manifest();
  auto text = manifest == stored ? TRY(store.blobs().read(image->manifest.digest)) : dump_json(oci::to_json(manifest));
  auto document = TRY(manifest_in_format(manifest, std::move(text), options.format));
  auto digest = digest_of(document.text);
  std::string name = target.reference.tag ? *target.reference.tag : digest.to_string();
  TRY(signer.sign(document.text));
  TRY(session.client->push_manifest(target.endpoint, name, document.media_type, document.text));
  record_image_event(session.options, store.dir(), "push", image->id.hex(), target.reference.to_string());
  return digest.to_string();
}

}  // namespace ctr::engine
