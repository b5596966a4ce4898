#include "cli/alias.h"

#include <array>
#include <utility>

namespace ctr::cli {

std::string_view option_alias(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> k_aliases = {{
      {"net", "network"},
      {"timeout", "time"},
      {"notruncate", "no-trunc"},
      {"override-arch", "arch"},
      {"override-os", "os"},
      {"override-variant", "variant"},
      {"purge", "rm"},
      {"namespace", "ns"},
      {"dns-opt", "dns-option"},
      {"storage", "external"},
  }};
  for (const auto& [alias, real] : k_aliases) {
    if (alias == name) return real;
  }
  return name;
}

}  // namespace ctr::cli
