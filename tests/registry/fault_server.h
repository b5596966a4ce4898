// FaultServer: fault_registry.py as an object, and small values that the tests of the client share.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/oci/descriptor.h"
#include "registry/client.h"
#include "tests/unit/registry/home.h"

namespace ctr::test {

struct LoggedRequest {
  std::string server;
  std::string line;  // "GET /v2/"
  std::map<std::string, std::string> headers;
};

// A registry that misbehaves on demand; it ends with the object.
class FaultServer {
 public:
  FaultServer();
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;
  ~FaultServer();

  // "127.0.0.1:PORT" of "main", "other", "tls" or "tls_other".
  std::string host(const std::string& server = "main") const;
  std::string url(const std::string& server) const;
  // The certificate that the tls servers show, as a file.
  std::string authority() const;
  std::string authority_key() const;

  oci::Descriptor add_blob(const std::string& text, int times = 1);
  // Registers an image with these layers; returns its manifest's digest.
  std::string add_image(const std::string& name, const std::string& tag, const std::vector<oci::Descriptor>& layers);
  std::string add_manifest(const std::string& name, const std::string& ref, const std::string& type,
                           const std::string& body);
  // `action` is JSON, see fault_registry.py.
  void add_rule(const std::string& match, const std::string& action, int times = -1, const std::string& server = "*");
  void demand_basic(const std::string& server, const std::string& user, const std::string& password);
  void demand_bearer(const std::string& server, const std::string& realm, const std::string& more = "{}");
  std::vector<LoggedRequest> log();
  // Requests whose line contains `part`.
  std::vector<LoggedRequest> log(std::string_view part);
  Json command(const Json& request);

 private:
  std::unique_ptr<Child> child_;
  Fd input_;
  Fd output_;
  Json ports_;
};

// Keeps what it gets, as the owner of a partial download does.
class MemorySink : public registry::BlobSink {
 public:
  MemorySink() = default;
  explicit MemorySink(const oci::Descriptor& descriptor) : wanted(descriptor.digest) {}
  uint64_t resume_offset() override { return bytes.size(); }
  Result<void> append(std::span<const std::byte> part) override;
  Result<void> restart() override;
  Result<void> verify() override;
  Result<void> commit() override;
  std::optional<Digest> wanted;
  std::string bytes;
  int restarts = 0;
  int commits = 0;
  size_t fail_after = SIZE_MAX;
};

class MemorySource : public registry::BlobSource {
 public:
  explicit MemorySource(std::string text) : bytes(std::move(text)) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) override;
  std::string bytes;
};

// A client with short waits, a home of its own and no stored credentials.
class TestClient {
 public:
  explicit TestClient(registry::ClientOptions options = {}, const std::string& auth_json = "",
                      const CancelToken& cancel = {});
  registry::Client& operator*() { return *client_; }
  registry::Client* operator->() { return &*client_; }
  const std::string& home() const { return home_.path(); }
  registry::CredentialStore& store() { return *store_; }

 private:
  TemporaryHome home_;
  std::unique_ptr<registry::CredentialStore> store_;
  std::unique_ptr<registry::Client> client_;
};

registry::Endpoint insecure(const std::string& host, const std::string& repository);
registry::Endpoint secure(const std::string& host, const std::string& repository);
oci::ImageReference reference(const std::string& text);
std::string base64(const std::string& text);

}  // namespace ctr::test
