// search.
#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/report.h"
#include "engine/image_verbs.h"

namespace ctr::cli {
namespace {

using engine::SearchHit;

constexpr std::array k_options = {
    value("authfile", 0, "FILE", "Read registry credentials from FILE", Complete::files),
    value("cert-dir", 0, "DIR", "Read certificates of registries from DIR", Complete::directories),
    flag("compatible", 0, "Show stars, official and automated, too"),
    value("creds", 0, "USER[:PASSWORD]", "Credentials for the registry"),
    list("filter", 'f', "KEY=VALUE", "Only images that match: stars=N, is-official, is-automated"),
    value("format", 0, "FORMAT", "json, or a Go template; with \"table \" in front it has headings"),
    value("limit", 0, "N", "Results of each registry (default 25)"),
    flag("list-tags", 0, "List the tags of a repository instead"),
    flag("no-trunc", 0, "Whole descriptions"),
    flag("tls-verify", 0, "Verify certificates of registries (default true)"),
};
// podman's columns for descriptions.
constexpr size_t k_description_width = 44;
constexpr uint64_t k_most_results = 1'000'000;

// What a hit must have; all of it.
struct Wanted {
  int64_t stars = 0;
  std::optional<bool> official, automated;
};

Result<Wanted> read_filters(const Args& args) {
  Wanted wanted;
  for (const auto& text : args.list("filter")) {
    const auto equals = text.find('=');
    const auto key = text.substr(0, equals);
    const auto word = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (key == "stars" && equals != std::string::npos) {
      wanted.stars = static_cast<int64_t>(TRY(parse_unsigned(word, "the filter stars", k_most_results)));
    } else if (key == "stars") {
      return Error(Errc::invalid, "invalid filter \"stars\", should be stars=<value>");
    } else if (key == "is-official" || key == "is-automated") {
      (key == "is-official" ? wanted.official : wanted.automated) = word != "false";
    } else {
      return Error(Errc::invalid, fmt::format("invalid filter type \"{}\"", printable(text)));
    }
  }
  return wanted;
}

bool has(const SearchHit& hit, const Wanted& wanted) {
  return hit.stars >= wanted.stars && hit.official == wanted.official.value_or(hit.official) &&
         hit.automated == wanted.automated.value_or(hit.automated);
}

Json row_of(const SearchHit& hit, bool whole) {
  auto description = hit.description;
  std::replace(description.begin(), description.end(), '\n', ' ');
  if (!whole) description = ellipsis(description, k_description_width);
  return Json::object()
      .set("Index", hit.index)
      .set("Name", hit.name)
      .set("Description", description)
      .set("Stars", hit.stars)
      .set("Official", hit.official ? "[OK]" : "")
      .set("Automated", hit.automated ? "[OK]" : "")
      .set("Tag", hit.tag);
}

Listing listing_of(const Args& args) {
  Listing listing;
  listing.name = "search";
  listing.types.root = "entities.ImageSearchReport";
  listing.columns = {"Name", "Description"};
  if (args.flag("compatible")) listing.columns = {"Name", "Description", "Stars", "Official", "Automated"};
  if (args.flag("list-tags")) listing.columns = {"Name", "Tag"};
  return listing;
}

// One object for each repository, as podman prints tags.
Json tags_json(const std::vector<SearchHit>& hits) {
  Json list = Json::array();
  for (size_t i = 0; i < hits.size();) {
    Json tags = Json::array();
    const auto& name = hits[i].name;
    while (i < hits.size() && hits[i].name == name) tags.push(hits[i++].tag);
    list.push(Json::object().set("Name", name).set("Tags", std::move(tags)));
  }
  return list;
}

Result<engine::SearchOptions> read_options(const Args& args) {
  engine::SearchOptions options;
  options.term = args.words().front();
  options.authfile = args.text("authfile");
  options.creds = args.text("creds");
  options.cert_dir = args.text("cert-dir");
  options.tls_verify = TRY(args.boolean("tls-verify"));
  options.list_tags = args.flag("list-tags");
  if (args.has("limit")) options.limit = TRY(parse_unsigned(args.text("limit"), "--limit", k_most_results));
  if (options.list_tags && args.has("filter")) {
    return Error(Errc::invalid, "filters are not applicable to list tags result");
  }
  return options;
}

Result<int> search(Context& context, const Args& args) {
  const auto options = TRY(read_options(args));
  const auto wanted = TRY(read_filters(args));
  auto* engine = TRY(context.engine());
  auto hits = TRY(engine::image_verbs(*engine).search(options));
  std::erase_if(hits, [&](const auto& hit) { return !has(hit, wanted); });
  const std::string format = args.text("format");
  Output& output = context.output();
  if (is_json_format(format) && options.list_tags) {
    output.print(pretty(tags_json(hits), 4));
    return 0;
  }
  Json rows = Json::array();
  for (const auto& hit : hits) rows.push(row_of(hit, args.flag("no-trunc")));
  const auto listing = listing_of(args);
  if (is_json_format(format)) {
    output.print(pretty(rows, 4));
  } else if (!format.empty() || !hits.empty()) {
    output.print(TRY(print_listing(listing, format, rows, Heading::yes)));
  }
  return 0;
}

constexpr std::string_view k_aliases[] = {"image search"};

}  // namespace

constexpr Command k_search_command = {.name = "search",
                                      .aliases = k_aliases,
                                      .usage = "[options] TERM",
                                      .summary = "Search registries for images",
                                      .options = {group<k_options>},
                                      .least_words = 1,
                                      .most_words = 1,
                                      .run = search};

}  // namespace ctr::cli
