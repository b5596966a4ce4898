// Tokens of the Docker token protocol. Source: distribution "Token Authentication", "OAuth2 Token Authentication".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/auth.h"
#include "registry/challenge.h"
#include "registry/transport.h"

namespace ctr::registry {

struct Token {
  std::string value;
  std::chrono::seconds lifetime{60};  // the protocol's default
};

// The request that gets a token for `scopes`, as a Bearer challenge of `registry` asks for it.
//
// The realm must be https when the registry is, so that a password never leaves TLS.
// Errors: unauthorized.
Result<HttpRequest> token_request(const Challenge& challenge, const Origin& registry,
                                  const std::vector<std::string>& scopes,
                                  const std::optional<Credentials>& credentials);
// Errors: unauthorized: no token inside, or one with characters that no header may hold.
Result<Token> parse_token(std::string_view body);
// "Basic …" of RFC 7617.
std::string basic_authorization(const Credentials& credentials);

}  // namespace ctr::registry
