// search: images of registries by a word.
#include <optional>

#include "base/text.h"
#include "engine/transfer_session.h"

namespace ctr::engine {
namespace {

// What each registry gives unless more is asked for, as in podman.
constexpr size_t k_default_limit = 25;

size_t limit_of(const SearchOptions& options) { return options.limit == 0 ? k_default_limit : options.limit; }

// Where a term is looked for.
struct SearchPlan {
  std::vector<std::string> hosts;
  std::string term;
};

// "quay.io/word" names a registry; what is in front of the first slash and is no host belongs to the word.
Result<SearchPlan> plan_search(const registry::RegistriesConfig& registries, const std::string& term) {
  const auto slash = term.find('/');
  const auto first = term.substr(0, slash);
  const bool names_host = first == "localhost" || first.find_first_of(".:") != std::string::npos;
  if (slash != std::string::npos && names_host) return SearchPlan{{first}, term.substr(slash + 1)};
  if (!registries.unqualified_search.empty()) return SearchPlan{registries.unqualified_search, term};
  return Error(Errc::not_found, "no registries to search for '" + printable(term) +
                                    "': registries.conf names none in "
                                    "unqualified-search-registries")
      .with_hint("name one in front, as in docker.io/" + printable(term));
}

// Whether plain HTTP is allowed is what registries.conf says for images of that host.
Result<registry::Endpoint> endpoint_of(const registry::RegistriesConfig& registries, const std::string& host) {
  const oci::ImageReference any{.domain = host, .path = "any", .tag = {}, .digest = {}};
  const auto endpoints = TRY(registry::find_endpoints(registries, any));
  return registry::Endpoint{.host = host, .repository = "", .insecure = endpoints.back().insecure};
}

Result<std::vector<SearchHit>> list_tags(TransferSession& session, const SearchOptions& options) {
  const auto typed = TRY(oci::parse_reference(options.term));
  if (typed.tag || typed.digest) {
    return Error(Errc::invalid, "'" + printable(options.term) + "': --list-tags takes a name without tag and digest");
  }
  const auto reference = TRY(registry::find_candidates(session.registries, typed)).references.front();
  const auto endpoint = TRY(registry::find_endpoints(session.registries, reference)).back();
  auto tags = TRY(session.client->list_tags(endpoint));
  if (tags.size() > limit_of(options)) tags.resize(limit_of(options));
  std::vector<SearchHit> hits;
  for (auto& tag : tags) {
    hits.push_back({.index = reference.domain, .name = reference.name(), .description = {}, .tag = std::move(tag)});
  }
  return hits;
}

SearchHit hit_of(const std::string& host, registry::SearchResult result) {
  const bool is_official = host == "docker.io" && result.name.find('/') == std::string::npos;
  return {.index = host,
          .name = host + (is_official ? "/library/" : "/") + result.name,
          .description = std::move(result.description),
          .stars = result.stars,
          .official = result.official,
          .automated = result.automated,
          .tag = {}};
}

}  // namespace

Result<std::vector<SearchHit>> search_images(TransferSession& session, const SearchOptions& options) {
  if (options.list_tags) return list_tags(session, options);
  const auto plan = TRY(plan_search(session.registries, options.term));
  std::vector<SearchHit> hits;
  std::optional<Error> failure;
  for (const auto& host : plan.hosts) {
    const auto endpoint = TRY(endpoint_of(session.registries, host));
    auto found = session.client->search(endpoint, plan.term, limit_of(options));
    if (!found) {
      if (found.error().code() == Errc::interrupted) return std::move(found).error();
      if (failure && session.options.log) session.options.log->warn(failure->text());
      failure = std::move(found).error();
      continue;
    }
    for (auto& result : *found) hits.push_back(hit_of(host, std::move(result)));
  }
  // One registry that answers is enough; what the others say is told.
  if (failure && hits.empty()) return std::move(*failure);
  if (failure && session.options.log) session.options.log->warn(failure->text());
  return hits;
}

}  // namespace ctr::engine
