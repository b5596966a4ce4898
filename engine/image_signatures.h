// Signatures in pull, load and push: the policy's demands met, and new ones made.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/image_files.h"
#include "engine/image_verbs.h"
#include "engine/local_image.h"
#include "engine/push_parts.h"
#include "engine/transfer_session.h"
#include "registry/signature_stores.h"
#include "registry/trust.h"

namespace ctr::engine {

// Of an image that a registry has: the signatures of the manifest that is chosen for this platform count, not those of
// a list above it. Errors: permission and unsupported, with the reason.
Result<void> check_registry_signatures(TransferSession& session, const registry::TrustDemand& demand,
                                       const registry::ResolvedImage& image, const oci::ImageReference& reference);
// Of an image in files: only a directory of the form "dir" holds signatures.
Result<void> check_file_signatures(const EngineOptions& options, const registry::TrustDemand& demand,
                                   const ImageFiles& files, const LocalImage& image, LocalLayout layout);

// What a push signs with; read before anything is sent, so that a wrong key or passphrase changes nothing.
class PushSigner {
 public:
  // Errors: not_found and invalid (key and passphrase files), unsupported (no place to put signatures to).
  static Result<PushSigner> open(TransferSession& session, const PushTarget& target, const PushOptions& options);
  // Signs a manifest as the target and puts the signatures where they are looked for. Called before the manifest goes
  // up: whoever finds it finds its signature, too.
  Result<void> sign(const std::string& manifest);

 private:
  PushSigner(TransferSession& session, const PushTarget& target, const PushOptions& options)
      : session_(session), target_(target), options_(options) {}
  Result<void> sign_simple(const Digest& digest);
  Result<void> sign_sigstore(const Digest& digest);

  TransferSession& session_;
  const PushTarget& target_;
  const PushOptions& options_;
  registry::SignaturePlaces places_;
  std::string passphrase_;
  std::string sigstore_key_;
  std::string sigstore_passphrase_;
};

// Puts signatures by gpg of what the registry has under `reference` beside those that are there: of the list, if it is
// one, and with `all` of its images. Errors: not_found, permission, network.
Result<void> sign_image(TransferSession& session, const std::string& reference, const PushOptions& push,
                        const SignOptions& options);

}  // namespace ctr::engine
