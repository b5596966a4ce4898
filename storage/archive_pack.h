// Writes an image archive: a tar whose files are documents and blobs of the store, one after the other, in a stream.
//
// What goes into it is a plan, a value; the worker that carries it out sees nothing but the directory of blobs,
// read-only, and the output. Equal plans give equal bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "storage/confine.h"

namespace ctr::storage {

// One file of the archive.
struct PackMember {
  enum class Content { text, blob, decompressed_blob };
  std::string path;
  Content content = Content::text;
  std::string text;              // with Content::text
  std::optional<Digest> blob;    // otherwise: which blob of the store
  uint64_t size_bytes = 0;       // of the file in the archive
  std::optional<Digest> digest;  // of a decompressed blob's content
  bool operator==(const PackMember&) const = default;
};
using PackPlan = std::vector<PackMember>;

PackMember text_member(std::string path, std::string text);
PackMember blob_member(std::string path, const Digest& blob, uint64_t size_bytes);
// `size_bytes` and `digest` are those of the uncompressed content: tar wants to know before it comes.
PackMember decompressed_member(std::string path, const Digest& blob, uint64_t size_bytes, const Digest& digest);

// What is in front of a file: 512 bytes of POSIX ustar; sizes from 8 GiB on as GNU tar writes them. Owner root, no
// time. A `path` of more than 100 bytes (files called by a sha512 digest) is in an extended header before that, as
// POSIX.1-2001 "pax Interchange Format" wants it.
std::string tar_file_header(std::string_view path, uint64_t size_bytes);
// The same for a directory; `path` ends with '/'.
std::string tar_directory_header(std::string_view path);

// Writes the whole archive. `blobs` is the directory that holds sha256/.
// Errors: not_found, corrupt (a blob that is not what the plan says), io, no_space.
Result<void> pack_archive(const PackPlan& plan, const Dir& blobs, int output_fd);
// The bare content of all members.
Result<void> pack_content(const PackPlan& plan, const Dir& blobs, int output_fd);

enum class PackForm { archive, content };

// The request of the worker process; its answer is {} or {"error": …} on answer_fd.
struct PackRequest {
  int blobs_fd = -1;
  int output_fd = -1;
  int answer_fd = -1;
  PackForm form = PackForm::archive;
  PackPlan plan;
};
Json to_json(const PackRequest& request);
Result<PackRequest> pack_request_from_json(const JsonReader& reader);
Result<void> pack_answer_from_json(const Json& answer);

// The main function of the worker process: confines itself, packs, answers, returns the exit code.
int run_pack_worker(const PackRequest& request, const LoadFilter& load_filter = {});

}  // namespace ctr::storage
