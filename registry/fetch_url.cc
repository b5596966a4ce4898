#include "registry/fetch_url.h"

#include <fmt/format.h>

#include "base/text.h"
#include "registry/transport.h"

namespace ctr::registry {
namespace {

// RFC 9110, section 15.4: clients should notice loops; browsers stop at about this number, too.
constexpr int k_most_redirects = 10;
constexpr std::chrono::milliseconds k_step{1000};

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Hands on the body of a good answer; that of others is nobody's.
class Receiver final : public ResponseHandler {
 public:
  explicit Receiver(const UrlSink& sink) : sink_(sink) {}
  Result<void> on_head(const ResponseHead& head) override {
    is_wanted_ = head.status == 200;
    return ok();
  }
  Result<void> on_body(std::span<const std::byte> bytes) override { return is_wanted_ ? sink_(bytes) : ok(); }

 private:
  const UrlSink& sink_;
  bool is_wanted_ = false;
};

Result<ResponseHead> fetch_once(Transport& transport, const Url& url, const UrlSink& sink) {
  Receiver receiver(sink);
  HttpRequest request;
  request.url = url;
  const auto exchange = TRY(transport.start(request, receiver));
  while (exchange->outcome() == nullptr) TRY(transport.step(k_step));
  const auto& outcome = *exchange->outcome();
  if (outcome.error) return *outcome.error;
  return outcome.head;
}

}  // namespace

Result<void> fetch_url(std::string_view typed, const std::string& user_agent, const UrlSink& sink,
                       const CancelToken& cancel) {
  auto url = TRY(parse_url(typed));
  auto transport = TRY(Transport::create(user_agent, {}, cancel));
  for (int redirects = 0; redirects <= k_most_redirects; ++redirects) {
    const auto head = TRY(fetch_once(transport, url, sink).context("downloading '" + printable(typed) + "'"));
    if (head.status == 200) return ok();
    if (!is_redirect(head.status)) {
      return Error(head.status == 404 ? Errc::not_found : Errc::network,
                   fmt::format("downloading '{}': the server answers {}", printable(typed), head.status));
    }
    auto next = TRY(resolve_url(url, head.header("location")).context("downloading '" + printable(typed) + "'"));
    if (url.origin.scheme == "https" && next.origin.scheme != "https") {
      return Error(Errc::network, fmt::format("downloading '{}': a redirect leads from https to http", printable(typed)));
    }
    url = std::move(next);
  }
  return Error(Errc::network,
               fmt::format("downloading '{}': more than {} redirects", printable(typed), k_most_redirects));
}

}  // namespace ctr::registry
