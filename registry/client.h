// Client: the OCI distribution protocol. Source: OCI distribution-spec 1.1, Docker token authentication.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "base/oci/descriptor.h"
#include "base/oci/manifest.h"
#include "base/oci/platform.h"
#include "base/oci/reference.h"
#include "base/paths.h"
#include "base/progress.h"
#include "base/result.h"
#include "registry/auth.h"
#include "registry/blob_sink.h"
#include "registry/endpoint.h"
#include "registry/policy.h"

namespace ctr::registry {

// --tls-verify: `no` allows unverified TLS and plain http, `yes` forbids both whatever registries.conf says.
enum class TlsVerify { as_configured, yes, no };

// Every wait has an end. In the worst case a request takes (retries + 1) * idle plus the waits between.
struct NetworkLimits {
  std::chrono::milliseconds connect{30'000};        // name, TCP and TLS together
  std::chrono::seconds idle{60};                    // no byte for this long breaks the transfer off
  int retries = 3;                                  // in a row without a byte of progress
  int retries_in_all = 10;                          // of one blob, however much progress each makes
  std::chrono::milliseconds first_back_off{1'000};  // doubled each time
  std::chrono::seconds longest_retry_after{60};     // a server that asks for more is not waited for
  unsigned parallel = 6;                            // transfers at a time
};

struct ClientOptions {
  std::string user_agent;  // "ctr/0.1.0"
  TlsVerify tls_verify = TlsVerify::as_configured;
  std::string cert_dir;                    // --cert-dir
  std::optional<Credentials> credentials;  // --creds; they go to the registry itself, never to a mirror
  UserPaths paths;
  ConfigRoots roots;
  NetworkLimits limits;
  ProgressSink* progress = nullptr;  // not owned; may be null
  DebugLog* log = nullptr;           // not owned; may be null
};

// One document a registry gave, verified against its digest.
struct ManifestDocument {
  oci::Descriptor descriptor;
  std::string bytes;  // exactly as received
  std::variant<oci::Manifest, oci::ImageIndex> parsed;
};

// One repository that a search found.
struct SearchResult {
  std::string name;  // without the registry
  std::string description;
  int64_t stars = 0;
  bool official = false;
  bool automated = false;
  bool operator==(const SearchResult&) const = default;
};

// What a reference names, down to the manifest of one image.
struct ResolvedImage {
  Endpoint endpoint;                    // the one that answered: blobs come from there too
  std::vector<ManifestDocument> chain;  // what the reference names first; the image's own manifest last
  const ManifestDocument& top() const { return chain.front(); }
  const oci::Manifest& manifest() const { return std::get<oci::Manifest>(chain.back().parsed); }
};

struct BlobDownload {
  oci::Descriptor descriptor;
  BlobSink* sink = nullptr;  // not owned
  ProgressSink::BlobKind kind = ProgressSink::BlobKind::layer;
};

struct BlobUpload {
  oci::Descriptor descriptor;
  BlobSource* source = nullptr;  // not owned
  std::string mount_from{};      // a repository of the same registry that may have the blob; empty: none known
  ProgressSink::BlobKind kind = ProgressSink::BlobKind::layer;
};

// Talks to registries over one connection pool. All calls block until they are done, are driven by one loop, and return
// Errc::interrupted soon after `cancel` fires.
//
// Credentials and tokens go to the scheme, host and port they belong to and nowhere else; redirects are followed by
// hand.
class [[nodiscard]] Client {
 public:
  // `store` and whatever `options` points at must outlive the client.
  static Result<Client> create(ClientOptions options, const CredentialStore& store, const CancelToken& cancel = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Finds the image of `reference` for `platform`, asking the endpoints in order until one has it.
  //
  // An index is followed at most twice. Every document is checked: size, digest (also the one the reference or
  // Docker-Content-Digest names), media type.
  // Errors: not_found, unauthorized, network, corrupt, unsupported, interrupted.
  Result<ResolvedImage> resolve(const std::vector<Endpoint>& endpoints, const oci::ImageReference& reference,
                                const oci::Platform& platform);
  // What `reference` names, without following an index.
  Result<ManifestDocument> fetch_manifest(const Endpoint& endpoint, const oci::ImageReference& reference);
  // One document named by a parent.
  Result<ManifestDocument> fetch_manifest(const Endpoint& endpoint, const oci::Descriptor& descriptor);

  // The text of what a tag names, whatever it is; nullopt when there is none. Only the caller knows what it may hold.
  Result<std::optional<std::string>> fetch_document(const Endpoint& endpoint, const std::string& tag);

  // Fetches blobs side by side and hands their bytes to the sinks.
  //
  // Resumes with Range after a dropped connection and from what a sink already holds. A sink is committed only if
  // length and digest equal the descriptor's. The first failure ends all of them. Errors: not_found, unauthorized,
  // network, corrupt, interrupted, and whatever a sink or `meanwhile` returns, which is called at least once a second.
  Result<void> fetch_blobs(const Endpoint& endpoint, const std::vector<BlobDownload>& downloads,
                           const std::function<Result<void>()>& meanwhile = {});
  // A small blob (an image configuration) as text. Errors: as above; invalid when it is over 4 MiB.
  Result<std::string> fetch_small_blob(const Endpoint& endpoint, const oci::Descriptor& descriptor);

  // Uploads blobs side by side. One that the registry has already, or can mount from another repository, is not sent.
  Result<void> push_blobs(const Endpoint& endpoint, const std::vector<BlobUpload>& uploads);
  // `name` is a tag or a digest. Errors: corrupt when the registry reports another digest than ours.
  Result<void> push_manifest(const Endpoint& endpoint, std::string_view name, std::string_view media_type,
                             std::string_view document);

  // A file that is no part of the registry, such as a signature of a lookaside: nobody's credentials go there. nullopt
  // when there is none (404). Errors: network, corrupt when it is longer than the limit.
  Result<std::optional<std::string>> fetch_file(std::string_view url, size_t limit_bytes);

  // All tags of a repository, page by page.
  Result<std::vector<std::string>> list_tags(const Endpoint& endpoint);

  // Repositories of the endpoint's registry whose names or descriptions fit `term`, at most `limit`. Errors: those of
  // search_registry().
  Result<std::vector<SearchResult>> search(const Endpoint& endpoint, std::string_view term, size_t limit);

  // Whether the registry accepts `credentials` (of `ctr login`). Errors: unauthorized, network.
  Result<void> check_login(const Endpoint& endpoint, const Credentials& credentials);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ctr::registry
