// docker-credential-NAME programs. Source: docker-credential-helpers protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/paths.h"
#include "base/result.h"
#include "registry/auth.h"

namespace ctr::registry {

// One helper program; secrets travel over its standard input and output only.
class CredentialHelper {
 public:
  // `environment` outlives it.
  CredentialHelper(std::string name, const Environment& environment)
      : name_(std::move(name)), environment_(environment) {}

  // nullopt when the helper has nothing for `server`. Errors: not_found (no such program), io (it failed).
  Result<std::optional<Credentials>> get(std::string_view server, const CancelToken& cancel) const;
  Result<void> store(std::string_view server, const Credentials& credentials, const CancelToken& cancel) const;
  // False when there was nothing to erase.
  Result<bool> erase(std::string_view server, const CancelToken& cancel) const;

 private:
  struct Reply {
    bool found = false;
    std::string text;
  };
  Result<Reply> run(const std::string& action, const std::string& input, const CancelToken& cancel) const;

  std::string name_;
  const Environment& environment_;
};

}  // namespace ctr::registry
