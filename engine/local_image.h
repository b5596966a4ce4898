// Images that lie in files: archives of docker, podman and skopeo, OCI layouts, and the "dir" form of skopeo.
//
// Reading one gives what a registry would have given: documents whose digests are checked, and where each blob is. An
// archive of docker has no manifest; one is made from its configuration and its layers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/oci/platform.h"
#include "base/progress.h"
#include "base/result.h"
#include "engine/fetch.h"
#include "engine/image_files.h"
#include "registry/client.h"

namespace ctr::engine {

struct LocalImage {
  std::vector<registry::ManifestDocument> chain;  // the image's own manifest last
  std::vector<std::string> names;                 // as the archive calls it
  std::string short_domain = "localhost";         // what a name without a registry belongs to
  std::map<Digest, std::string> blobs;            // the files that hold config and layers
};

// Which images of an archive or a directory are meant; all when neither is given.
struct LocalSelector {
  std::string name;             // the tag of an OCI layout, a name in an archive of docker
  std::optional<size_t> index;  // "@1": the second one of an archive of docker
};

// All images of `docker save` and `podman save`, also of old versions (layers in directories, links between them).
// Errors: corrupt, unsupported, not_found (what `selector` names).
Result<std::vector<LocalImage>> read_docker_archive(const ImageFiles& files, const LocalSelector& selector);
// All images of an OCI layout, an index in it read for `platform`. Names are those of the annotation
// org.opencontainers.image.ref.name, or containerd's, or those of the manifest.json that docker puts beside it.
// Errors: as above.
Result<std::vector<LocalImage>> read_oci_layout(const ImageFiles& files, const LocalSelector& selector,
                                                const oci::Platform& platform);
// The one image of a directory written by `skopeo copy … dir:` or `podman save --format docker-dir`.
Result<LocalImage> read_image_directory(const ImageFiles& files, const oci::Platform& platform);

enum class LocalLayout { docker_archive, oci, directory };
// Which of the three it is. Errors: unsupported when it is none.
Result<LocalLayout> find_layout(const ImageFiles& files);
Result<std::vector<LocalImage>> read_layout(LocalLayout layout, const ImageFiles& files, const oci::Platform& platform);

// The blobs of one such image. Everything is borrowed.
class FileOrigin final : public BlobOrigin {
 public:
  FileOrigin(const ImageFiles& files, const LocalImage& image, ProgressSink& progress, const CancelToken& cancel)
      : files_(files), image_(image), progress_(progress), cancel_(cancel) {}
  Result<std::string> read_small(const oci::Descriptor& blob) override;
  Result<void> fetch(const std::vector<registry::BlobDownload>& downloads,
                     const std::function<Result<void>()>& meanwhile) override;

 private:
  Result<std::string> file_of(const oci::Descriptor& blob) const;
  Result<void> fetch_one(const registry::BlobDownload& download);
  const ImageFiles& files_;
  const LocalImage& image_;
  ProgressSink& progress_;
  const CancelToken& cancel_;
};

}  // namespace ctr::engine
