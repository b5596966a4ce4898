// manifest push.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "engine/image_signatures.h"
#include "engine/list_document.h"
#include "engine/list_transfer.h"
#include "engine/push_parts.h"
#include "engine/recompress.h"
#include "engine/remote_blob.h"
#include "storage/image_lists.h"

namespace ctr::engine {
namespace {

class Silence final : public ProgressSink {
 public:
  void trying(std::string_view) override {}
  void blob_started(std::string_view, BlobKind, uint64_t, Skip) override {}
  void blob_advanced(std::string_view, uint64_t) override {}
  void blob_done(std::string_view) override {}
  void retrying(std::string_view, std::string_view) override {}
  void writing_manifest() override {}
};

// Pushes the images of a list, one after the other.
class MemberPusher {
 public:
  MemberPusher(TransferSession& session, const storage::Store& store, const PushTarget& target,
               const PushOptions& options, const std::vector<std::string>& sources, PushSigner& signer)
      : session_(session), store_(store), target_(target), options_(options), sources_(sources), signer_(signer) {}

  // What the list is to say of the image: its manifest may have another form there.
  Result<oci::Descriptor> push(const Digest& digest) { return push(digest, options_); }
  // With its layers as `form` says.
  Result<oci::Descriptor> push(const Digest& digest, const PushOptions& form) {
    auto text = store_.blobs().read(digest, oci::k_manifest_limit_bytes);
    if (!text && text.error().code() == Errc::not_found) {
      return Error(Errc::not_found, "the image " + digest.to_string() + " of the list is not in the store")
          .with_hint("push the list alone with --all=false where the registry has its images");
    }
    if (!text) return std::move(text).error();
    if (const auto parts = oci::manifest_parts(*text); parts && parts->is_artifact()) {
      return push_artifact(digest, *parts, *text, form);
    }
    const auto document = TRY(oci::parse_manifest(TRY(std::move(text)), ""));
    const auto* manifest = std::get_if<oci::Manifest>(&document);
    if (manifest == nullptr) return Error(Errc::unsupported, "a list in a list is not supported");
    RecompressedImage image{.manifest = *manifest, .changed = {}};
    if (asks_for_compression(form)) image = TRY(recompress(session_, store_, *manifest, form));
    TRY(push_blobs(image, source_of(digest)));
    auto stored = image.manifest == *manifest ? TRY(store_.blobs().read(digest, oci::k_manifest_limit_bytes))
                                              : dump_json(oci::to_json(image.manifest));
    const auto outgoing = TRY(manifest_in_format(image.manifest, std::move(stored), form.format));
    const auto name = digest_of(outgoing.text, digest.algorithm());
    TRY(signer_.sign(outgoing.text));
    TRY(session_.client->push_manifest(target_.endpoint, name.to_string(), outgoing.media_type, outgoing.text));
    return oci::Descriptor{.media_type = outgoing.media_type,
                           .digest = name,
                           .size_bytes = outgoing.text.size(),
                           .platform = {},
                           .annotations = {}};
  }

 private:
  // As it is: what the files of an artifact are is no matter of ours.
  Result<oci::Descriptor> push_artifact(const Digest& digest, const oci::ManifestParts& parts, const std::string& text,
                                        const PushOptions& form) {
    const std::string type = "application/vnd.oci.image.manifest.v1+json";
    if (form.format == "v2s2" || form.format == "docker") {
      return Error(Errc::unsupported, "format v2s2 has no artifacts, and the list has one: " + digest.to_string());
    }
    const oci::Manifest manifest{.media_type = type, .config = parts.config, .layers = parts.layers, .annotations = {}};
    TRY(push_blobs({.manifest = manifest, .changed = {}}, source_of(digest)));
    TRY(signer_.sign(text));
    TRY(session_.client->push_manifest(target_.endpoint, digest.to_string(), type, text));
    return oci::Descriptor{
        .media_type = type, .digest = digest, .size_bytes = text.size(), .platform = {}, .annotations = {}};
  }

  std::optional<oci::ImageReference> source_of(const Digest& digest) const {
    for (const auto& source : sources_) {
      if (!source.ends_with("@" + digest.to_string())) continue;
      auto reference = oci::parse_reference(source);
      if (reference) return std::move(*reference);
    }
    return std::nullopt;
  }

  Result<void> push_blobs(const RecompressedImage& image, const std::optional<oci::ImageReference>& source) {
    const auto& manifest = image.manifest;
    std::vector<oci::Descriptor> descriptors = manifest.layers;
    descriptors.push_back(manifest.config);
    std::string mount_from;
    if (source && source->domain == target_.endpoint.host && source->path != target_.endpoint.repository) {
      mount_from = source->path;
    }
    std::vector<std::unique_ptr<registry::BlobSource>> blobs;
    std::vector<registry::BlobUpload> uploads;
    for (const auto& descriptor : descriptors) {
      blobs.push_back(TRY(open(image, descriptor, source)));
      const bool is_config = descriptor == manifest.config;
      uploads.push_back({.descriptor = descriptor,
                         .source = blobs.back().get(),
                         .mount_from = mount_from,
                         .kind = is_config ? ProgressSink::BlobKind::config : ProgressSink::BlobKind::layer});
    }
    return session_.client->push_blobs(target_.endpoint, uploads);
  }

  Result<std::unique_ptr<registry::BlobSource>> open(const RecompressedImage& image, const oci::Descriptor& blob,
                                                     const std::optional<oci::ImageReference>& source) {
    auto stored = open_blob_source(store_, image, blob.digest);
    if (stored || stored.error().code() != Errc::not_found) return stored;
    if (!source) {
      return Error(Errc::not_found, "layer " + blob.digest.to_string() + " is not kept in its compressed form")
          .with_hint("pull the image again before pushing the list");
    }
    auto* from = TRY(session_for(*source));
    const auto endpoint = TRY(registry::find_endpoints(from->registries, *source)).back();
    auto fetch = [from, endpoint](const registry::BlobDownload& download) {
      return from->client->fetch_blobs(endpoint, {download});
    };
    return std::unique_ptr<registry::BlobSource>(std::make_unique<RemoteBlob>(blob, store_.dir(), std::move(fetch)));
  }

  // A registry that is read from has connections of its own. --creds are for the one that is pushed to.
  Result<TransferSession*> session_for(const oci::ImageReference& source) {
    const auto known = others_.find(source.domain);
    if (known != others_.end()) return &known->second;
    auto access = registry_access(options_);
    if (source.domain != target_.endpoint.host) access.creds.clear();
    auto made = TRY(open_session(session_.options, silent_front_, access));
    return &others_.emplace(source.domain, std::move(made)).first->second;
  }

  TransferSession& session_;
  const storage::Store& store_;
  const PushTarget& target_;
  const PushOptions& options_;
  const std::vector<std::string>& sources_;
  PushSigner& signer_;
  Silence silence_;
  TransferFront silent_front_{silence_, {}};
  std::map<std::string, TransferSession> others_;
};

}  // namespace

namespace {

// --add-compression: the list with one more image for each that has not that format.
Result<std::string> add_compressions(MemberPusher& pusher, std::string list, const Digest& stored, const Digest& listed,
                                     const PushOptions& options) {
  for (const auto& format : options.add_compression) {
    if (TRY(has_variant(list, listed, format))) continue;
    auto form = options;
    form.compression_format = format;
    form.compression_level.reset();
    form.force_compression = false;
    const auto variant = TRY(pusher.push(stored, form));
    if (variant.digest != listed) list = TRY(add_variant(list, listed, variant, format));
  }
  return list;
}

}  // namespace

Result<std::string> push_list(TransferSession& session, const std::string& list_id, const std::string& destination,
                              const PushOptions& options, bool all) {
  const auto target = TRY(find_push_target(session, destination));
  const auto store = TRY(storage::Store::open(session.options.paths, session.options.cancel, session.options.log));
  const auto list = TRY(store.images().find({.names = {}, .id_prefix = list_id}));
  if (!list || !storage::is_list(*list)) return Error(Errc::not_found, list_id + ": image not known");
  const auto content = TRY(storage::ImageLists(store.image_root()).read(list->id));
  const auto members = TRY(list_members(content.document));
  auto pin = TRY(store.images().pin(session.options.cancel));
  TRY(pin.add(members, {}, session.options.cancel));
  auto text = content.document;
  auto signer = TRY(PushSigner::open(session, target, options));
  if (all) {
    MemberPusher pusher(session, store, target, options, content.sources, signer);
    for (const auto& digest : members) {
      const auto pushed = TRY(pusher.push(digest));
      if (pushed.digest != digest) text = TRY(replace_member(text, digest, pushed));
      text = TRY(add_compressions(pusher, std::move(text), digest, pushed.digest, options));
    }
  }
  if (!options.format.empty()) text = TRY(convert_list(text, options.format == "oci"));
  const auto parsed = TRY(oci::parse_manifest(text, ""));
  session.progress.writing_manifest();
  TRY(signer.sign(text));
  const auto digest = digest_of(text);
  const auto name = target.reference.tag ? *target.reference.tag : digest.to_string();
  TRY(session.client->push_manifest(target.endpoint, name, std::get<oci::ImageIndex>(parsed).media_type, text));
  return digest.to_string();
}

}  // namespace ctr::engine
