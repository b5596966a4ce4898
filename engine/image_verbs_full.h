// The verbs on images beside pull, push, list and remove: a header of its own, since few commands need it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/engine.h"

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
  enum class Layers { as_stored, compressed, uncompressed } layers = Layers::as_stored;
  bool quiet = false;
};

// One image to be saved: the word for it, and more names that the archive is to give it.
struct SaveItem {
  std::string image;
  std::vector<std::string> more_names = {};
};

struct ImportOptions {
  std::string source;                // a file, an http or https URL, or "-" for standard input
  std::string reference;             // empty: the image gets no name
  std::vector<std::string> changes;  // instructions, see image_change.h
  std::string message;
  std::string os, architecture, variant;  // empty: the host's
  bool quiet = false;
};

struct SearchOptions {
  std::string term;  // "registry/word", or a word for the search registries
  std::string authfile, creds, cert_dir;
  std::optional<bool> tls_verify;
  bool list_tags = false;
  size_t limit = 0;  // 0: as the registry likes
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

// What a manifest list says about one of its images beyond what the image itself does; empty: nothing.
struct ListMember {
  std::string os, architecture, variant, os_version;
  std::vector<std::string> features, os_features;
  std::map<std::string, std::string> annotations;
  bool operator==(const ListMember&) const = default;
};

struct ListOptions {
  PullOptions access;      // how to talk to registries
  bool amend = false;      // create: a list of this name is used
  bool all = false;        // add, create: of a list every image, not only the one for this platform
  ListMember member;       // add, annotate
  bool on_index = false;   // annotate: the annotations are the list's own
  std::string subject;     // annotate: digest of what the list is about
};

struct TrustOptions {
  std::string policy_file;             // empty: the user's, else the system's
  std::string registries_dir;          // empty: the system's registries.d
  std::string scope;                   // "default", or a repository or registry
  std::string type;                    // set: accept, reject, signedBy or sigstoreSigned
  std::vector<std::string> key_files;  // set
};

// A change of a file system against the layers below.
struct ChangedPath {
  enum class Kind { added, changed, deleted } kind = Kind::changed;
  std::string path;  // absolute
  bool operator==(const ChangedPath&) const = default;
};

struct MountedImage {
  std::string id;  // hex
  std::vector<std::string> names;
  std::string mountpoint;
};

class ImageVerbs {
 public:
  virtual ~ImageVerbs() = default;

  // Every image of an archive or an image directory. Names in it are taken from other images.
  virtual Result<std::vector<LoadedImage>> load(const LoadOptions& options) = 0;
  // One archive with all `items`. A file appears whole or not at all.
  virtual Result<void> save(const std::vector<SaveItem>& items, const SaveOptions& options) = 0;
  // A tarball as an image of one layer. Its id.
  virtual Result<std::string> import_image(const ImportOptions& options) = 0;
  virtual Result<std::vector<SearchHit>> search(const SearchOptions& options) = 0;

  // Manifest lists. Those that change one return its id, which stays the same. Errors: not_found, exists.
  virtual Result<std::string> create_list(const std::string& name, const std::vector<std::string>& images,
                                          const ListOptions& options) = 0;
  virtual Result<std::string> add_to_list(const std::string& list, const std::vector<std::string>& images,
                                          const ListOptions& options) = 0;
  virtual Result<std::string> annotate_list(const std::string& list, const std::string& digest,
                                            const ListOptions& options) = 0;
  virtual Result<std::string> remove_from_list(const std::string& list, const std::string& digest) = 0;
  virtual Result<bool> is_list(const std::string& name) = 0;
  // The document: of a list of the store, else of what a registry has under the name.
  virtual Result<std::string> list_document(const std::string& name, const PullOptions& access) = 0;

  // podman's rows of policy.json, or the file itself as text.
  virtual Result<Json> show_trust(const TrustOptions& options) = 0;
  virtual Result<std::string> trust_policy_text(const TrustOptions& options) = 0;
  virtual Result<void> set_trust(const TrustOptions& options) = 0;

  // What the image's last layer changes, or what all layers that `base` does not have do.
  virtual Result<std::vector<ChangedPath>> diff_image(const std::string& image, const std::string& base) = 0;
  // Read-only mounts below the runtime directory. Errors: permission outside of `unshare`, in podman's words.
  virtual Result<std::vector<MountedImage>> mount_images(const std::vector<std::string>& images) = 0;
  virtual Result<std::vector<MountedImage>> mounted_images() = 0;
  virtual Result<std::vector<std::string>> unmount_images(const std::vector<std::string>& images) = 0;
};

// `core` must outlive it.
std::unique_ptr<ImageVerbs> make_image_verbs(Core& core);

}  // namespace ctr::engine
