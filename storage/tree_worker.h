// The worker processes that read and write a container's root or a directory of the host: what they are asked, and how
// they get at the tree.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "storage/confine.h"
#include "storage/tree_archive.h"

namespace ctr::storage {

// A directory or file of the host that is seen in the tree at `destination`.
struct TreeBind {
  std::string source;
  std::string destination;
  bool read_only = false;
  std::string subpath = {};  // what below the source is meant, where links lead nowhere but below it; empty: all
  bool operator==(const TreeBind&) const = default;
};

// How a worker gets at the tree: by a descriptor, or by stacking layers that nobody has mounted meanwhile.
struct TreePlace {
  int root_fd = -1;                     // a directory; -1: one of those below
  bool is_mounted_away = false;         // the directory is in another mount namespace: the root of a running container
  int user_fd = -1;                     // a user namespace that is joined before the tree is looked at
  std::string directory;                // absolute path of the tree; empty: layers
  std::vector<std::string> lower_dirs;  // topmost first, absolute paths
  std::string upper;                    // empty: the layers are only read
  std::string work;
  bool is_volatile = false;  // as the container itself mounts it
  std::vector<TreeBind> binds;
  bool operator==(const TreePlace&) const = default;
};
Json to_json(const TreePlace& place);
Result<TreePlace> tree_place_from_json(const JsonReader& reader);

struct ArchiveRequest {
  // What of the place: a path of it; or its layers without mounting them, merged or the only one as changes.
  enum class Form { tree, layers, changes } form = Form::tree;
  TreePlace place;
  ArchiveJob job;                     // with Form::tree
  std::vector<std::string> left_out;  // with Form::layers and Form::changes
  int stream_fd = -1;
  int answer_fd = -1;
  bool operator==(const ArchiveRequest&) const = default;
};
Json to_json(const ArchiveRequest& request);
Result<ArchiveRequest> archive_request_from_json(const JsonReader& reader);

struct ExtractRequest {
  TreePlace place;
  ExtractJob job;
  int stream_fd = -1;
  int answer_fd = -1;
  bool operator==(const ExtractRequest&) const = default;
};
Json to_json(const ExtractRequest& request);
Result<ExtractRequest> extract_request_from_json(const JsonReader& reader);

// The answer of both: {} or {"error": …}.
Result<void> tree_answer_from_json(const Json& answer);

// The main functions of the worker processes: confine themselves, do the job, answer, return the exit code.
int run_archive_worker(const ArchiveRequest& request, const LoadFilter& load_filter = {});
int run_extract_worker(const ExtractRequest& request, const LoadFilter& load_filter = {});

}  // namespace ctr::storage
