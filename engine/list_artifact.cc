#include "engine/list_artifact.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/digest.h"
#include "base/fd.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

constexpr const char* k_manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* k_config_type = "application/vnd.oci.image.config.v1+json";
// Where there is nothing to say. Source: OCI image-spec 1.1 "Guidance for an Empty Descriptor".
constexpr const char* k_empty_type = "application/vnd.oci.empty.v1+json";
constexpr std::string_view k_empty = "{}";
// What podman and ORAS call what has no type.
constexpr const char* k_unknown_type = "application/vnd.unknown.artifact.v1";
constexpr const char* k_title = "org.opencontainers.image.title";
constexpr size_t k_chunk_bytes = size_t{1} << 20;
constexpr size_t k_looked_at_bytes = 512;

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> k_types = {{
    {".css", "text/css"},
    {".gif", "image/gif"},
    {".htm", "text/html"},
    {".html", "text/html"},
    {".jpeg", "image/jpeg"},
    {".jpg", "image/jpeg"},
    {".js", "text/javascript"},
    {".json", "application/json"},
    {".md", "text/markdown"},
    {".pdf", "application/pdf"},
    {".png", "image/png"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain"},
    {".wasm", "application/wasm"},
    {".webp", "image/webp"},
    {".xml", "text/xml"},
}};

oci::Descriptor described(std::string_view text, std::string type) {
  return {.media_type = std::move(type),
          .digest = digest_of(text),
          .size_bytes = text.size(),
          .platform = {},
          .annotations = {}};
}

Result<Fd> open_regular(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return Error::from_errno(fmt::format("open '{}'", printable(path)));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return Error::from_errno(fmt::format("look at '{}'", printable(path)));
  if (S_ISREG(status.st_mode)) return file;
  return Error(Errc::invalid, fmt::format("'{}' is no regular file", printable(path)));
}

// Hands out the file from its beginning.
template <typename Take>
Result<void> read_file_through(const Fd& file, const std::string& path, const CancelToken& cancel, const Take& take) {
  std::string buffer(k_chunk_bytes, '\0');
  off_t offset = 0;
  while (true) {
    TRY(cancel.check());
    const ssize_t size = ::pread(file.get(), buffer.data(), buffer.size(), offset);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno(fmt::format("read '{}'", printable(path)));
    if (size == 0) return ok();
    TRY(take(std::string_view(buffer).substr(0, static_cast<size_t>(size))));
    offset += size;
  }
}

class Keeper {
 public:
  Keeper(const storage::Store& store, storage::Pin& pin, const CancelToken& cancel)
      : store_(store), pin_(pin), cancel_(cancel) {}

  Result<void> keep(std::string_view text, const oci::Descriptor& descriptor) {
    TRY(pin_.add({descriptor.digest}, {}, cancel_));
    auto blob = TRY(store_.blobs().stage(text, descriptor, cancel_));
    return blob ? blob->commit() : ok();
  }

  // An empty type: by name and content.
  Result<oci::Descriptor> keep_file(const std::string& path, std::string type) {
    const auto file = TRY(open_regular(path));
    Hasher hasher;
    uint64_t size_bytes = 0;
    std::string first;
    TRY(read_file_through(file, path, cancel_, [&](std::string_view bytes) {
      if (size_bytes == 0) first = bytes.substr(0, k_looked_at_bytes);
      size_bytes += bytes.size();
      hasher.update(bytes);
      return ok();
    }));
    if (type.empty()) type = file_media_type(path.substr(path.rfind('/') + 1), first);
    oci::Descriptor descriptor{.media_type = std::move(type),
                               .digest = hasher.finish(),
                               .size_bytes = size_bytes,
                               .platform = {},
                               .annotations = {}};
    TRY(pin_.add({descriptor.digest}, {}, cancel_));
    auto blob = TRY(store_.blobs().begin(descriptor, cancel_));
    if (!blob) return descriptor;
    if (blob->is_resumed()) TRY(blob->restart());
    TRY(read_file_through(file, path, cancel_, [&](std::string_view bytes) { return blob->append(bytes); }));
    TRY(blob->commit().context(fmt::format("'{}' has changed meanwhile", printable(path))));
    return descriptor;
  }

  Result<oci::Descriptor> keep_config(const ArtifactRequest& request) {
    if (!request.config_file.empty()) {
      return keep_file(request.config_file, request.config_type.empty() ? k_config_type : request.config_type);
    }
    auto config = described(k_empty, request.config_type.empty() ? k_empty_type : request.config_type);
    TRY(keep(k_empty, config));
    return config;
  }

 private:
  const storage::Store& store_;
  storage::Pin& pin_;
  const CancelToken& cancel_;
};

}  // namespace

std::string file_media_type(std::string_view name, std::string_view first_bytes) {
  const size_t dot = name.rfind('.');
  const auto ending = to_lower(dot == std::string_view::npos ? "" : name.substr(dot));
  for (const auto& [known, type] : k_types) {
    if (ending == known) return std::string(type);
  }
  if (first_bytes.starts_with("\x1f\x8b")) return "application/gzip";
  const bool is_binary = std::any_of(first_bytes.begin(), first_bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\x1b';
  });
  return is_binary ? "application/octet-stream" : "text/plain";
}

std::string artifact_manifest(const ArtifactRequest& request, const oci::Descriptor& config,
                              const std::vector<oci::Descriptor>& files, const Json& subject) {
  Json layers = Json::array();
  for (const auto& file : files) layers.push(oci::to_json(file));
  Json manifest = Json::object()
                      .set("schemaVersion", 2)
                      .set("mediaType", k_manifest_type)
                      .set("artifactType", request.type.empty() ? k_unknown_type : request.type)
                      .set("config", oci::to_json(config))
                      .set("layers", std::move(layers));
  if (!subject.is_null()) manifest.set("subject", subject);
  if (!request.annotations.empty()) manifest.set("annotations", Json::string_map(request.annotations));
  return dump_json(manifest);
}

Result<Json> keep_artifact(const storage::Store& store, storage::Pin& pin, const ArtifactRequest& request,
                           const Json& subject, const CancelToken& cancel) {
  Keeper keeper(store, pin, cancel);
  const auto config = TRY(keeper.keep_config(request));
  std::vector<oci::Descriptor> files;
  for (const auto& path : request.files) {
    files.push_back(TRY(keeper.keep_file(path, request.layer_type)));
    if (request.titles) files.back().annotations[k_title] = path.substr(path.rfind('/') + 1);
  }
  const auto text = artifact_manifest(request, config, files, subject);
  auto manifest = described(text, k_manifest_type);
  TRY(keeper.keep(text, manifest));
  manifest.artifact_type = request.type.empty() ? k_unknown_type : request.type;
  return oci::to_json(manifest);
}

}  // namespace ctr::engine
