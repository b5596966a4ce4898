// Layers that only the owner of a private key can read: push --encryption-key, pull --decryption-key.
//
// The layer is encrypted with a key of its own, which stands in its annotations, wrapped for each who may open it. In
// the store layers are always in the clear.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/oci/manifest.h"
#include "base/result.h"
#include "engine/fetch.h"
#include "engine/recompress.h"
#include "registry/layer_cipher.h"

namespace ctr::engine {

// Layers of the image in place of the chosen ones, each encrypted in a file. `keys` are those of --encryption-key,
// `layers` of --encrypt-layer: places from 0, or from the end, -1; empty: all.
// Errors: invalid, unsupported (another kind of key, a manifest of docker's), not_found.
Result<RecompressedImage> encrypt_layers(const storage::Store& store, RecompressedImage image,
                                         const PushOptions& options);

// A layer that comes encrypted.
struct EncryptedLayer {
  oci::Descriptor descriptor;  // as the registry has it
  registry::LayerKey key;
  registry::LayerSeal seal;
};

bool has_encrypted_layers(const oci::Manifest& manifest);

// What the manifest says in the clear, and by the digests that its layers have then, how they come.
struct OpenedManifest {
  oci::Manifest manifest;
  std::map<Digest, EncryptedLayer> layers;
};
// `keys`: of --decryption-key. Errors: permission (no key opens a layer), unsupported (no keys; another scheme).
Result<OpenedManifest> open_encrypted(const oci::Manifest& manifest, const std::vector<std::string>& keys);

// Hands out such layers in the clear; what does not open, or was changed, is corrupt.
class DecryptingOrigin final : public BlobOrigin {
 public:
  DecryptingOrigin(BlobOrigin& origin, const std::map<Digest, EncryptedLayer>& layers)
      : origin_(origin), layers_(layers) {}
  Result<std::string> read_small(const oci::Descriptor& blob) override { return origin_.read_small(blob); }
  Result<void> fetch(const std::vector<registry::BlobDownload>& downloads,
                     const std::function<Result<void>()>& meanwhile) override;

 private:
  BlobOrigin& origin_;
  const std::map<Digest, EncryptedLayer>& layers_;
};

}  // namespace ctr::engine
