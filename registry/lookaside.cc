#include "registry/lookaside.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

constexpr std::string_view k_file_scheme = "file://";
constexpr mode_t k_dir_mode = 0755;
constexpr mode_t k_file_mode = 0644;

// The directory of a manifest's signatures, made when it is missing.
Result<Dir> open_place(const std::string& place, const Endpoint& endpoint, const Digest& manifest) {
  const auto first = TRY(path_of_file_url(signature_url(place, endpoint, manifest, 1)));
  if (!first) {
    return Error(Errc::unsupported, fmt::format("signatures cannot be written to '{}'", printable(place)))
        .with_hint("name a directory in registries.d: lookaside-staging: file:///…");
  }
  return Dir::open_or_make(first->substr(0, first->rfind('/')), k_dir_mode);
}

}  // namespace

std::string signature_url(std::string_view place, const Endpoint& endpoint, const Digest& manifest, size_t number) {
  return fmt::format("{}/{}@{}={}/signature-{}", place, endpoint.repository, manifest.algorithm_name(), manifest.hex(),
                     number);
}

Result<std::optional<std::string>> path_of_file_url(std::string_view url) {
  if (!url.starts_with(k_file_scheme)) return std::optional<std::string>();
  const auto path = url.substr(k_file_scheme.size());
  // A host in front of the path, or an escape in it, would be read as another file than is meant.
  if (!path.starts_with('/') || path.find_first_of("%?#") != std::string_view::npos) {
    return Error(Errc::invalid, fmt::format("'{}' is not a plain file URL", printable(url)))
        .with_hint("write file:/// and an absolute path");
  }
  return std::optional<std::string>(path);
}

Result<void> store_signature(const std::string& place, const Endpoint& endpoint, const Digest& manifest,
                             const std::string& signature) {
  const auto dir = TRY(open_place(place, endpoint, manifest));
  // What would be read behind the new one is for what was there before.
  for (size_t number = 2;; ++number) {
    const auto name = fmt::format("signature-{}", number);
    if (!dir.exists(name)) break;
    TRY(dir.remove_file(name));
  }
  return dir.write_file("signature-1", signature, Sync::yes, k_file_mode);
}

Result<void> add_signature(const std::string& place, const Endpoint& endpoint, const Digest& manifest,
                           const std::string& signature) {
  const auto dir = TRY(open_place(place, endpoint, manifest));
  size_t number = 1;
  while (dir.exists(fmt::format("signature-{}", number))) ++number;
  return dir.write_file(fmt::format("signature-{}", number), signature, Sync::yes, k_file_mode);
}

}  // namespace ctr::registry
