// OpenPGP by the programs of GnuPG: gpgv looks at signatures with the keys that it is given, gpg makes them with the
// user's. Source: gpgv(1), gpg(1), GnuPG doc/DETAILS "Format of the --status-fd output", RFC 9580 "ASCII Armor".
#pragma once

#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/paths.h"
#include "base/result.h"

namespace ctr::registry {

// Public keys as packets, whether they come armored or not. Errors: invalid.
Result<std::string> dearmor_keys(std::string_view text);

// Whether what gpgv reports is one good signature over one document. Pure.
// Errors: permission with the reason: no such key, expired, revoked, damaged.
Result<void> check_gpg_status(std::string_view status);

struct GnupgContext {
  const Environment& environment;
  const CancelToken& cancel;
};

// The document inside of a signature that one of `keyring` (packets) has made. No other key counts, above all none of
// the user's. Errors: permission, unsupported when gpgv is not installed.
Result<std::string> open_signature(const GnupgContext& gnupg, std::string_view signature, std::string_view keyring);

struct GpgSigner {
  std::string key;         // as gpg takes it: a fingerprint, a user id
  std::string passphrase;  // empty: gpg's agent asks
};
// Errors: not_found (no such secret key), permission (passphrase), unsupported when gpg is not installed.
Result<std::string> make_signature(const GnupgContext& gnupg, std::string_view document, const GpgSigner& signer);

}  // namespace ctr::registry
