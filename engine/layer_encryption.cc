#include "engine/layer_encryption.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <utility>

#include "base/base64.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/push_parts.h"
#include "engine/save_plan.h"
#include "registry/jwe.h"
#include "registry/tokens.h"
#include "storage/spool.h"

namespace ctr::engine {
namespace {

using oci::MediaKind;

constexpr std::string_view k_suffix = "+encrypted";
// Source: ocicrypt, spec and keywrap.
constexpr std::string_view k_annotations = "org.opencontainers.image.enc.";
constexpr const char* k_wrapped_keys = "org.opencontainers.image.enc.keys.jwe";
constexpr const char* k_seal = "org.opencontainers.image.enc.pubopts";
constexpr size_t k_chunk_bytes = size_t{1} << 20;
constexpr size_t k_key_limit_bytes = size_t{64} << 10;

// The public keys of --encryption-key: "jwe:FILE".
Result<std::vector<std::string>> read_public_keys(const std::vector<std::string>& words) {
  std::vector<std::string> keys;
  for (const auto& word : words) {
    const auto parts = split_once(word, ':');
    const auto what = fmt::format("--encryption-key '{}'", printable(word));
    if (!parts || parts->second.empty()) return Error(Errc::invalid, what + ": expected jwe:FILE");
    if (parts->first != "jwe") {
      return Error(Errc::unsupported, fmt::format("{}: keys of '{}' are not supported", what, printable(parts->first)))
          .with_hint("make a key of RSA with openssl(1) and name it jwe:FILE");
    }
    keys.push_back(TRY(read_file(parts->second, k_key_limit_bytes).context(what)));
    (void)TRY(registry::wrap_for_key(keys.back(), "").context(what));
  }
  return keys;
}

// FILE, FILE:pass=WORD, FILE:file=PATH or FILE:PATH. Source: podman-pull(1).
Result<registry::UnwrapKey> read_private_key(const std::string& word) {
  const auto parts = split_once(word, ':').value_or(std::pair<std::string, std::string>(word, ""));
  const auto what = fmt::format("--decryption-key '{}'", printable(parts.first));
  std::string passphrase = parts.second;
  if (passphrase.starts_with("fd=")) {
    return Error(Errc::unsupported, what + ": passphrases are not read from descriptors")
        .with_hint("put it into a file: KEY:file=PATH");
  }
  if (passphrase.starts_with("pass=")) {
    passphrase.erase(0, 5);
  } else if (!passphrase.empty()) {
    const auto file = passphrase.starts_with("file=") ? passphrase.substr(5) : passphrase;
    passphrase = TRY(read_file(file, k_key_limit_bytes).context(what));
    passphrase.erase(std::min(passphrase.find('\n'), passphrase.size()));
  }
  const auto text = TRY(read_file(parts.first, k_key_limit_bytes).context(what));
  return registry::UnwrapKey::open(text, passphrase).context(what);
}

Result<std::set<size_t>> chosen_layers(const std::vector<int>& wanted, size_t count) {
  std::set<size_t> chosen;
  for (size_t i = 0; wanted.empty() && i < count; ++i) chosen.insert(i);
  for (const int place : wanted) {
    const auto index = place < 0 ? static_cast<int64_t>(count) + place : int64_t{place};
    if (index < 0 || index >= static_cast<int64_t>(count)) {
      return Error(Errc::invalid, fmt::format("--encrypt-layer {}: the image has {} layers", place, count));
    }
    chosen.insert(static_cast<size_t>(index));
  }
  return chosen;
}

// Encrypts all bytes of `source` into `file`.
Result<std::pair<Digest, registry::LayerSeal>> encrypt_into(registry::BlobSource& source, const registry::LayerKey& key,
                                                            const Fd& file) {
  auto cipher = TRY(registry::LayerCipher::start(key, registry::LayerCipher::Direction::encrypt));
  Hasher hasher;
  std::vector<std::byte> buffer(k_chunk_bytes);
  uint64_t offset = 0;
  while (const size_t size = TRY(source.read_at(offset, buffer))) {
    TRY(cipher.update(std::span(buffer).first(size)));
    const std::string_view bytes(reinterpret_cast<const char*>(buffer.data()), size);
    hasher.update(bytes);
    TRY(write_all(file.get(), bytes, "the encrypted layer"));
    offset += size;
  }
  auto seal = TRY(cipher.finish());
  return std::pair(hasher.finish(), std::move(seal));
}

Result<oci::Descriptor> encrypt_layer(const storage::Store& store, const RecompressedImage& image,
                                      const oci::Descriptor& layer, const std::vector<std::string>& keys, Fd& file) {
  auto source = open_blob_source(store, image, layer.digest);
  if (!source && source.error().code() == Errc::not_found) {
    return Error(Errc::not_found, "it is not kept in its compressed form")
        .with_hint("pull the image again before pushing it");
  }
  const auto bytes = TRY(std::move(source));
  file = TRY(storage::make_spool(store.dir()));
  const auto key = TRY(registry::make_layer_key(layer.digest));
  const auto [digest, seal] = TRY(encrypt_into(*bytes, key, file));
  auto encrypted = layer;
  encrypted.media_type += k_suffix;
  encrypted.digest = digest;
  std::vector<std::string> wrapped;
  for (const auto& public_key : keys) {
    wrapped.push_back(base64_encode(TRY(registry::wrap_for_key(public_key, to_text(key)))));
  }
  encrypted.annotations[k_wrapped_keys] = join(wrapped, ",");
  encrypted.annotations[k_seal] = base64_encode(to_text(seal));
  return encrypted;
}

// The key of a layer, wrapped for one of `keys`.
Result<registry::LayerKey> unwrap(const oci::Descriptor& layer, const std::vector<registry::UnwrapKey>& keys) {
  const auto wrapped = layer.annotations.find(k_wrapped_keys);
  if (wrapped == layer.annotations.end()) {
    return Error(Errc::unsupported, "it is encrypted for keys other than those of RSA (jwe)");
  }
  Error last(Errc::permission, "its key is wrapped for nobody");
  for (const auto& text : split(wrapped->second, ',')) {
    const auto message = base64_decode(text);
    if (!message) return Error(Errc::invalid, "its wrapped key is not base64");
    for (const auto& key : keys) {
      auto opened = key.unwrap(*message);
      if (opened) return registry::parse_layer_key(*opened);
      last = std::move(opened).error();
    }
  }
  return last;
}

Result<EncryptedLayer> open_layer(const oci::Descriptor& layer, const std::vector<registry::UnwrapKey>& keys) {
  auto key = TRY(unwrap(layer, keys));
  const auto seal = layer.annotations.find(k_seal);
  const auto text = seal == layer.annotations.end() ? std::nullopt : base64_decode(seal->second);
  if (!text) return Error(Errc::invalid, "it has no seal");
  return EncryptedLayer{layer, std::move(key), TRY(registry::parse_layer_seal(*text))};
}

// Takes encrypted bytes and passes them on in the clear.
class DecryptingSink final : public registry::BlobSink {
 public:
  DecryptingSink(registry::BlobSink& sink, const EncryptedLayer& layer) : sink_(sink), layer_(layer) {}

  // The seal is of all bytes: what is there of an earlier transfer is of no use.
  uint64_t resume_offset() override {
    if (sink_.resume_offset() != 0) needs_restart_ = true;
    return 0;
  }
  Result<void> append(std::span<const std::byte> bytes) override {
    if (std::exchange(needs_restart_, false)) TRY(sink_.restart());
    if (!cipher_) {
      cipher_.emplace(TRY(registry::LayerCipher::start(layer_.key, registry::LayerCipher::Direction::decrypt)));
    }
    buffer_.assign(bytes.begin(), bytes.end());
    TRY(cipher_->update(buffer_));
    return sink_.append(buffer_);
  }
  Result<void> restart() override {
    cipher_.reset();
    needs_restart_ = false;
    return sink_.restart();
  }
  Result<void> verify() override {
    TRY(append({}));
    const auto seal = TRY(cipher_->finish());
    cipher_.reset();
    if (!is_same_seal(seal, layer_.seal)) return Error(Errc::corrupt, "the encrypted layer was changed");
    return sink_.verify();
  }
  Result<void> commit() override { return sink_.commit(); }

 private:
  registry::BlobSink& sink_;
  const EncryptedLayer& layer_;
  std::optional<registry::LayerCipher> cipher_;
  std::vector<std::byte> buffer_;
  bool needs_restart_ = false;
};

}  // namespace

Result<RecompressedImage> encrypt_layers(const storage::Store& store, RecompressedImage image,
                                         const PushOptions& options) {
  if (options.format == "v2s2" || options.format == "docker") {
    return Error(Errc::unsupported, "format v2s2 has no encrypted layers");
  }
  const auto keys = TRY(read_public_keys(options.encryption_keys));
  if (oci::media_kind(image.manifest.media_type) == MediaKind::docker_manifest) {
    image.manifest = TRY(convert_manifest(image.manifest, true));
  }
  auto& layers = image.manifest.layers;
  for (const size_t place : TRY(chosen_layers(options.encrypt_layers, layers.size()))) {
    auto& layer = layers[place];
    Fd file;
    const auto what = "encrypting layer " + layer.digest.to_string();
    layer = TRY(encrypt_layer(store, image, layer, keys, file).context(what));
    image.changed.insert_or_assign(layer.digest, std::move(file));
  }
  return image;
}

bool has_encrypted_layers(const oci::Manifest& manifest) {
  return std::any_of(manifest.layers.begin(), manifest.layers.end(),
                     [](const auto& layer) { return oci::media_kind(layer.media_type) == MediaKind::layer_encrypted; });
}

Result<OpenedManifest> open_encrypted(const oci::Manifest& manifest, const std::vector<std::string>& words) {
  if (words.empty()) {
    return Error(Errc::unsupported, "the image is encrypted").with_hint("name its private key with --decryption-key");
  }
  std::vector<registry::UnwrapKey> keys;
  for (const auto& word : words) keys.push_back(TRY(read_private_key(word)));
  OpenedManifest opened{manifest, {}};
  for (auto& layer : opened.manifest.layers) {
    if (oci::media_kind(layer.media_type) != MediaKind::layer_encrypted) continue;
    auto encrypted = TRY(open_layer(layer, keys).context("encrypted layer " + layer.digest.to_string()));
    layer.media_type.erase(layer.media_type.size() - k_suffix.size());
    layer.digest = encrypted.key.digest;
    std::erase_if(layer.annotations, [](const auto& entry) { return entry.first.starts_with(k_annotations); });
    opened.layers.emplace(layer.digest, std::move(encrypted));
  }
  return opened;
}

Result<void> DecryptingOrigin::fetch(const std::vector<registry::BlobDownload>& downloads,
                                     const std::function<Result<void>()>& meanwhile) {
  std::vector<std::unique_ptr<DecryptingSink>> sinks;
  auto changed = downloads;
  for (auto& download : changed) {
    const auto layer = layers_.find(download.descriptor.digest);
    if (layer == layers_.end()) continue;
    sinks.push_back(std::make_unique<DecryptingSink>(*download.sink, layer->second));
    download.descriptor = layer->second.descriptor;
    download.sink = sinks.back().get();
  }
  return origin_.fetch(changed, meanwhile);
}

}  // namespace ctr::engine
