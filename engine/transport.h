// Image names with a transport in front, as podman and skopeo take them: "oci-archive:FILE", "docker://…".
// Source: containers-transports(5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::engine {

enum class Transport { registry, docker_archive, oci_archive, oci, dir };
// "docker-archive"; "docker" for registries.
std::string_view transport_name(Transport transport);

struct ImageLocation {
  Transport transport = Transport::registry;
  std::string reference;        // registry: as typed, without "docker://"
  std::string path;             // the others: a file or a directory
  std::string name;             // behind a second colon: which image in it; empty: not given
  std::optional<size_t> index;  // "@2" instead of a name
  bool operator==(const ImageLocation&) const = default;
};

// Errors: invalid (no path, a bad index), unsupported for transports that ctr does not have, named.
Result<ImageLocation> parse_location(std::string_view text);
// As it is typed.
std::string location_text(const ImageLocation& location);
// True when the image is in files, not in a registry.
bool is_local(std::string_view text);

}  // namespace ctr::engine
