// The verbs on images beside pull, push, list and remove: a header of its own, since few commands need it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/oci/platform.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/mounted_root.h"

namespace ctr::engine {

class Core;

struct LoadOptions {
  std::string input;  // a file or a directory; empty: standard input
  bool quiet = false;
};

// An image that came out of an archive.
struct LoadedImage {
  std::string id;                  // hex
  std::vector<std::string> names;  // full names that it has from the archive
};

struct SaveOptions {
  std::string output;                     // a file or a directory; empty: standard output
  std::string format = "docker-archive";  // or oci-archive, oci-dir, docker-dir
  // `compressed`: as they are stored, which must not be uncompressed.
  enum class Layers { as_stored, uncompressed, compressed } layers = Layers::as_stored;
  bool quiet = false;
  // Of a push to a file, which no request of `save` says:
  std::string manifest_type;    // "oci" or "v2s2"; empty: as it is
  bool adds_to_layout = false;  // an OCI layout that is there gets one more image
};

// One image to be saved: the word for it, and more names that the archive is to give it.
struct SaveItem {
  std::string image;
  std::vector<std::string> more_names = {};
};

// A tar of a root file system that becomes an image.
struct ImportRequest {
  std::string input;  // a file; "-": standard input
  std::string name;   // of the image, as typed; ctr-transfer is given the full name. Empty: none
  std::string message;
  std::vector<std::string> changes;  // see image_change.h, in order
  oci::Platform platform;            // what the programs in it are for
  bool quiet = false;
  bool operator==(const ImportRequest&) const = default;
};

struct SearchOptions {
  std::string term;  // "registry/word", or a word for the search registries
  std::string authfile, creds, cert_dir;
  std::optional<bool> tls_verify;
  bool list_tags = false;
  size_t limit = 0;  // of each registry; 0: as podman has it
};

struct TrustOptions {
  std::string policy_file;             // empty: the user's, else the system's
  std::string scope;                   // set: "default", a registry or a repository; show: empty for all
  std::string type;                    // set: accept, reject, signedBy or sigstoreSigned
  std::vector<std::string> key_files;  // set
  bool raw = false;                    // show: the file as it is
};

// Signatures by gpg of what a registry has.
struct SignOptions {
  std::string directory;  // absolute, where they are put; empty: where registries.d says
  bool all = false;       // of the images of a list, too
};

struct SearchHit {
  std::string index;  // the registry
  std::string name;   // with the registry in front
  std::string description;
  int64_t stars = 0;
  bool official = false;
  bool automated = false;
  std::string tag;  // with list_tags
};

class ImageVerbs {
 public:
  virtual ~ImageVerbs() = default;

  // In the order of the registries. Errors: not_found when there is no registry to ask, network, unauthorized,
  // unsupported when a registry cannot be searched.
  virtual Result<std::vector<SearchHit>> search(const SearchOptions& options) = 0;

  // podman's rows of policy.json as a JSON text, or the file itself. Errors: not_found when there is none, invalid.
  virtual Result<std::string> show_trust(const TrustOptions& options) = 0;
  virtual Result<void> set_trust(const TrustOptions& options) = 0;

  // Every image of an archive or an image directory. Names in it are taken from other images.
  virtual Result<std::vector<LoadedImage>> load(const LoadOptions& options) = 0;
  // `push` says who signs and how the registry is talked to. Errors: not_found (the image is not in the store, or not
  // at the registry), permission.
  virtual Result<void> sign(const std::string& image, const PushOptions& push, const SignOptions& options) = 0;
  // One archive with all `items`. A file appears whole or not at all.
  virtual Result<void> save(const std::vector<SaveItem>& items, const SaveOptions& options) = 0;
  // An image of one layer; its id, hex. Errors: not_found, corrupt, unsupported, invalid in podman's words.
  virtual Result<std::string> import(ImportRequest request) = 0;
  // See root_mounts.h.
  virtual Result<std::string> mount(const std::string& image) = 0;
  virtual Result<std::string> unmount(const std::string& image) = 0;
  virtual Result<std::vector<MountedRoot>> mounted() = 0;
};

// The verbs of an open engine; they live as long as it does.
ImageVerbs& image_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<ImageVerbs> make_image_verbs(Core& core);

}  // namespace ctr::engine
