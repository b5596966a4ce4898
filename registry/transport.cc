#include "registry/transport.h"

#include <curl/curl.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/file.h"
#include "base/text.h"

namespace ctr::registry {

using Clock = std::chrono::steady_clock;

struct Transport::State {
  std::string user_agent;
  TransportLimits limits;
  CancelToken cancel;
  CURLM* multi = nullptr;
  std::vector<Exchange::State*> running;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (multi) curl_multi_cleanup(multi);
    curl_global_cleanup();
  }
};

struct Exchange::State {
  Transport::State* transport = nullptr;
  ResponseHandler* handler = nullptr;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::string body;
  BlobSource* upload = nullptr;
  uint64_t upload_offset = 0;
  std::array<char, CURL_ERROR_SIZE> words{};
  ResponseHead head;
  size_t head_bytes = 0;
  bool head_given = false;
  bool head_too_long = false;
  bool idle_too_long = false;
  Clock::time_point last_byte;
  std::optional<Error> handler_error;
  std::optional<Outcome> outcome;
  int connection = -1;  // HttpRequest::connection, until libcurl has it

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (easy) {
      curl_multi_remove_handle(transport->multi, easy);
      curl_easy_cleanup(easy);
    }
    curl_slist_free_all(headers);
    std::erase(transport->running, this);
  }
  void touch() { last_byte = Clock::now(); }
  bool give_head();
  void finish(CURLcode code);
  Outcome::Kind kind_of(CURLcode code) const;
};

namespace {

// What a user can do about a failure that no other try mends.
std::string hint_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "check the registry's name and this host's name servers";
    case CURLE_COULDNT_CONNECT:
      return "check the registry's name and port, and that it runs and can be reached from here";
    case CURLE_SSL_CONNECT_ERROR:
      return "for a registry without TLS say --tls-verify=false, or insecure = true in registries.conf";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "put the certificate of the registry's authority into ~/.config/containers/certs.d/HOST:PORT/ca.crt, or "
             "say "
             "--tls-verify=false where the network can be trusted";
    default:
      return "";
  }
}

const char* method_name(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::del:
      return "DELETE";
  }
  return "GET";
}

void add_header_line(ResponseHead& head, std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = to_lower(trim(line.substr(0, colon)));
  const std::string value(trim(line.substr(colon + 1)));
  auto [entry, added] = head.headers.emplace(name, value);
  if (!added) entry->second += ", " + value;
}

size_t on_header(char* bytes, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange::State*>(user);
  exchange.touch();
  exchange.head_bytes += size;
  if (exchange.head_bytes > exchange.transport->limits.head_bytes) {
    exchange.head_too_long = true;
    return 0;
  }
  if (exchange.head_given) return size;  // trailers
  const std::string_view line = trim(std::string_view(bytes, size));
  if (line.starts_with("HTTP/")) {
    // A final status after 1xx answers starts over.
    exchange.head = ResponseHead{};
    const auto blank = line.find(' ');
    const auto digits = blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1, 3);
    for (const char c : digits) {
      if (c >= '0' && c <= '9') exchange.head.status = exchange.head.status * 10 + (c - '0');
    }
  } else {
    add_header_line(exchange.head, line);
  }
  return size;
}

size_t on_write(char* bytes, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange::State*>(user);
  exchange.touch();
  if (!exchange.give_head()) return CURL_WRITEFUNC_ERROR;
  auto taken = exchange.handler->on_body(std::as_bytes(std::span(bytes, size)));
  if (taken) return size;
  exchange.handler_error = std::move(taken).error();
  return CURL_WRITEFUNC_ERROR;
}

size_t on_read(char* buffer, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange::State*>(user);
  exchange.touch();
  auto filled = exchange.upload->read_at(exchange.upload_offset, std::as_writable_bytes(std::span(buffer, size)));
  if (!filled) {
    exchange.handler_error = std::move(filled).error();
    return CURL_READFUNC_ABORT;
  }
  exchange.upload_offset += *filled;
  return *filled;
}

int on_seek(void* user, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Exchange::State*>(user)->upload_offset = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

// The system's authorities, as libcurl was built to find them.
std::string system_authorities(CURL* easy) {
  char* path = nullptr;
  if (curl_easy_getinfo(easy, CURLINFO_CAINFO, &path) != CURLE_OK || !path) return "";
  auto text = read_file(path, size_t{16} << 20);
  return text ? std::move(*text) : "";
}

void set_tls(CURL* easy, const TlsSetup& tls) {
  const bool verify = tls.verify == TlsSetup::Verify::yes;
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!tls.authorities_pem.empty()) {
    std::string bundle = tls.authorities_pem + "\n" + system_authorities(easy);
    curl_blob blob{.data = bundle.data(), .len = bundle.size(), .flags = CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.client_certificate_path.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.client_certificate_path.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.client_key_path.c_str());
  }
}

void set_method(Exchange::State& exchange, const HttpRequest& request) {
  CURL* easy = exchange.easy;
  if (request.method == Method::head) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (exchange.upload) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_size_bytes));
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, long{256} << 10);
  } else if (request.method != Method::get && request.method != Method::del) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange.body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange.body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method_name(request.method));
}

// libcurl closes what it is given.
curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr*) {
  const int connection = std::exchange(static_cast<Exchange::State*>(user)->connection, -1);
  return connection < 0 ? CURL_SOCKET_BAD : ::fcntl(connection, F_DUPFD_CLOEXEC, 0);
}

int on_connected(void*, curl_socket_t, curlsocktype) { return CURL_SOCKOPT_ALREADY_CONNECTED; }

void set_connection(Exchange::State& exchange, int connection) {
  if (connection < 0) return;
  exchange.connection = connection;
  curl_easy_setopt(exchange.easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(exchange.easy, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(exchange.easy, CURLOPT_SOCKOPTFUNCTION, on_connected);
  curl_easy_setopt(exchange.easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(exchange.easy, CURLOPT_PROXY, "");
}

void set_callbacks(Exchange::State& exchange) {
  CURL* easy = exchange.easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &exchange);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.words.data());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
}

void set_network(CURL* easy, const Transport::State& transport, const Url& url) {
  curl_easy_setopt(easy, CURLOPT_URL, url.text.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  // A request to stop does not wait for a name server that is silent.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(transport.limits.connect.count()));
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, transport.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  // Rather wait for a connection that multiplexes than open one for each layer.
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, long{256} << 10);
}

}  // namespace

// False when the handler does not want the body.
bool Exchange::State::give_head() {
  if (head_given) return true;
  head_given = true;
  auto taken = handler->on_head(head);
  if (taken) return true;
  handler_error = std::move(taken).error();
  return false;
}

Outcome::Kind Exchange::State::kind_of(CURLcode code) const {
  if (head_too_long) return Outcome::Kind::protocol;
  if (idle_too_long) return Outcome::Kind::broken;
  switch (code) {
    case CURLE_OK:
      return Outcome::Kind::answered;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return Outcome::Kind::unreachable;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return Outcome::Kind::tls;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_URL_MALFORMAT:
      return Outcome::Kind::protocol;
    case CURLE_OPERATION_TIMEDOUT: {
      // The only timeout set is the one for connecting.
      return Outcome::Kind::unreachable;
    }
    default:
      return Outcome::Kind::broken;
  }
}

void Exchange::State::finish(CURLcode code) {
  outcome.emplace();
  if (code == CURLE_OK && !give_head()) code = CURLE_WRITE_ERROR;
  outcome->head = std::move(head);
  if (handler_error) {
    outcome->kind = Outcome::Kind::handler;
    outcome->error = std::move(handler_error);
    return;
  }
  outcome->kind = kind_of(code);
  if (outcome->kind == Outcome::Kind::answered) return;
  std::string text = words[0] != '\0' ? words.data() : curl_easy_strerror(code);
  if (head_too_long) {
    text = "headers of the answer are longer than " + std::to_string(transport->limits.head_bytes >> 10) + " KiB";
  } else if (idle_too_long) {
    const auto seconds = std::chrono::duration<double>(transport->limits.idle).count();
    text = "no byte came for " + std::to_string(static_cast<int>(seconds)) + " s";
  }
  outcome->error = Error(Errc::network, printable(text)).with_hint(hint_of(code));
}

Transport::Transport(std::unique_ptr<State> state) : state_(std::move(state)) {}
Transport::Transport(Transport&&) noexcept = default;
Transport& Transport::operator=(Transport&&) noexcept = default;
Transport::~Transport() = default;

Result<Transport> Transport::create(std::string user_agent, TransportLimits limits, const CancelToken& cancel) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Error(Errc::internal, "start libcurl");
  auto state = std::make_unique<State>();
  state->user_agent = std::move(user_agent);
  state->limits = limits;
  state->cancel = cancel;
  state->multi = curl_multi_init();
  if (!state->multi) return Error(Errc::internal, "start libcurl");
  curl_multi_setopt(state->multi, CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
  curl_multi_setopt(state->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 8L);
  return Transport(std::move(state));
}

Result<std::unique_ptr<Exchange>> Transport::start(const HttpRequest& request, ResponseHandler& handler) {
  auto exchange = std::make_unique<Exchange::State>();
  exchange->transport = state_.get();
  exchange->handler = &handler;
  exchange->body = request.body;
  exchange->upload = request.upload;
  exchange->easy = curl_easy_init();
  if (!exchange->easy) return Error(Errc::internal, "start a transfer of libcurl");
  exchange->touch();
  set_network(exchange->easy, *state_, request.url);
  set_callbacks(*exchange);
  set_connection(*exchange, request.connection);
  set_tls(exchange->easy, request.tls);
  set_method(*exchange, request);
  for (const auto& header : request.headers) exchange->headers = curl_slist_append(exchange->headers, header.c_str());
  // Without it libcurl waits a second for "100 Continue" before every upload.
  exchange->headers = curl_slist_append(exchange->headers, "Expect:");
  curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
  if (curl_multi_add_handle(state_->multi, exchange->easy) != CURLM_OK) {
    return Error(Errc::internal, "start a transfer of libcurl");
  }
  state_->running.push_back(exchange.get());
  return std::make_unique<Exchange>(std::move(exchange));
}

namespace {

void end_exchange(CURLM* multi, Exchange::State& exchange, CURLcode code) {
  exchange.finish(code);
  curl_multi_remove_handle(multi, exchange.easy);
  curl_easy_cleanup(std::exchange(exchange.easy, nullptr));
}

}  // namespace

Result<void> Transport::step(std::chrono::milliseconds longest) {
  TRY(state_->cancel.check());
  int still_running = 0;
  curl_multi_perform(state_->multi, &still_running);
  bool any_done = false;
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(state_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    char* user = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    end_exchange(state_->multi, *reinterpret_cast<Exchange::State*>(user), code);
    any_done = true;
  }
  const auto now = Clock::now();
  for (auto* exchange : state_->running) {
    if (exchange->outcome || now - exchange->last_byte < state_->limits.idle) continue;
    exchange->idle_too_long = true;
    end_exchange(state_->multi, *exchange, CURLE_OPERATION_TIMEDOUT);
    any_done = true;
  }
  if (any_done) return ok();
  std::array<curl_waitfd, 1> extra{{{.fd = state_->cancel.fd(), .events = CURL_WAIT_POLLIN, .revents = 0}}};
  const auto bound =
      std::min({longest, state_->limits.idle / 2 + std::chrono::milliseconds(1), std::chrono::milliseconds(1000)});
  curl_multi_poll(state_->multi, extra.data(), state_->cancel.fd() >= 0 ? 1 : 0, static_cast<int>(bound.count()),
                  nullptr);
  return state_->cancel.check();
}

Exchange::Exchange(std::unique_ptr<State> state) : state_(std::move(state)) {}
Exchange::~Exchange() = default;
const Outcome* Exchange::outcome() const { return state_->outcome ? &*state_->outcome : nullptr; }

}  // namespace ctr::registry
