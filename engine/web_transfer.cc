#include "engine/web_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "base/channel.h"
#include "base/fd.h"
#include "base/text.h"
#include "engine/transfer.h"
#include "registry/transport.h"

namespace ctr::engine {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_most_redirects = 5;
constexpr std::chrono::milliseconds k_step{1000};
// Of who has started us, who gives up by itself.
constexpr std::chrono::milliseconds k_connect_patience{std::chrono::hours(1)};

class Body final : public registry::ResponseHandler {
 public:
  Result<void> on_head(const registry::ResponseHead&) override {
    text_.clear();
    return ok();
  }
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

// What is wanted goes into a file, of any length; what else a server says does not.
class FileBody final : public registry::ResponseHandler {
 public:
  explicit FileBody(int file) : file_(file) {}
  Result<void> on_head(const registry::ResponseHead& head) override {
    wanted_ = head.status == 200;
    return ok();
  }
  Result<void> on_body(std::span<const std::byte> bytes) override {
    if (!wanted_) return ok();
    return write_all(file_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "what is fetched");
  }

 private:
  int file_;
  bool wanted_ = false;
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
                                        registry::ResponseHandler& body, std::optional<Clock::time_point> deadline) {
  const auto running = TRY(transport.start(request, body));
  while (!running->outcome()) {
    const auto left = deadline ? *deadline - Clock::now() : Clock::duration(std::chrono::seconds(1));
    if (left <= Clock::duration::zero()) return Error(Errc::timed_out, "it took too long");
    TRY(transport.step(std::min(std::chrono::ceil<std::chrono::milliseconds>(left), k_step)));
  }
  const auto& outcome = *running->outcome();
  if (outcome.kind == registry::Outcome::Kind::answered) return outcome.head;
  return outcome.error ? *outcome.error : Error(Errc::network, "there was no answer");
}

// The connection comes from who has started us. Errors: invalid when none comes.
Result<Fd> receive_connection(const CancelToken& cancel) {
  Channel channel{Fd(k_transfer_socket_fd)};
  auto message = TRY(channel.receive(cancel, k_connect_patience));
  if (!message || message->fds.size() != 1) return Error(Errc::network, "there is no connection");
  return std::move(message->fds.front());
}

// Of an answer to a probe only the status counts.
class StatusOnly final : public registry::ResponseHandler {
 public:
  Result<void> on_head(const registry::ResponseHead& head) override {
    status = head.status;
    return Error(Errc::invalid, "the status is enough");
  }
  Result<void> on_body(std::span<const std::byte>) override { return ok(); }
  int status = 0;
};

Result<WebAnswer> ask_over_connection(registry::Transport& transport, const WebRequest& wanted,
                                      const CancelToken& cancel) {
  const auto deadline = Clock::now() + wanted.timeout;
  registry::HttpRequest request;
  request.url = TRY(registry::parse_url(wanted.url));
  request.headers = wanted.headers;
  request.tls.verify = wanted.verify ? registry::TlsSetup::Verify::yes : registry::TlsSetup::Verify::no;
  const Fd connection = TRY(receive_connection(cancel));
  request.connection = connection.get();
  StatusOnly answer;
  const auto head = exchange(transport, request, answer, deadline);
  if (answer.status != 0) return WebAnswer{answer.status, ""};
  return head ? WebAnswer{head->status, ""} : Result<WebAnswer>(head.error());
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// `body` gets the answers to all requests, the last one is that which counts.
Result<registry::ResponseHead> ask(registry::Transport& transport, registry::HttpRequest request,
                                   registry::ResponseHandler& body, bool follows) {
  for (int redirects = 0;; ++redirects) {
    auto head = TRY(exchange(transport, request, body, std::nullopt));
    if (!follows || !is_redirect(head.status)) return head;
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
  Body body;
  const bool follows = wanted.method == WebRequest::Method::get;
  const auto head = TRY(ask(transport, std::move(request), body, follows));
  return WebAnswer{head.status, body.take()};
}

}  // namespace

Result<std::vector<WebAnswer>> carry_out(const std::vector<WebRequest>& requests, const std::string& user_agent,
                                         const CancelToken& cancel) {
  auto transport = TRY(registry::Transport::create(user_agent, {}, cancel));
  std::vector<WebAnswer> answers;
  for (const auto& request : requests) {
    if (request.connected) {
      answers.push_back(TRY(ask_over_connection(transport, request, cancel)));
      continue;
    }
    answers.push_back(TRY(carry_out(transport, request).context(printable(request.url))));
    if (answers.back().status >= 400) break;
  }
  return answers;
}

Result<void> fetch_file(const std::string& url, int file, const std::string& user_agent, const CancelToken& cancel) {
  auto transport = TRY(registry::Transport::create(user_agent, {}, cancel));
  registry::HttpRequest request;
  request.url = TRY(registry::parse_url(url));
  FileBody body(file);
  const auto head = TRY(ask(transport, std::move(request), body, true));
  if (head.status == 200) return ok();
  return Error(head.status == 404 ? Errc::not_found : Errc::network, fmt::format("the server answers {}", head.status));
}

}  // namespace ctr::engine
