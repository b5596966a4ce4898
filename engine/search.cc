// search: images of registries by a word.
#include <fmt/format.h>

#include "base/text.h"
#include "engine/transfer_session.h"
#include "registry/search.h"
#include "registry/session.h"

namespace ctr::engine {
namespace {

// What each registry gives unless more is asked for, as in podman.
constexpr size_t k_default_limit = 25;

RegistryAccess access_of(const SearchOptions& options) {
  RegistryAccess access;
  access.authfile = options.authfile;
  access.creds = options.creds;
  access.cert_dir = options.cert_dir;
  access.tls_verify = options.tls_verify;
  return access;
}

// "quay.io/word": the registry and the rest; else nullopt.
std::optional<std::pair<std::string, std::string>> split_registry(const std::string& term) {
  auto parts = split_once(term, '/');
  if (!parts) return std::nullopt;
  const bool is_registry = parts->first == "localhost" || parts->first.find_first_of(".:") != std::string::npos;
  if (!is_registry) return std::nullopt;
  return parts;
}

// Whether plain HTTP is allowed is what registries.conf says for images of that host.
Result<registry::Endpoint> endpoint_of(const registry::RegistriesConfig& registries, const std::string& host) {
  const oci::ImageReference any{.domain = host, .path = "any", .tag = {}, .digest = {}};
  const auto endpoints = TRY(registry::find_endpoints(registries, any));
  return registry::Endpoint{.host = host, .repository = "", .insecure = endpoints.back().insecure};
}

Result<std::vector<SearchHit>> list_tags(TransferSession& session, const SearchOptions& options) {
  const auto typed = TRY(oci::parse_reference(options.term));
  if (typed.tag || typed.digest) return Error(Errc::invalid, "reference must be a name without tag and digest");
  const auto reference = TRY(registry::find_candidates(session.registries, typed)).front();
  const auto endpoint = TRY(registry::find_endpoints(session.registries, reference)).back();
  auto tags = TRY(session.client->list_tags(endpoint));
  const size_t limit = options.limit == 0 ? k_default_limit : options.limit;
  if (tags.size() > limit) tags.resize(limit);
  std::vector<SearchHit> hits;
  for (auto& tag : tags) {
    SearchHit hit;
    hit.index = reference.domain;
    hit.name = reference.name();
    hit.tag = std::move(tag);
    hits.push_back(std::move(hit));
  }
  return hits;
}

}  // namespace

Result<std::vector<SearchHit>> search_images(const EngineOptions& options, ProgressSink& progress,
                                             const SearchOptions& search) {
  auto session = TRY(open_session(options, progress, access_of(search)));
  if (search.list_tags) return list_tags(session, search);
  const auto typed = split_registry(search.term);
  const auto term = typed ? typed->second : search.term;
  auto hosts = typed ? std::vector<std::string>{typed->first} : session.registries.unqualified_search;
  if (hosts.empty()) {
    return Error(Errc::not_found, "no registries to search: name one in front, as in docker.io/" + search.term)
        .with_hint("or set unqualified-search-registries in registries.conf");
  }
  auto searcher = TRY(registry::Session::create(TRY(client_options(session, access_of(search))), *session.credentials,
                                                options.cancel));
  const size_t limit = search.limit == 0 ? k_default_limit : search.limit;
  std::vector<SearchHit> hits;
  std::optional<Error> failure;
  for (const auto& host : hosts) {
    const auto endpoint = TRY(endpoint_of(session.registries, host));
    auto found = registry::search_registry(searcher, endpoint, term, limit);
    if (!found) {
      if (failure && options.log) options.log->warn(failure->text());
      failure = std::move(found).error();
      continue;
    }
    for (auto& result : *found) {
      hits.push_back({.index = host,
                      .name = host + "/" + result.name,
                      .description = std::move(result.description),
                      .stars = result.stars,
                      .official = result.official,
                      .automated = result.automated,
                      .tag = {}});
    }
  }
  if (hits.empty() && failure) return std::move(*failure);
  if (failure && options.log) options.log->warn(failure->text());
  return hits;
}

}  // namespace ctr::engine
