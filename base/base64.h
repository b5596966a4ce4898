// Base64 of RFC 4648.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ctr {

std::string base64_encode(std::string_view bytes);
// nullopt unless all of `text` is base64, padded or not.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace ctr
