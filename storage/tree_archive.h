// Trees to tar and back, for `cp`, `export` and `commit`: the paths of both ends are resolved as a process whose root
// is the tree would resolve them, so no link leads out of it.
//
// Between the two ends of a copy flows a tar whose root entry is called ".", or as what a link has led to: a directory
// with what is in it, or one file. The writing end decides by it what the destination means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "storage/unpack.h"

namespace ctr::storage {

// What is read.
struct ArchiveJob {
  std::string path;              // in the tree, absolute or relative to its root; links are followed
  std::string name;              // of the root entry; empty: a directory's entries without it
  std::string owner;             // whose tree it is, for messages: "container web", "the host"
  bool skip_unreadable = false;  // leave out what may not be read, such as files of the kernel
  bool name_of_target = false;   // where the path ends in a link, the root entry is called as what that leads to
  bool operator==(const ArchiveJob&) const = default;
};
// Writes a tar of a file or directory to `output_fd`. Sockets and devices are left out; further names of one file are
// hard links; entries come sorted by name. Errors: not_found in podman's words, io.
Result<void> archive_tree(const Dir& root, const ArchiveJob& job, int output_fd);
// The same of all that a stack of layers shows, topmost first, without a root entry. The paths `left_out` (relative to
// the root) are left out where the topmost layer alone has them.
Result<void> archive_layers(const std::vector<Dir>& layers, const std::vector<std::string>& left_out, int output_fd);
// The same of one layer by itself, with whiteouts as an OCI layer has them, without the paths `left_out` (relative to
// its root) and what is below them.
Result<void> archive_changes(const Dir& layer, const std::vector<std::string>& left_out, int output_fd);

// Where a tar goes.
struct ExtractJob {
  std::string path;   // in the tree; links are followed
  std::string owner;  // as above
  std::string name;   // what the source is called; empty: its content goes into `path`
  enum class Source { copy, archive } source = Source::copy;  // archive: a tar of the user's, for a directory
  bool overwrite = false;                                     // directories and other files may replace each other
  bool drop_set_id = false;          // files get no set-user-ID and set-group-ID bits: they come from a container
  std::optional<uint32_t> uid = {};  // the owner of everything; absent: as in the archive
  std::optional<uint32_t> gid = {};
  OwnerRules owners = {};
  bool operator==(const ExtractJob&) const = default;
};
// Reads the tar of `input_fd` to its end; an input without any byte makes nothing. The limits of UnpackLimits hold for
// an archive, which may be compressed.
// Errors: not_found in podman's words, exists (something of another kind is in the way), invalid, corrupt, no_space.
Result<void> extract_tree(const Dir& root, const ExtractJob& job, int input_fd);

}  // namespace ctr::storage
