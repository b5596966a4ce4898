#include "engine/web_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"
#include "base/text.h"
#include "registry/transport.h"

namespace ctr::engine {

namespace {

constexpr int k_most_redirects = 5;

class Body final : public registry::ResponseHandler {
 public:
  Result<void> on_head(const registry::ResponseHead&) override { return ok(); }
  Result<void> on_body(std::span<const std::byte> bytes) override {
    if (bytes.size() > k_web_body_limit_bytes - text_.size()) {
      return Error(Errc::invalid, fmt::format("the answer is longer than {} bytes", k_web_body_limit_bytes));
    }
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return ok();
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class Upload final : public registry::BlobSource {
 public:
  explicit Upload(const std::string& text) : text_(text) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) override {
    if (offset >= text_.size()) return size_t{0};
    const size_t size = std::min(buffer.size(), text_.size() - static_cast<size_t>(offset));
    std::memcpy(buffer.data(), text_.data() + offset, size);
    return size;
  }

 private:
  const std::string& text_;
};

// Certificates and keys that are at hand as texts, where libcurl wants files.
class SecretFile {
 public:
  static Result<SecretFile> make(const std::string& pem) {
    SecretFile file;
    if (!pem.empty()) file.fd_ = TRY(make_sealed_memfd("ctr-certificate", pem));
    return file;
  }
  std::string path() const { return fd_.valid() ? fmt::format("/proc/self/fd/{}", fd_.get()) : std::string(); }

 private:
  Fd fd_;
};

Result<registry::ResponseHead> exchange(registry::Transport& transport, const registry::HttpRequest& request,
                                        Body& body) {
  const auto running = TRY(transport.start(request, body));
  while (!running->outcome()) TRY(transport.step(std::chrono::seconds(1)));
  const auto& outcome = *running->outcome();
  if (outcome.kind == registry::Outcome::Kind::answered) return outcome.head;
  return outcome.error ? *outcome.error : Error(Errc::network, "there was no answer");
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<WebAnswer> carry_out(registry::Transport& transport, const WebRequest& wanted) {
  registry::HttpRequest request;
  request.url = TRY(registry::parse_url(wanted.url));
  request.headers = wanted.headers;
  request.tls.verify = wanted.verify ? registry::TlsSetup::Verify::yes : registry::TlsSetup::Verify::no;
  request.tls.authorities_pem = wanted.authorities_pem;
  const auto certificate = TRY(SecretFile::make(wanted.client_certificate_pem));
  const auto key = TRY(SecretFile::make(wanted.client_key_pem));
  request.tls.client_certificate_path = certificate.path();
  request.tls.client_key_path = key.path();
  Upload upload(wanted.body);
  if (wanted.method == WebRequest::Method::patch) {
    request.method = registry::Method::patch;
    request.upload = &upload;
    request.upload_size_bytes = wanted.body.size();
  }
  for (int redirects = 0;; ++redirects) {
    Body body;
    const auto head = TRY(exchange(transport, request, body));
    const bool follows = wanted.method == WebRequest::Method::get && is_redirect(head.status);
    if (!follows) return WebAnswer{head.status, body.take()};
    if (redirects == k_most_redirects) return Error(Errc::network, "too many redirects");
    auto next = TRY(registry::resolve_url(request.url, head.header("location")));
    if (request.url.origin.scheme == "https" && next.origin.scheme != "https") {
      return Error(Errc::network, fmt::format("redirected to '{}', which is not encrypted", printable(next.text)));
    }
    // What is for this server is not for another one.
    if (next.origin != request.url.origin) request.headers.clear();
    request.url = std::move(next);
  }
}

}  // namespace

Result<std::vector<WebAnswer>> carry_out(const std::vector<WebRequest>& requests, const std::string& user_agent,
                                         const CancelToken& cancel) {
  auto transport = TRY(registry::Transport::create(user_agent, {}, cancel));
  std::vector<WebAnswer> answers;
  for (const auto& request : requests) {
    answers.push_back(TRY(carry_out(transport, request).context(printable(request.url))));
    if (answers.back().status >= 400) break;
  }
  return answers;
}

}  // namespace ctr::engine
