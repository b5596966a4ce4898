// CredentialStore: auth.json, Docker's config.json and credential helpers.
//
// Source: containers-auth.json(5), docker-credential-helpers protocol.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/result.h"

namespace ctr::registry {

// What a registry is shown. Never printed, never passed in an argument.
struct Credentials {
  std::string username;
  std::string password;
  std::string identity_token;  // an OAuth2 refresh token; when set, the password is not used
  bool empty() const { return username.empty() && password.empty() && identity_token.empty(); }
  bool operator==(const Credentials&) const = default;
};

// "user:password" of --creds; without ':' the password is empty. Errors: invalid when there is no user name.
Result<Credentials> parse_credentials(std::string_view text);

// "https://index.docker.io/v1/" → "docker.io", "https://quay.io/v2/" → "quay.io"; anything else without scheme and
// trailing slash. The key under which credentials of a registry are stored.
std::string normalise_auth_key(std::string_view key);

struct AuthOptions {
  std::string authfile;         // --authfile
  std::string compat_authfile;  // --compat-auth-file: Docker's format, for login and logout
  Environment environment;
  UserPaths paths;
  std::vector<std::string> credential_helpers;  // of registries.conf
};

class CredentialStore {
 public:
  explicit CredentialStore(AuthOptions options) : options_(std::move(options)) {}

  // Credentials for a repository: the longest key among host/ns/repo, host/ns and host in the first file that has one.
  //
  // Files: --authfile or REGISTRY_AUTH_FILE alone; else auth.json of the runtime directory, of the configuration
  // directory, Docker's config.json ($DOCKER_CONFIG or ~/.docker), ~/.dockercfg.
  // Errors: invalid (a file that cannot be read), from a credential helper.
  Result<std::optional<Credentials>> find(std::string_view host, std::string_view repository,
                                          const CancelToken& cancel = {}) const;

  // Stores under `key` ("host" or "host/ns/repo"), keeping everybody else's entries; the file gets mode 0600 and is
  // replaced as a whole.
  Result<void> store(std::string_view key, const Credentials& credentials, const CancelToken& cancel = {}) const;
  // Errors: not_found when there was no entry.
  Result<void> erase(std::string_view key, const CancelToken& cancel = {}) const;
  Result<void> erase_all() const;
  // The file that store() and erase() change.
  std::string write_path() const;

 private:
  AuthOptions options_;
};

}  // namespace ctr::registry
