// Stored credentials, in ctr-transfer: reading and forgetting them.
#include <fmt/format.h>

#include "engine/transfer.h"
#include "registry/auth.h"
#include "registry/policy.h"

namespace ctr::engine {

Result<TransferAnswer> manage_credentials(const EngineOptions& options, const TransferRequest& request) {
  const auto registries = TRY(registry::load_registries_config(options.environment, options.paths));
  registry::AuthOptions auth;
  auth.authfile = request.login.authfile;
  auth.compat_authfile = request.login.compat_authfile;
  auth.environment = options.environment;
  auth.paths = options.paths;
  auth.credential_helpers = registries.credential_helpers;
  const registry::CredentialStore credentials(std::move(auth));
  TransferAnswer answer;
  if (request.verb == TransferRequest::Verb::logout_all) {
    TRY(credentials.erase_all());
    return answer;
  }
  const auto key = registry::normalise_auth_key(request.reference);
  const auto slash = key.find('/');
  const auto host = key.substr(0, slash);
  const auto repository = slash == std::string::npos ? std::string{} : key.substr(slash + 1);
  if (request.verb == TransferRequest::Verb::stored_login) {
    const auto found = TRY(credentials.find(host, repository, options.cancel));
    if (!found) return Error(Errc::not_found, fmt::format("not logged into {}", key));
    answer.username = found->username;
    return answer;
  }
  auto erased = credentials.erase(key, options.cancel);
  if (!erased && erased.error().code() == Errc::not_found) {
    return Error(Errc::not_found, fmt::format("not logged into {}", key));
  }
  TRY(std::move(erased));
  return answer;
}

}  // namespace ctr::engine
