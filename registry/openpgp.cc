#include "registry/openpgp.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <map>

#include "base/base64.h"
#include "base/child.h"
#include "base/fd.h"
#include "base/text.h"
#include "registry/signature_claim.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

constexpr std::string_view k_armor_begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view k_armor_end = "-----END PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view k_status_prefix = "[GNUPG:] ";
constexpr std::chrono::seconds k_verify_time{30};
// A person may have to type a passphrase or to touch a card.
constexpr std::chrono::minutes k_sign_time{5};
constexpr int k_keyring_fd = 3;
constexpr int k_passphrase_fd = 4;

Error refused(std::string reason) { return {Errc::permission, std::move(reason)}; }

// The base64 text of one armored block: behind its headers, without the checksum, which gives no security.
Result<std::string> block_bytes(std::string_view block) {
  std::string base64;
  bool in_headers = true;
  for (const auto& line : split(block, '\n')) {
    const auto text = trim(line);
    if (in_headers) {
      in_headers = !text.empty() && text.find(':') != std::string_view::npos;
      if (in_headers || text.empty()) continue;
    }
    if (text.starts_with('=') && text.size() == 5) break;
    base64 += text;
  }
  auto bytes = base64_decode(base64);
  if (!bytes || bytes->empty()) return Error(Errc::invalid, "an armored key is damaged");
  return *std::move(bytes);
}

struct Status {
  std::map<std::string, int> counts;                // by keyword
  std::map<std::string, std::string> first_values;  // what stands behind it
  bool has(const char* keyword) const { return counts.contains(keyword); }
  bool is_once(const char* keyword) const { return has(keyword) && counts.at(keyword) == 1; }
  // The first word of what stands behind: a key's id.
  std::string key(const char* keyword) const {
    const auto found = first_values.find(keyword);
    if (found == first_values.end()) return "";
    return printable(found->second.substr(0, found->second.find(' ')));
  }
};

Status parse_status(std::string_view text) {
  Status status;
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with(k_status_prefix)) continue;
    const auto rest = line.substr(k_status_prefix.size());
    const auto keyword = rest.substr(0, rest.find(' '));
    ++status.counts[keyword];
    status.first_values.emplace(keyword, rest.size() > keyword.size() ? rest.substr(keyword.size() + 1) : "");
  }
  return status;
}

Result<std::string> find_gnupg(const GnupgContext& gnupg, const char* name, const char* package) {
  auto program = find_program(name, gnupg.environment);
  if (!program.empty()) return program;
  return Error(Errc::unsupported, fmt::format("the program {} is needed for this signature and is not there", name))
      .with_hint(fmt::format("install the package {}", package));
}

}  // namespace

Result<std::string> dearmor_keys(std::string_view text) {
  if (text.find(k_armor_begin) == std::string_view::npos) {
    // Packets begin with a byte whose highest bit is set.
    if (text.empty() || (static_cast<unsigned char>(text.front()) & 0x80) == 0) {
      return Error(Errc::invalid, "it holds no OpenPGP public key");
    }
    return std::string(text);
  }
  std::string keys;
  for (auto begin = text.find(k_armor_begin); begin != std::string_view::npos; begin = text.find(k_armor_begin)) {
    text.remove_prefix(begin + k_armor_begin.size());
    const auto end = text.find(k_armor_end);
    if (end == std::string_view::npos) return Error(Errc::invalid, "an armored key has no end");
    auto block = text.substr(0, end);
    // The rest of the line of the beginning.
    block.remove_prefix(std::min(block.find('\n'), block.size()));
    if (!block.empty()) block.remove_prefix(1);
    keys += TRY(block_bytes(block));
    text.remove_prefix(end);
  }
  return keys;
}

Result<void> check_gpg_status(std::string_view text) {
  const auto status = parse_status(text);
  if (status.has("NO_PUBKEY")) return refused("Signature by key " + status.key("NO_PUBKEY") + " is not accepted");
  if (status.has("BADSIG")) return refused("Invalid GPG signature: it does not fit what it is over");
  if (status.has("REVKEYSIG")) return refused("Invalid GPG signature: key " + status.key("REVKEYSIG") + " is revoked");
  if (status.has("EXPKEYSIG")) return refused("Invalid GPG signature: key " + status.key("EXPKEYSIG") + " has expired");
  if (status.has("EXPSIG")) return refused("Invalid GPG signature: it has expired");
  if (status.has("ERRSIG")) return refused("Invalid GPG signature: it cannot be checked");
  const bool is_one = status.is_once("NEWSIG") && status.is_once("GOODSIG") && status.is_once("VALIDSIG");
  // Beside a second document it would not be known what is signed.
  if (!is_one || !status.is_once("PLAINTEXT")) {
    return refused("Invalid GPG signature: it is not one signed document");
  }
  return ok();
}

Result<std::string> open_signature(const GnupgContext& gnupg, std::string_view signature, std::string_view keyring) {
  const auto program = TRY(find_gnupg(gnupg, "gpgv", "gpgv"));
  const Fd keys = TRY(make_sealed_memfd("keyring", keyring));
  SpawnOptions options{
      .program = program,
      .argv = {"gpgv", "--homedir", "/nonexistent", "--keyring", fmt::format("/proc/self/fd/{}", k_keyring_fd),
               "--log-file", "/dev/null", "--status-fd", "2", "--output", "-", "-"},
      .env = {"LC_ALL=C"},
      .fds = {{keys.get(), k_keyring_fd}}};
  if (signature.empty()) return refused("Invalid GPG signature: it is empty");
  auto output = TRY(run_program(std::move(options), signature, k_verify_time, gnupg.cancel));
  TRY(check_gpg_status(output.err));
  // Of a key that has expired or is revoked gpgv says so and succeeds; of nothing else that is wrong.
  if (output.status.code != 0) return refused("Invalid GPG signature: gpgv does not accept it");
  if (output.out.size() >= k_claim_limit_bytes) return refused("Invalid GPG signature: what it is over is too long");
  return std::move(output.out);
}

Result<std::string> make_signature(const GnupgContext& gnupg, std::string_view document, const GpgSigner& signer) {
  const auto program = TRY(find_gnupg(gnupg, "gpg", "gnupg"));
  SpawnOptions options{.program = program,
                       .argv = {"gpg", "--batch", "--no-tty", "--status-fd", "2", "--log-file", "/dev/null",
                                "--local-user", signer.key, "--output", "-"},
                       .env = {}};
  for (const auto& [name, value] : gnupg.environment) options.env.push_back(name + "=" + value);
  Fd passphrase;
  if (!signer.passphrase.empty()) {
    passphrase = TRY(make_sealed_memfd("passphrase", signer.passphrase));
    for (const auto* word : {"--pinentry-mode", "loopback", "--passphrase-fd"}) options.argv.emplace_back(word);
    options.argv.push_back(std::to_string(k_passphrase_fd));
    options.fds.emplace_back(passphrase.get(), k_passphrase_fd);
  }
  options.argv.emplace_back("--sign");
  auto output = TRY(run_program(std::move(options), document, k_sign_time, gnupg.cancel));
  const auto status = parse_status(output.err);
  if (status.has("INV_SGNR") || status.has("INV_RECP")) {
    return Error(Errc::not_found, "there is no secret key '" + printable(signer.key) + "'")
        .with_hint("gpg --list-secret-keys shows those that there are");
  }
  if (output.status.code != 0 || !status.is_once("SIG_CREATED") || output.out.empty()) {
    return Error(Errc::permission, "gpg has not signed with the key '" + printable(signer.key) + "'")
        .with_hint("where nobody can be asked for a passphrase, name a file that holds it: --sign-passphrase-file");
  }
  return std::move(output.out);
}

}  // namespace ctr::registry
