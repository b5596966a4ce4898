#include "registry/tokens.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

// Our own scope, and the challenge's when it says more: some proxies name repositories otherwise than in the path.
std::vector<std::string> all_scopes(const Challenge& challenge, const std::vector<std::string>& scopes) {
  std::vector<std::string> all = scopes;
  for (const auto& scope : split(challenge.parameter("scope"), ' ')) {
    if (!scope.empty() && std::find(all.begin(), all.end(), scope) == all.end()) all.push_back(scope);
  }
  return all;
}

Error refused(std::string message) { return Error(Errc::unauthorized, std::move(message)); }

}  // namespace

Result<HttpRequest> token_request(const Challenge& challenge, const Origin& registry,
                                  const std::vector<std::string>& scopes,
                                  const std::optional<Credentials>& credentials) {
  const std::string realm = challenge.parameter("realm");
  auto url = parse_url(realm);
  if (!url) return refused("the registry's token realm '" + printable(realm) + "' is not an http or https URL");
  if (registry.scheme == "https" && url->origin.scheme != "https") {
    return refused("the registry's token realm '" + printable(realm) +
                   "' is not https although the registry is; no token is asked for there");
  }
  std::vector<std::pair<std::string, std::string>> fields;
  const std::string service = challenge.parameter("service");
  if (!service.empty()) fields.emplace_back("service", service);
  const auto wanted = all_scopes(challenge, scopes);
  HttpRequest request;
  request.headers = {"Accept: application/json"};
  if (credentials && !credentials->identity_token.empty()) {
    request.method = Method::post;
    request.url = std::move(*url);
    fields.emplace_back("grant_type", "refresh_token");
    fields.emplace_back("client_id", "ctr");
    fields.emplace_back("refresh_token", credentials->identity_token);
    if (!wanted.empty()) fields.emplace_back("scope", join(wanted, " "));
    request.body = encode_form(fields);
    request.headers.emplace_back("Content-Type: application/x-www-form-urlencoded");
    return request;
  }
  for (const auto& scope : wanted) fields.emplace_back("scope", scope);
  if (credentials) {
    fields.emplace_back("account", credentials->username);
    request.headers.push_back("Authorization: " + basic_authorization(*credentials));
  }
  request.url = TRY(with_query(*url, fields));
  return request;
}

Result<Token> parse_token(std::string_view body) {
  const auto document = parse_json(body, "token answer", {.size_bytes = size_t{1} << 20});
  if (!document || !document->is_object()) return refused("the token server's answer is not a JSON object");
  const JsonReader reader(*document, "token answer");
  Token token;
  token.value = TRY(reader.string_or("token", ""));
  if (token.value.empty()) token.value = TRY(reader.string_or("access_token", ""));
  if (token.value.empty()) return refused("the token server's answer holds no token");
  for (const char c : token.value) {
    if (c <= ' ' || c >= 0x7f) return refused("the token server's answer holds a token that no header may carry");
  }
  const int64_t seconds = TRY(reader.int_or("expires_in", 0));
  if (seconds > 0) token.lifetime = std::chrono::seconds(std::min<int64_t>(seconds, 86'400));
  return token;
}

std::string basic_authorization(const Credentials& credentials) {
  return "Basic " + base64_encode(credentials.username + ":" + credentials.password);
}

}  // namespace ctr::registry
