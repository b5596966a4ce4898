#include "engine/push_parts.h"

#include <unistd.h>

#include "base/text.h"
#include "engine/save_plan.h"

namespace ctr::engine {
namespace {

class FileSource final : public registry::BlobSource {
 public:
  explicit FileSource(Fd file) : file_(std::move(file)) {}
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

}  // namespace

Result<std::unique_ptr<registry::BlobSource>> open_blob_source(const storage::Store& store, const Digest& blob) {
  return file_source(TRY(store.blobs().open(blob)));
}

std::unique_ptr<registry::BlobSource> file_source(Fd file) { return std::make_unique<FileSource>(std::move(file)); }

Result<PushTarget> find_push_target(const TransferSession& session, const std::string& destination) {
  auto reference = TRY(oci::parse_reference(destination));
  // Search registries are for finding images. What is sent goes where the name has meant for everybody.
  if (reference.is_short()) reference = TRY(oci::parse_reference("docker.io/" + reference.to_string()));
  reference = reference.with_default_tag();
  // A mirror is for reading: what is pushed goes to the registry itself.
  auto endpoint = TRY(registry::find_endpoints(session.registries, reference)).back();
  return PushTarget{std::move(reference), std::move(endpoint)};
}

Result<ManifestText> manifest_in_format(const oci::Manifest& manifest, std::string text, const std::string& format) {
  if (format.empty()) return ManifestText{manifest.media_type, std::move(text)};
  const bool to_oci = format == "oci";
  if (!to_oci && format != "v2s2" && format != "docker") {
    return Error(Errc::unsupported, "manifest format '" + printable(format) + "' is not one of oci and v2s2");
  }
  const auto kind = oci::media_kind(manifest.media_type);
  if ((kind == oci::MediaKind::oci_manifest) == to_oci) return ManifestText{manifest.media_type, std::move(text)};
  const auto converted = TRY(convert_manifest(manifest, to_oci));
  return ManifestText{converted.media_type, dump_json(oci::to_json(converted))};
}

}  // namespace ctr::engine
