// Small text functions that know nothing of containers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctr {

std::string to_hex(std::string_view bytes);
bool is_lower_hex(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);
// At the first separator; nullopt when there is none.
std::optional<std::pair<std::string, std::string>> split_once(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
// Untrusted text made safe for a terminal: control and bidirectional characters become \xNN, cut at `limit_bytes`.
std::string printable(std::string_view text, size_t limit_bytes = 512);
// Cuts to `width` characters with "..." behind when it was longer.
std::string ellipsis(std::string_view text, size_t width);
// go-units: "2.13 MB" style needs the separator podman uses; decimal units, 4 significant digits ("%.4g").
std::string human_size(uint64_t size_bytes, std::string_view separator = "");
// The wildcard match of fnmatch without classes: '*' and '?'.
bool wildcard_match(std::string_view pattern, std::string_view text);

}  // namespace ctr
