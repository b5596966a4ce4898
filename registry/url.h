// URLs of http and https, taken apart by libcurl's own parser so that both sides read them alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ctr::registry {

// What credentials are bound to.
struct Origin {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case
  uint16_t port = 0;
  std::string to_string() const;
  bool operator==(const Origin&) const = default;
  auto operator<=>(const Origin&) const = default;
};

struct Url {
  std::string text;  // without fragment
  Origin origin;
  bool operator==(const Url&) const = default;
};

// Errors: invalid: another scheme, a user name inside, or not a URL.
Result<Url> parse_url(std::string_view text);
// The target of a Location header or a relative link, seen from `base`. Errors: invalid.
Result<Url> resolve_url(const Url& base, std::string_view location);
std::string percent_encode(std::string_view text);
// "a=b&c=d" with encoded values.
std::string encode_form(const std::vector<std::pair<std::string, std::string>>& fields);
// `url` with the fields added to its query.
Result<Url> with_query(const Url& url, const std::vector<std::pair<std::string, std::string>>& fields);

// The target of `Link: <…>; rel="next"`, or empty. Source: OCI distribution-spec 1.1 "Content Discovery".
std::string next_link(std::string_view header);

}  // namespace ctr::registry
