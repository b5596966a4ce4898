// What every transfer needs, opened once: configuration, credentials, client and store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/transfer.h"
#include "engine/transport.h"
#include "registry/auth.h"
#include "registry/client.h"
#include "registry/policy.h"
#include "registry/trust.h"
#include "runtime/host_facts.h"
#include "storage/store.h"

namespace ctr::engine {

// The part of pull, push and login options that says how to talk to a registry.
struct RegistryAccess {
  std::string authfile, compat_authfile, creds, cert_dir;
  std::optional<bool> tls_verify;
  int retries = 3;
  std::optional<std::chrono::seconds> retry_delay;
};
RegistryAccess registry_access(const PullOptions& options);
RegistryAccess registry_access(const PushOptions& options);
RegistryAccess registry_access(const LoginOptions& options);
RegistryAccess registry_access(const SearchOptions& options);

struct TransferSession {
  const EngineOptions& options;
  ProgressSink& progress;
  const ChooseReference& choose;
  registry::RegistriesConfig registries;
  std::unique_ptr<registry::CredentialStore> credentials;
  std::unique_ptr<registry::Client> client;
};
Result<TransferSession> open_session(const EngineOptions& options, const TransferFront& front,
                                     const RegistryAccess& access);

// Ids of the images that the reference means now.
Result<std::vector<std::string>> pull_images(TransferSession& session, const std::string& reference,
                                             const PullOptions& options);
// The digest of the pushed manifest.
Result<std::string> push_image(TransferSession& session, const std::string& image_id, const std::string& destination,
                               const PushOptions& options);
// Every image of an archive or a directory comes into the store.
Result<std::vector<LoadedImage>> load_images(const EngineOptions& options, ProgressSink& progress,
                                             const LoadOptions& load);
// `images`: ids and the names that the archive gives them.
Result<void> save_images(const EngineOptions& options, ProgressSink& progress, const std::vector<LoadedImage>& images,
                         const SaveOptions& save);
// Errors: see ImageVerbs::search.
Result<std::vector<SearchHit>> search_images(TransferSession& session, const SearchOptions& options);
// Images that lie in files, under the names that they have there. Their ids.
Result<std::vector<std::string>> pull_from_files(const EngineOptions& options, ProgressSink& progress,
                                                 const ImageLocation& location, const PullOptions& pull);
// The digest of what was written. `image.names` are for an archive of docker, if the location has none.
// Errors: exists, unsupported.
Result<std::string> push_to_files(const EngineOptions& options, ProgressSink& progress, LoadedImage image,
                                  const ImageLocation& location, const PushOptions& push);
Result<void> login(TransferSession& session, const LoginOptions& options);

}  // namespace ctr::engine
