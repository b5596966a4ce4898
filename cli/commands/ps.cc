// ps.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/container_view.h"
#include "cli/output.h"
#include "engine/pods.h"

namespace ctr::cli {
namespace {

using engine::ContainerInfo;
using engine::ContainerState;

constexpr std::array k_ps_options = {
    flag("all", 'a', "Also containers that do not run"),
    flag("external", 0, "Accepted: ctr has no containers outside its own store"),
    list("filter", 'f', "KEY=VALUE", "Only containers that match"),
    value("format", 0, "FORMAT", "json, or a Go template; with \"table \" in front it has headings"),
    value("last", 'n', "N", "The N containers that were created last, in any state"),
    flag("no-trunc", 0, "Whole ids and commands"),
    flag("noheading", 0, "No headings"),
    flag("ns", 0, "Show the namespaces"),
    flag("pod", 'p', "Show the pod"),
    flag("quiet", 'q', "Only ids"),
    flag("size", 's', "Show the sizes"),
    value("sort", 0, "FIELD", "command, created, id, image, names, runningfor, size or status"),
    flag("sync", 0, "Accepted: the state is always the kernel's"),
    value("watch", 'w', "SECONDS", "Show the list anew after this time, over and over"),
};

Result<void> check_flags(const Args& args) {
  const auto wrong = [](const char* text) { return Error(Errc::invalid, text); };
  if (args.has("last") && args.flag("latest")) return wrong("last and latest are mutually exclusive");
  if (args.flag("quiet") && (args.flag("size") || args.flag("ns")))
    return wrong("quiet conflicts with size and namespace");
  if (args.flag("size") && args.flag("ns")) return wrong("size and namespace options conflict");
  return ok();
}

// Which containers are asked for.
class Choice {
 public:
  // An unknown filter is an error on an empty store too.
  static Result<Choice> from(engine::Engine& engine, const Args& args) {
    Choice choice(engine);
    choice.filters_ = TRY(parse_filters(args));
    TRY(engine.matches({}, choice.filters_));
    const auto last = TRY(args.number("last"));
    const bool latest = args.flag("latest");
    if (latest || (last && *last > 0)) choice.most_ = latest ? 1 : static_cast<size_t>(*last);
    const bool by_state = std::any_of(choice.filters_.begin(), choice.filters_.end(),
                                      [](const auto& filter) { return filter.key == "status"; });
    choice.all_ = args.flag("all") || by_state || choice.most_;
    return choice;
  }

  Result<bool> takes(const ContainerInfo& info) const {
    const bool running = info.state == ContainerState::running || info.state == ContainerState::stopping;
    return (all_ || running) && (filters_.empty() || TRY(engine_->matches(info, filters_)));
  }
  bool has_limit() const { return most_.has_value(); }
  // Keeps the last of `found`, which are in the order of their creation.
  template <typename Found>
  void keep_last(std::vector<Found>& found) const {
    const size_t count = most_.value_or(found.size());
    if (found.size() > count) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(count));
  }

 private:
  explicit Choice(engine::Engine& engine) : engine_(&engine) {}
  engine::Engine* engine_;
  std::vector<engine::ContainerFilter> filters_;
  std::optional<size_t> most_;
  bool all_ = false;
};

// Those of `infos` that are asked for.
Result<std::vector<PsEntry>> entries(const Choice& choice, const std::vector<ContainerInfo>& infos) {
  std::vector<PsEntry> found;
  found.reserve(infos.size());
  for (const auto& info : infos) {
    if (TRY(choice.takes(info))) found.push_back({&info, {}});
  }
  choice.keep_last(found);
  return found;
}

Result<void> sort_entries(const std::string& field, std::vector<PsEntry>& entries) {
  // They come in the order of their creation, which the addresses keep.
  const auto by = [&](auto key) {
    std::sort(entries.begin(), entries.end(),
              [&](const auto& a, const auto& b) { return std::pair(key(a), a.info) < std::pair(key(b), b.info); });
    return ok();
  };
  if (field.empty() || field == "created") return ok();
  if (field == "command") return by([](const PsEntry& e) { return join(e.info->argv, " "); });
  if (field == "id") return by([](const PsEntry& e) { return e.info->id.hex; });
  if (field == "image") return by([](const PsEntry& e) { return e.info->image_name; });
  if (field == "names") return by([](const PsEntry& e) { return e.info->name; });
  if (field == "runningfor") return by([](const PsEntry& e) { return e.info->started.value_or(TimePoint()); });
  if (field == "size") return by([](const PsEntry& e) { return e.size ? e.size->rw_bytes : uint64_t{0}; });
  if (field == "status") return by([](const PsEntry& e) { return engine::state_name(e.info->state); });
  return Error(Errc::invalid,
               fmt::format("\"{}\" is not a valid choice for --sort: choose from command, created, id, image, "
                           "names, runningfor, size, status",
                           printable(field)));
}

// What most listings are: the table, or only ids, in the order of creation. No container is held longer than it takes
// to write its line: memory that is touched is most of what a listing costs.
Result<std::string> quick_table(engine::Engine& engine, const Choice& choice, const PsOptions& options,
                                const Listing& listing, Heading heading) {
  struct Place {
    TimePoint created;
    uint64_t id = 0;  // its first digits
    size_t row = 0;
    auto operator<=>(const Place&) const = default;
  };
  const PsRows rows(options, now(), listing.columns);
  ListingTable table(listing, heading);
  std::vector<Place> places;
  TRY(engine.visit_containers([&](const ContainerInfo& info) -> Result<void> {
    if (!TRY(choice.takes(info))) return ok();
    Place place = {.created = info.created, .row = places.size()};
    std::from_chars(info.id.hex.data(), info.id.hex.data() + std::min<size_t>(info.id.hex.size(), 16), place.id, 16);
    places.push_back(place);
    table.add_row([&](size_t column) { return rows.value({&info, {}}, column); });
    return ok();
  }));
  std::sort(places.begin(), places.end());
  std::vector<size_t> order;
  for (const auto& place : places) order.push_back(place.row);
  return table.text(std::move(order));
}

Result<int> print_list(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const std::string format = args.text("format");
  const std::string sort = args.text("sort");
  PsOptions options;
  options.ids = args.flag("no-trunc") ? PsOptions::Ids::whole : PsOptions::Ids::shortened;
  options.size = args.flag("size");
  options.pod = args.flag("pod");
  // Names of pods take a look at each of them.
  if (options.pod || format.find(".PodName") != std::string::npos || is_json_format(format)) {
    options.pod_names = TRY(engine::pod_verbs(*engine).names());
  }
  options.namespaces = args.flag("ns") || format.find(".Namespaces") != std::string::npos;
  const auto choice = TRY(Choice::from(*engine, args));
  auto listing = ps_listing(options);
  Heading heading = args.flag("noheading") ? Heading::no : Heading::yes;
  if (args.flag("quiet") && !args.has("format")) {
    listing.columns = {"ID"};
    heading = Heading::no;
  }
  Output& output = context.output();
  // Columns are as wide as what is shown, which is known at once where everything is.
  if (format.empty() && !options.size && !choice.has_limit() && (sort.empty() || sort == "created")) {
    output.print(TRY(quick_table(*engine, choice, options, listing, heading)));
    return 0;
  }
  const auto infos = TRY(engine->list_containers());
  auto found = TRY(entries(choice, infos));
  if (options.size) {
    for (auto& entry : found) entry.size = TRY(engine->container_size(*entry.info));
  }
  TRY(sort_entries(sort, found));
  const TimePoint at = now();
  if (is_json_format(format)) {
    Json rows = Json::array();
    for (const auto& entry : found) rows.push(ps_json(entry, options, at));
    output.print(pretty(rows, 2));
    return 0;
  }
  if (format.empty()) {
    const PsRows rows(options, at, listing.columns);
    ListingTable table(listing, heading);
    for (const auto& entry : found) {
      table.add_row([&](size_t column) { return rows.value(entry, column); });
    }
    output.print(table.text());
    return 0;
  }
  // A template may name any field.
  const PsRows all(options, at);
  Json rows = Json::array();
  for (const auto& entry : found) rows.push(all.row(entry));
  output.print(TRY(print_format(listing, format, rows, heading)));
  return 0;
}

// Ends with the signal that interrupts it.
Result<int> watch(Context& context, const Args& args, std::chrono::seconds interval) {
  // ECMA-48: the cursor to the top, and everything behind it cleared.
  constexpr std::string_view k_clear = "\x1b[H\x1b[J";
  while (true) {
    context.output().print(k_clear);
    TRY(print_list(context, args));
    TRY(context.output().flush());
    pollfd entry = {context.cancel().fd(), POLLIN, 0};
    const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(interval).count();
    (void)::poll(&entry, entry.fd >= 0 ? 1 : 0, static_cast<int>(std::min<int64_t>(pause, INT32_MAX)));
    TRY(context.cancel().check());
  }
}

Result<int> ps(Context& context, const Args& args) {
  TRY(check_flags(args));
  const auto seconds = TRY(args.number("watch"));
  if (!seconds || *seconds == 0) return print_list(context, args);
  if (*seconds < 0) return Error(Errc::invalid, fmt::format("--watch {}: is negative", *seconds));
  return watch(context, args, std::chrono::seconds(*seconds));
}

constexpr std::string_view k_ps_aliases[] = {"ls", "container ls", "container list", "container ps"};

}  // namespace

constexpr Command k_ps_command = {.name = "ps",
                                  .aliases = k_ps_aliases,
                                  .usage = "[options]",
                                  .summary = "List containers",
                                  .options = {group<k_ps_options>, latest_options},
                                  .most_words = 0,
                                  .run = ps};

}  // namespace ctr::cli
