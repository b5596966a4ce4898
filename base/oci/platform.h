// os/architecture[/variant] of an image. Source: OCI image-spec 1.1 "Image Index: platform".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::oci {

struct Platform {
  std::string os = "linux";
  std::string architecture;
  std::string variant;
  std::string to_string() const;
  bool operator==(const Platform&) const = default;
};

// "linux/arm64/v8", "arm64"; uname names such as x86_64 and aarch64 are normalised. Errors: invalid.
Result<Platform> parse_platform(std::string_view text);
// The platform this binary was built for.
Platform host_platform();
// How well `candidate` serves `wanted`: 0 not at all, higher is better (an exact variant beats a compatible one).
int match_score(const Platform& wanted, const Platform& candidate);

}  // namespace ctr::oci
