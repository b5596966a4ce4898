#include "registry/errors.h"

#include <curl/curl.h>

#include <algorithm>

#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

Errc code_of(int status) {
  if (status == 401 || status == 403) return Errc::unauthorized;
  if (status == 404) return Errc::not_found;
  return Errc::network;
}

std::string_view status_words(int status) {
  switch (status) {
    case 400:
      return "bad request";
    case 401:
      return "unauthorized: authentication required";
    case 403:
      return "denied: requested access to the resource is denied";
    case 404:
      return "not found";
    case 405:
      return "method not allowed";
    case 413:
      return "request entity too large";
    case 416:
      return "range not satisfiable";
    case 429:
      return "toomanyrequests: too many requests";
    case 500:
      return "internal server error";
    case 502:
      return "bad gateway";
    case 503:
      return "service unavailable";
    case 504:
      return "gateway timeout";
    default:
      return "";
  }
}

std::string string_member(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value && value->is_string() ? value->as_string() : "";
}

// "MANIFEST_UNKNOWN" with "manifest unknown" → "manifest unknown"; other messages follow the code after ": ".
std::string words_of(const Json& error) {
  std::string code = to_lower(string_member(error, "code"));
  std::replace(code.begin(), code.end(), '_', ' ');
  const std::string message = string_member(error, "message");
  if (message.empty() || to_lower(message) == code) return code;
  return code.empty() ? message : code + ": " + message;
}

std::string words_of_body(std::string_view body) {
  const auto document = parse_json(body, "answer", {.size_bytes = size_t{1} << 20});
  if (!document) return "";
  if (const Json* errors = document->find("errors"); errors && errors->is_array() && !errors->as_array().empty()) {
    return words_of(errors->as_array().front());
  }
  for (const auto* key : {"details", "message", "error_description", "error"}) {
    const std::string text = string_member(*document, key);
    if (!text.empty()) return text;
  }
  return "";
}

}  // namespace

Error error_of_response(int status, std::string_view body) {
  std::string words = printable(words_of_body(body));
  if (words.empty()) {
    words = status_words(status);
    words = "status " + std::to_string(status) + (words.empty() ? "" : " (" + words + ")");
  } else if (code_of(status) == Errc::network) {
    words = "status " + std::to_string(status) + ": " + words;
  }
  Error error(code_of(status), words);
  if (error.code() != Errc::unauthorized) return error;
  return std::move(error).with_hint("`ctr login` keeps credentials for a registry; check that they may do this");
}

int64_t retry_after_seconds(std::string_view header, int64_t now_unix) {
  const auto text = trim(header);
  if (text.empty()) return -1;
  if (const auto seconds = parse_unsigned(text, "Retry-After", INT32_MAX)) return static_cast<int64_t>(*seconds);
  const time_t date = curl_getdate(std::string(text).c_str(), nullptr);
  if (date < 0) return -1;
  return std::max<int64_t>(0, static_cast<int64_t>(date) - now_unix);
}

}  // namespace ctr::registry
