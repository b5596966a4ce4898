// Session: requests as the protocol means them, on top of single exchanges: credentials, redirects, retries.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "registry/client.h"
#include "registry/transport.h"

namespace ctr::registry {

// Takes the body of the 2xx answer a call is made for. One body serves all attempts of its call.
class CallBody {
 public:
  virtual ~CallBody() = default;
  // Headers of the next attempt, such as Range.
  virtual std::vector<std::string> headers() const { return {}; }
  virtual Result<void> on_head(const ResponseHead& head) = 0;
  virtual Result<void> on_bytes(std::span<const std::byte> bytes) = 0;
  // The whole body came. Errc::network asks for another attempt.
  virtual Result<void> on_end() = 0;
  // 416: true when another attempt makes sense.
  virtual Result<bool> on_range_refused() { return false; }
  // Grows with every byte that need not be fetched again.
  virtual uint64_t progress() const { return 0; }
};

// A request to one endpoint.
struct Call {
  enum class Retry { no, yes };
  Method method = Method::get;
  const Endpoint* endpoint = nullptr;  // whose credentials and certificates are used; not owned
  Url url;
  std::vector<std::string> headers;
  BlobSource* upload = nullptr;
  uint64_t upload_size_bytes = 0;
  std::string body;                 // of a post
  std::vector<std::string> scopes;  // "repository:a/b:pull"
  Retry retry = Retry::yes;
  // When set, sent instead of what the credentials yield ("": nothing), and a 401 is final.
  std::optional<std::string> authorization;
  enum class Absence { error, answer } absence = Absence::error;  // whether 404 is an answer too
  std::string label;                                              // a blob's digest, for progress
  std::string what;                                               // put in front of errors: "reading blob sha256:…"
};

// A call under way.
struct Flow {
  Flow(Call made, CallBody& taker);

  Call call;
  CallBody* body;
  ResponseHead head;                   // of the answer, when done; of the last refusal, when there was one
  std::optional<Result<void>> result;  // set when done

  // What the session keeps between the attempts.
  struct Intake;
  Url url;  // after redirects
  std::unique_ptr<Intake> intake;
  std::unique_ptr<Exchange> exchange;
  std::chrono::steady_clock::time_point due{};
  std::string sent_authorization;
  bool off_origin = false;  // a redirect led elsewhere: no credentials any more
  bool logged_in = false;   // for this attempt: another refusal is final
  int redirects = 0;
  int retries = 0;  // since the last progress
  int retries_in_all = 0;
  uint64_t progress_before = 0;

  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;
  ~Flow();
};

struct Answer {
  ResponseHead head;
  std::string body;
};

class [[nodiscard]] Session {
 public:
  static Result<Session> create(ClientOptions options, const CredentialStore& store, const CancelToken& cancel);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // Runs calls side by side, at most `parallel` at a time, until all are done or one has failed; the first failure is
  // returned and the others are broken off. With `apart` a network error stays in its flow's result and the others go
  // on.
  // `meanwhile` is called in between, at least once a second; its error ends everything.
  enum class Failures { end_all, apart };
  using Meanwhile = std::function<Result<void>()>;
  Result<void> run(const std::vector<Flow*>& flows, unsigned parallel, Failures failures = Failures::end_all,
                   const Meanwhile& meanwhile = {});
  // One call with a small answer. Errors: by the answer's status; corrupt when the body is longer than `limit_bytes`.
  Result<Answer> call(Call call, size_t limit_bytes);

  // Errors: interrupted.
  Result<void> pause(std::chrono::milliseconds time) const;

  // scheme://host[:port]/v2/ of an endpoint. An insecure one is asked by https first, then by http.
  Result<Url> api_base(const Endpoint& endpoint);
  // The endpoint's /v2/<repository>/<rest>.
  Result<Url> url_of(const Endpoint& endpoint, std::string_view rest);
  // Uses these instead of stored credentials (ctr login).
  void use_credentials(const Credentials& credentials);

  const ClientOptions& options() const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ctr::registry
