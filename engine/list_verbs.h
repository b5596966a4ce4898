// The verbs on manifest lists: images of several platforms under one name.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace ctr::engine {

class Core;

// What a list says of one of its images. Empty: nothing is said, or nothing changes.
struct ListMember {
  std::string os, architecture, variant, os_version;
  std::vector<std::string> features, os_features;
  std::map<std::string, std::string> annotations;
  bool operator==(const ListMember&) const = default;
};

// Images that come into a list.
struct AddRequest {
  std::string list;                 // its id, hex; the verbs take a name and put the id in
  std::vector<std::string> images;  // names of the store, else of a registry; "docker://" and "containers-storage:" say
                                    // which
  bool all = false;                 // of what is a list itself every image, not only the one for this platform
  ListMember member;
  PullOptions access;  // how to talk to registries
};

// Files that come into a list as an artifact.
struct ArtifactRequest {
  std::string list;
  std::vector<std::string> files;                  // paths
  std::string type;                                // media types, here and below; empty: nothing is known of it
  std::string config_file;                         // empty: there is no configuration
  std::string config_type;                         // empty: the usual one
  std::string layer_type;                          // of all files; empty: by name and content
  bool titles = true;                              // the files are called by their names
  std::string subject;                             // an image of the store that it is about; empty: none
  std::map<std::string, std::string> annotations;  // of the artifact
  ListMember member;
};

struct PushListOptions {
  PushOptions push;
  bool all = true;      // the images, too
  bool remove = false;  // the list goes when it is pushed
};

// A list has a document, names and a time, and nothing else of an image.
bool is_list(const ImageInfo& image);

class ListVerbs {
 public:
  virtual ~ListVerbs() = default;

  // The list's id, hex, here and below. With `amend` a list of this name is used. Errors: exists, and those of `add`.
  virtual Result<std::string> create(const std::string& name, bool amend,
                                     const std::map<std::string, std::string>& annotations, AddRequest request) = 0;
  // Errors: not_found, network, unauthorized, corrupt.
  virtual Result<std::string> add(AddRequest request) = 0;
  // Errors: not_found, invalid.
  virtual Result<std::string> add_artifact(const ArtifactRequest& request) = 0;
  // `image`: a digest, or an image of the store. Errors: not_found, invalid.
  virtual Result<std::string> annotate(const std::string& list, const std::string& image, const ListMember& member) = 0;
  // Of the list as a whole. `subject`: an image of the store; empty: stays as it is.
  virtual Result<std::string> annotate_all(const std::string& list,
                                           const std::map<std::string, std::string>& annotations,
                                           const std::string& subject) = 0;
  virtual Result<std::string> remove_member(const std::string& list, const std::string& image) = 0;
  // Whether the store has a list of this name. Errors: invalid when it is an image.
  virtual Result<bool> exists(const std::string& name) = 0;
  // The document: that of a list of the store, else what a registry has under the name.
  virtual Result<std::string> document(const std::string& name, const PullOptions& access) = 0;
  // The list; its images stay. Errors: not_found, invalid when it is an image.
  virtual Result<RemoveImageReport> remove(const std::string& name) = 0;
  // The digest that was pushed. An empty destination: the list's name.
  virtual Result<std::string> push(const std::string& list, const std::string& destination,
                                   const PushListOptions& options) = 0;
};

// The verbs of an open engine; they live as long as it does.
ListVerbs& list_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<ListVerbs> make_list_verbs(Core& core);

}  // namespace ctr::engine
