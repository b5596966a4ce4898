#include "registry/url.h"

#include <curl/curl.h>

#include <memory>

#include "base/text.h"

namespace ctr::registry {
namespace {

struct FreeHandle {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
using Handle = std::unique_ptr<CURLU, FreeHandle>;

struct FreeText {
  void operator()(char* text) const { curl_free(text); }
};

std::string part(CURLU* handle, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, which, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, FreeText> owner(text);
  return text;
}

Error wrong(std::string_view text, std::string_view why) {
  return Error(Errc::invalid, "'" + printable(text) + "' is not a usable URL: " + std::string(why));
}

Result<Url> finish(CURLU* handle, std::string_view text) {
  Url url;
  url.origin.scheme = part(handle, CURLUPART_SCHEME);
  url.origin.host = to_lower(part(handle, CURLUPART_HOST));
  if (url.origin.scheme != "http" && url.origin.scheme != "https")
    return wrong(text, "only http and https are allowed");
  if (url.origin.host.empty()) return wrong(text, "it has no host");
  const std::string port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  url.origin.port = static_cast<uint16_t>(std::stoul(port));
  curl_url_set(handle, CURLUPART_FRAGMENT, nullptr, 0);
  url.text = part(handle, CURLUPART_URL);
  if (url.text.empty()) return wrong(text, "it cannot be put together again");
  return url;
}

}  // namespace

std::string Origin::to_string() const { return scheme + "://" + host + ":" + std::to_string(port); }

Result<Url> parse_url(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return wrong(text, "it holds a NUL byte");
  const Handle handle(curl_url());
  CTR_ASSERT(handle != nullptr);
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_DISALLOW_USER);
  if (code != CURLUE_OK) return wrong(text, to_lower(curl_url_strerror(code)));
  return finish(handle.get(), text);
}

Result<Url> resolve_url(const Url& base, std::string_view location) {
  if (location.empty() || location.find('\0') != std::string_view::npos) return wrong(location, "it is empty");
  const Handle handle(curl_url());
  CTR_ASSERT(handle != nullptr);
  // Setting the URL part twice resolves the second against the first.
  CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, base.text.c_str(), 0);
  if (code == CURLUE_OK) {
    code = curl_url_set(handle.get(), CURLUPART_URL, std::string(location).c_str(), CURLU_DISALLOW_USER);
  }
  if (code != CURLUE_OK) return wrong(location, to_lower(curl_url_strerror(code)));
  return finish(handle.get(), location);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view k_hex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    // RFC 3986: unreserved characters.
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', k_hex[byte >> 4], k_hex[byte & 15]};
    }
  }
  return encoded;
}

std::string encode_form(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string form;
  for (const auto& [key, value] : fields) {
    if (!form.empty()) form += '&';
    form += percent_encode(key) + "=" + percent_encode(value);
  }
  return form;
}

Result<Url> with_query(const Url& url, const std::vector<std::pair<std::string, std::string>>& fields) {
  if (fields.empty()) return url;
  const char separator = url.text.find('?') == std::string::npos ? '?' : '&';
  return parse_url(url.text + separator + encode_form(fields));
}

std::string next_link(std::string_view header) {
  const auto open = header.find('<');
  const auto close = header.find('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return "";
  if (header.find("next", close) == std::string_view::npos) return "";
  return std::string(header.substr(open + 1, close - open - 1));
}

}  // namespace ctr::registry
