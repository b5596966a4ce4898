#include "registry/session.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/time.h"
#include "base/wait.h"
#include "registry/certs.h"
#include "registry/errors.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_redirect_limit = 10;
constexpr size_t k_error_body_limit_bytes = size_t{1} << 20;
constexpr size_t k_token_limit_bytes = size_t{1} << 20;
// A token is not used in its last seconds: it would expire on the way.
constexpr std::chrono::seconds k_token_margin{5};

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_worth_retrying(int status) { return status == 429 || status >= 500; }

// The host that serves a registry's API. Docker Hub's differs from its name.
std::string api_host(const Endpoint& endpoint) {
  return endpoint.host == "docker.io" ? "registry-1.docker.io" : endpoint.host;
}

Result<void> named(const Flow& flow, Result<void> result) {
  if (result || flow.call.what.empty()) return result;
  return std::move(result).context(flow.call.what);
}

class SmallBody : public CallBody {
 public:
  explicit SmallBody(size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  Result<void> on_head(const ResponseHead&) override {
    text.clear();
    return ok();
  }
  Result<void> on_bytes(std::span<const std::byte> bytes) override {
    if (text.size() + bytes.size() > limit_bytes_) {
      return Error(Errc::corrupt,
                   "the answer is longer than the limit of " + std::to_string(limit_bytes_ >> 20) + " MiB");
    }
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return ok();
  }
  Result<void> on_end() override { return ok(); }
  std::string text;

 private:
  size_t limit_bytes_;
};

class IgnoredBody : public ResponseHandler {
 public:
  Result<void> on_head(const ResponseHead&) override { return ok(); }
  Result<void> on_body(std::span<const std::byte> bytes) override {
    seen_bytes_ += bytes.size();
    if (seen_bytes_ <= k_error_body_limit_bytes) return ok();
    return Error(Errc::network, "the answer is too long");
  }

 private:
  size_t seen_bytes_ = 0;
};

}  // namespace

// Sorts the bytes of an answer: those of a 2xx go to the call's body, others are kept, bounded, for the error.
struct Flow::Intake : ResponseHandler {
  explicit Intake(Flow& owner) : flow(owner) {}

  Result<void> on_head(const ResponseHead& received) override {
    wanted = received.status >= 200 && received.status < 300;
    return wanted ? flow.body->on_head(received) : ok();
  }
  Result<void> on_body(std::span<const std::byte> bytes) override {
    if (wanted) return flow.body->on_bytes(bytes);
    error_body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (error_body.size() <= k_error_body_limit_bytes) return ok();
    error_body.clear();
    cut = true;
    return Error(Errc::network, "the error answer is too long");
  }

  Flow& flow;
  bool wanted = false;
  bool cut = false;
  std::string error_body;
};

Flow::Flow(Call made, CallBody& taker) : call(std::move(made)), body(&taker), url(call.url) {}
Flow::~Flow() = default;

struct Session::State {
  ClientOptions options;
  const CredentialStore* store;
  CancelToken cancel;
  Transport transport;

  struct Authorization {
    std::string value;
    Clock::time_point expires;
  };
  std::map<std::pair<Origin, std::string>, Authorization> authorizations;
  std::map<std::string, std::optional<Credentials>> credentials;  // by host/repository
  std::optional<Credentials> given_credentials;
  std::map<std::string, Url> bases;                  // by host
  std::map<std::string, Certificates> certificates;  // by host

  bool is_insecure(const Endpoint& endpoint) const {
    if (options.tls_verify == TlsVerify::as_configured) return endpoint.insecure;
    return options.tls_verify == TlsVerify::no;
  }

  Result<TlsSetup> tls_setup(const Endpoint& endpoint, const Origin& target);
  Result<bool> answers(const Endpoint& endpoint, const Url& url);
  Result<Url> base(const Endpoint& endpoint);
  Result<std::optional<Credentials>> credentials_for(const Endpoint& endpoint);
  std::string cached_authorization(const Call& call) const;
  void remember(const Call& call, std::string value, Clock::duration lifetime);

  Result<void> start(Flow& flow);
  Result<void> advance(Flow& flow);
  Result<void> on_failure(Flow& flow, Outcome outcome);
  Result<void> on_redirect(Flow& flow, const ResponseHead& head);
  Result<void> on_unauthorized(Flow& flow, const ResponseHead& head);
  Result<void> on_success(Flow& flow, ResponseHead head);
  Result<void> try_again(Flow& flow, Error why, int64_t wait_seconds = -1);
  Result<std::string> log_in(const Call& call, const ResponseHead& head);
  Result<Token> fetch_token(const Call& call, const Challenge& challenge, const std::optional<Credentials>& known);
  Result<void> run(const std::vector<Flow*>& flows, unsigned parallel, Failures failures, const Meanwhile& meanwhile);
};

// The client's certificate is shown to the registry only; its authorities also vouch for hosts it points to.
Result<TlsSetup> Session::State::tls_setup(const Endpoint& endpoint, const Origin& target) {
  auto known = certificates.find(endpoint.host);
  if (known == certificates.end()) {
    auto found = TRY(find_certificates(endpoint.host, options.cert_dir, options.paths, options.roots));
    known = certificates.emplace(endpoint.host, std::move(found)).first;
  }
  TlsSetup tls;
  tls.verify = is_insecure(endpoint) ? TlsSetup::Verify::no : TlsSetup::Verify::yes;
  tls.authorities_pem = known->second.authorities_pem;
  const auto own = parse_url("https://" + api_host(endpoint) + "/");
  if (own && own->origin == target) {
    tls.client_certificate_path = known->second.client_certificate_path;
    tls.client_key_path = known->second.client_key_path;
  }
  return tls;
}

Result<bool> Session::State::answers(const Endpoint& endpoint, const Url& url) {
  IgnoredBody body;
  HttpRequest request;
  request.url = url;
  request.tls = TRY(tls_setup(endpoint, url.origin));
  const auto exchange = TRY(transport.start(request, body));
  while (!exchange->outcome()) TRY(transport.step(std::chrono::seconds(1)));
  const auto kind = exchange->outcome()->kind;
  return kind == Outcome::Kind::answered || kind == Outcome::Kind::handler;
}

Result<Url> Session::State::base(const Endpoint& endpoint) {
  const auto known = bases.find(endpoint.host);
  if (known != bases.end()) return known->second;
  auto url = TRY(parse_url("https://" + api_host(endpoint) + "/v2/"));
  if (is_insecure(endpoint) && !TRY(answers(endpoint, url))) {
    url = TRY(parse_url("http://" + api_host(endpoint) + "/v2/"));
    if (options.log) options.log->debug("registry " + endpoint.host + " does not answer by https, using http");
  }
  bases.emplace(endpoint.host, url);
  return url;
}

Result<std::optional<Credentials>> Session::State::credentials_for(const Endpoint& endpoint) {
  if (given_credentials) return given_credentials;
  if (options.credentials && !endpoint.is_mirror) return options.credentials;
  const auto known = credentials.find(endpoint.name());
  if (known != credentials.end()) return known->second;
  auto found = TRY(store->find(endpoint.host, endpoint.repository, cancel));
  return credentials.emplace(endpoint.name(), std::move(found)).first->second;
}

std::string Session::State::cached_authorization(const Call& call) const {
  const auto known = authorizations.find({call.url.origin, call.endpoint->name() + " " + join(call.scopes, " ")});
  if (known == authorizations.end() || known->second.expires <= Clock::now()) return "";
  return known->second.value;
}

void Session::State::remember(const Call& call, std::string value, Clock::duration lifetime) {
  authorizations[{call.url.origin, call.endpoint->name() + " " + join(call.scopes, " ")}] = {
      .value = std::move(value), .expires = Clock::now() + lifetime};
}

Result<void> Session::State::start(Flow& flow) {
  const Call& call = flow.call;
  HttpRequest request;
  request.method = call.method;
  request.url = flow.url;
  request.headers = call.headers;
  request.headers.emplace_back("Accept-Encoding: identity");
  for (auto& header : flow.body->headers()) request.headers.push_back(std::move(header));
  request.body = call.body;
  request.upload = call.upload;
  request.upload_size_bytes = call.upload_size_bytes;
  flow.sent_authorization.clear();
  if (!flow.off_origin) {
    flow.sent_authorization = call.authorization ? *call.authorization : cached_authorization(call);
    if (!flow.sent_authorization.empty()) request.headers.push_back("Authorization: " + flow.sent_authorization);
  }
  request.tls = TRY(tls_setup(*call.endpoint, flow.url.origin));
  flow.intake = std::make_unique<Flow::Intake>(flow);
  flow.exchange = TRY(transport.start(request, *flow.intake));
  return ok();
}

// Decides what an ended exchange means for its call. An error ends the call.
Result<void> Session::State::advance(Flow& flow) {
  Outcome outcome = *flow.exchange->outcome();
  flow.exchange.reset();
  if (outcome.kind != Outcome::Kind::answered && !flow.intake->cut) return on_failure(flow, std::move(outcome));
  const int status = outcome.head.status;
  if (status >= 200 && status < 300) return on_success(flow, std::move(outcome.head));
  if (status == 404 && flow.call.absence == Call::Absence::answer) {
    flow.head = std::move(outcome.head);
    flow.result = ok();
    return ok();
  }
  if (is_redirect(status)) return on_redirect(flow, outcome.head);
  if (status == 401) return on_unauthorized(flow, outcome.head);
  if (status == 416 && TRY(flow.body->on_range_refused())) {
    return try_again(flow, Error(Errc::network, "the registry refuses to go on in the middle"));
  }
  auto error = error_of_response(status, flow.intake->error_body);
  flow.head = std::move(outcome.head);
  if (!is_worth_retrying(status)) return error;
  return try_again(flow, std::move(error),
                   retry_after_seconds(flow.head.header("retry-after"), to_unix_seconds(now())));
}

Result<void> Session::State::on_failure(Flow& flow, Outcome outcome) {
  CTR_ASSERT(outcome.error.has_value());
  Error error = std::move(*outcome.error);
  switch (outcome.kind) {
    case Outcome::Kind::broken:
      return try_again(flow, std::move(error));
    case Outcome::Kind::handler:
      if (error.code() == Errc::network) return try_again(flow, std::move(error));
      return error;
    default:
      return std::move(error).context("pinging container registry " + printable(flow.url.origin.host) + ":" +
                                      std::to_string(flow.url.origin.port));
  }
}

Result<void> Session::State::on_success(Flow& flow, ResponseHead head) {
  auto ended = flow.body->on_end();
  if (!ended) {
    if (ended.error().code() == Errc::network) return try_again(flow, std::move(ended).error());
    return ended;
  }
  flow.head = std::move(head);
  flow.result = ok();
  return ok();
}

Result<void> Session::State::on_redirect(Flow& flow, const ResponseHead& head) {
  const auto method = flow.call.method;
  const std::string from = flow.url.origin.to_string();
  if (method != Method::get && method != Method::head) {
    return Error(Errc::network, from + " redirects a request that changes something, which is not followed");
  }
  if (++flow.redirects > k_redirect_limit) {
    return Error(Errc::network, "more than " + std::to_string(k_redirect_limit) + " redirects");
  }
  auto target = resolve_url(flow.url, head.header("location"));
  if (!target) return std::move(target).error().with_code(Errc::network).context(from + " redirects");
  if (flow.url.origin.scheme == "https" && target->origin.scheme == "http") {
    return Error(Errc::network, from + " redirects to " + printable(target->origin.to_string()) +
                                    ", from https to http, which is not followed");
  }
  // Once a redirect has left the registry nothing that follows is trusted with its credentials, not even the way back.
  if (target->origin != flow.call.url.origin) flow.off_origin = true;
  flow.url = std::move(*target);
  return ok();
}

Result<void> Session::State::on_unauthorized(Flow& flow, const ResponseHead& head) {
  auto refusal = error_of_response(401, flow.intake->error_body);
  if (flow.off_origin) {
    return Error(Errc::unauthorized, "redirect target " + printable(flow.url.origin.to_string()) +
                                         " asks for credentials, which are not for it");
  }
  if (flow.call.authorization) return refusal;
  const std::string hint = "log in with: ctr login " + flow.call.endpoint->host;
  if (flow.logged_in) return std::move(refusal).with_hint(hint);
  // Another call may have got a token while this one was on its way.
  const auto cached = cached_authorization(flow.call);
  if (!cached.empty() && cached != flow.sent_authorization) return ok();
  flow.logged_in = true;
  const auto value = TRY(log_in(flow.call, head));
  if (value.empty()) return std::move(refusal).with_hint(hint);
  return ok();
}

// Empty when the challenge cannot be met.
Result<std::string> Session::State::log_in(const Call& call, const ResponseHead& head) {
  const auto challenges = parse_challenges(head.header("www-authenticate"));
  const auto known = TRY(credentials_for(*call.endpoint));
  for (const auto& challenge : challenges) {
    if (challenge.scheme != "bearer") continue;
    const auto token = TRY(fetch_token(call, challenge, known));
    auto value = "Bearer " + token.value;
    remember(call, value, std::max<Clock::duration>(token.lifetime - k_token_margin, std::chrono::seconds(1)));
    return value;
  }
  for (const auto& challenge : challenges) {
    if (challenge.scheme != "basic" || !known || known->username.empty()) continue;
    auto value = basic_authorization(*known);
    remember(call, value, std::chrono::hours(24));
    return value;
  }
  return std::string();
}

Result<Token> Session::State::fetch_token(const Call& call, const Challenge& challenge,
                                          const std::optional<Credentials>& known) {
  auto request = TRY(token_request(challenge, call.url.origin, call.scopes, known));
  Call token_call;
  token_call.method = request.method;
  token_call.endpoint = call.endpoint;
  token_call.url = request.url;
  token_call.body = std::move(request.body);
  token_call.authorization = "";
  constexpr std::string_view k_authorization = "Authorization: ";
  for (auto& header : request.headers) {
    if (header.starts_with(k_authorization)) {
      token_call.authorization = header.substr(k_authorization.size());
    } else {
      token_call.headers.push_back(std::move(header));
    }
  }
  SmallBody body(k_token_limit_bytes);
  Flow flow(std::move(token_call), body);
  auto ran = run({&flow}, 1, Failures::end_all, {});
  if (!ran) {
    if (ran.error().code() == Errc::unauthorized && known) {
      return std::move(ran).error().context("unable to retrieve auth token: invalid username/password");
    }
    return std::move(ran).error().context("unable to retrieve auth token");
  }
  return parse_token(body.text);
}

// Puts the call back in the queue, or gives `why` back when the bound is reached.
Result<void> Session::State::try_again(Flow& flow, Error why, int64_t wait_seconds) {
  const auto& limits = options.limits;
  if (flow.call.retry == Call::Retry::no) return why;
  if (wait_seconds > limits.longest_retry_after.count()) {
    return Error(why.code(), why.text() + "; the registry asks to wait " + std::to_string(wait_seconds) +
                                 " s, more than the " + std::to_string(limits.longest_retry_after.count()) +
                                 " s ctr waits");
  }
  const uint64_t progress = flow.body->progress();
  if (progress > flow.progress_before) flow.retries = 0;
  flow.progress_before = progress;
  if (flow.retries >= limits.retries || flow.retries_in_all >= limits.retries_in_all) {
    return Error(why.code(), why.text() + " (after " + std::to_string(flow.retries_in_all) + " retries)");
  }
  std::chrono::milliseconds wait = limits.first_back_off * (1 << flow.retries);
  if (wait_seconds >= 0) wait = std::chrono::seconds(wait_seconds);
  ++flow.retries;
  ++flow.retries_in_all;
  flow.due = Clock::now() + wait;
  // From the start: where a redirect led may have been good for one time only.
  flow.url = flow.call.url;
  flow.off_origin = false;
  flow.redirects = 0;
  flow.logged_in = false;
  if (options.progress) options.progress->retrying(flow.call.label, why.text());
  if (options.log) options.log->debug("trying again: " + why.text());
  return ok();
}

Result<void> Session::State::run(const std::vector<Flow*>& flows, unsigned parallel, Failures failures,
                                 const Meanwhile& meanwhile) {
  const auto settle = [&](Flow& flow, Result<void> step) -> Result<void> {
    if (step) return ok();
    step = named(flow, std::move(step));
    if (failures == Failures::end_all || step.error().code() != Errc::network) return step;
    flow.result = std::move(step);
    return ok();
  };
  while (true) {
    unsigned active = 0;
    size_t open = 0;
    auto wait = std::chrono::milliseconds(1000);
    for (auto* flow : flows) {
      if (flow->exchange && flow->exchange->outcome()) TRY(settle(*flow, advance(*flow)));
      if (flow->exchange) ++active;
      if (!flow->result) ++open;
    }
    if (open == 0) return ok();
    const auto time = Clock::now();
    for (auto* flow : flows) {
      if (flow->result || flow->exchange || active >= parallel) continue;
      if (flow->due > time) {
        wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(flow->due - time));
        continue;
      }
      TRY(settle(*flow, start(*flow)));
      ++active;
    }
    // What has failed is told first.
    if (meanwhile) TRY(meanwhile());
    TRY(transport.step(wait));
  }
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(ClientOptions options, const CredentialStore& store, const CancelToken& cancel) {
  TransportLimits limits;
  limits.connect = options.limits.connect;
  limits.idle = options.limits.idle;
  auto transport = TRY(Transport::create(options.user_agent, limits, cancel));
  return Session(std::unique_ptr<State>(new State{.options = std::move(options),
                                                  .store = &store,
                                                  .cancel = cancel,
                                                  .transport = std::move(transport),
                                                  .authorizations = {},
                                                  .credentials = {},
                                                  .given_credentials = {},
                                                  .bases = {},
                                                  .certificates = {}}));
}

Result<void> Session::run(const std::vector<Flow*>& flows, unsigned parallel, Failures failures,
                          const Meanwhile& meanwhile) {
  auto ran = state_->run(flows, parallel, failures, meanwhile);
  if (!ran) {
    for (auto* flow : flows) flow->exchange.reset();
  }
  return ran;
}

Result<Answer> Session::call(Call call, size_t limit_bytes) {
  SmallBody body(limit_bytes);
  Flow flow(std::move(call), body);
  TRY(run({&flow}, 1));
  return Answer{.head = std::move(flow.head), .body = std::move(body.text)};
}

Result<void> Session::pause(std::chrono::milliseconds time) const {
  auto waited = wait_for(-1, 0, state_->cancel, time);
  if (!waited && waited.error().code() != Errc::timed_out) return waited;
  return ok();
}

Result<Url> Session::api_base(const Endpoint& endpoint) { return state_->base(endpoint); }

Result<Url> Session::url_of(const Endpoint& endpoint, std::string_view rest) {
  const auto base = TRY(state_->base(endpoint));
  return parse_url(base.text + endpoint.repository + "/" + std::string(rest));
}

void Session::use_credentials(const Credentials& credentials) {
  state_->given_credentials = credentials;
  state_->authorizations.clear();
}

const ClientOptions& Session::options() const { return state_->options; }

}  // namespace ctr::registry
