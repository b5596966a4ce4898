#include "registry/search.h"

#include "base/json.h"
#include "base/oci/reference.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

constexpr size_t k_answer_limit_bytes = size_t{4} << 20;
// Of the catalog: registries answer with up to a thousand names each.
constexpr int k_page_limit = 100;
// The host of Docker Hub's search; its images are elsewhere.
constexpr std::string_view k_hub_search = "https://index.docker.io/v1/search";

Result<Url> search_url(Session& session, const Endpoint& endpoint, std::string_view term, size_t limit) {
  const auto url = endpoint.host == "docker.io" ? TRY(parse_url(k_hub_search))
                                                : TRY(resolve_url(TRY(session.api_base(endpoint)), "/v1/search"));
  return with_query(url, {{"q", std::string(term)}, {"n", std::to_string(limit)}});
}

Result<std::vector<SearchResult>> search_first_api(Session& session, const Endpoint& endpoint, std::string_view term,
                                                   size_t limit, const std::string& what) {
  Call call;
  call.endpoint = &endpoint;
  call.url = TRY(search_url(session, endpoint, term, limit));
  call.what = what;
  const auto answer = TRY(session.call(std::move(call), k_answer_limit_bytes));
  return parse_search_answer(answer.body, what);
}

Result<std::vector<SearchResult>> search_catalog(Session& session, const Endpoint& endpoint, std::string_view term,
                                                 size_t limit, const std::string& what) {
  auto url = TRY(resolve_url(TRY(session.api_base(endpoint)), "_catalog?n=1000"));
  const Origin origin = url.origin;
  std::vector<SearchResult> results;
  for (int page = 0; page < k_page_limit; ++page) {
    Call call;
    call.endpoint = &endpoint;
    call.url = url;
    call.scopes = {"registry:catalog:*"};
    call.what = what;
    const auto answer = TRY(session.call(std::move(call), k_answer_limit_bytes));
    const Json document = TRY(parse_json(answer.body, what));
    for (auto& name : TRY(JsonReader(document, what).strings("repositories"))) {
      if (name.find(term) == std::string::npos || !oci::is_valid_repository_path(name)) continue;
      const bool is_equal = name == term;
      SearchResult result;
      result.name = std::move(name);
      results.insert(is_equal ? results.begin() : results.end(), std::move(result));
      if (results.size() == limit) return results;
    }
    const auto next = next_link(answer.head.header("link"));
    if (next.empty()) return results;
    url = TRY(resolve_url(url, next));
    if (url.origin != origin) return Error(Errc::corrupt, what + ": the next page lies on another host");
  }
  return results;
}

}  // namespace

Result<std::vector<SearchResult>> parse_search_answer(std::string_view text, std::string_view what) {
  const Json document = TRY(parse_json(text, what));
  std::vector<SearchResult> results;
  for (const auto& element : TRY(JsonReader(document, std::string(what)).elements("results"))) {
    results.push_back({.name = TRY(element.get_string("name")),
                       .description = TRY(element.string_or("description", "")),
                       .stars = TRY(element.int_or("star_count", 0)),
                       .official = TRY(element.bool_or("is_official", false)),
                       .automated = TRY(element.bool_or("is_automated", false))});
  }
  return results;
}

Result<std::vector<SearchResult>> search_registry(Session& session, const Endpoint& endpoint, std::string_view term,
                                                  size_t limit) {
  const std::string what = "searching registry \"" + endpoint.host + "\"";
  if (!term.empty()) {
    auto found = search_first_api(session, endpoint, term, limit, what);
    if (found && found->size() > limit) found->resize(limit);
    if (found) return found;
    // A registry without this API says so in many ways; one that cannot be reached is not asked again.
    const auto code = found.error().code();
    if (code == Errc::interrupted || code == Errc::timed_out) return found;
  }
  auto listed = search_catalog(session, endpoint, term, limit, what);
  if (!listed && listed.error().code() == Errc::not_found) {
    return Error(Errc::unsupported, what + ": it offers neither a search nor a catalog");
  }
  return listed;
}

}  // namespace ctr::registry
