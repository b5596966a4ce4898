// ps.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/container_view.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

using engine::ContainerInfo;
using engine::ContainerState;

constexpr std::array k_ps_options = {
    flag("all", 'a', "Also containers that do not run"),
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
};

Result<void> check_flags(const Args& args) {
  const auto wrong = [](const char* text) { return Error(Errc::invalid, text); };
  if (args.has("last") && args.flag("latest")) return wrong("last and latest are mutually exclusive");
  if (args.flag("quiet") && (args.flag("size") || args.flag("ns")))
    return wrong("quiet conflicts with size and namespace");
  if (args.flag("size") && args.flag("ns")) return wrong("size and namespace options conflict");
  return ok();
}

// Those of `infos` that are asked for.
Result<std::vector<PsEntry>> entries(engine::Engine& engine, const Args& args,
                                     const std::vector<ContainerInfo>& infos) {
  const auto filters = TRY(parse_filters(args));
  const auto last = TRY(args.number("last"));
  const bool by_state = std::any_of(filters.begin(), filters.end(), [](const auto& f) { return f.key == "status"; });
  const bool latest = args.flag("latest");
  const bool all = args.flag("all") || by_state || latest || (last && *last >= 0);
  // An unknown key is an error on an empty store too.
  TRY(engine.matches({}, filters));
  std::vector<PsEntry> found;
  found.reserve(infos.size());
  for (const auto& info : infos) {
    const bool running = info.state == ContainerState::running || info.state == ContainerState::stopping;
    if ((all || running) && TRY(engine.matches(info, filters))) found.push_back({&info, {}});
  }
  const size_t count = latest ? 1 : last && *last >= 0 ? static_cast<size_t>(*last) : found.size();
  if (found.size() > count) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(count));
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

Result<int> ps(Context& context, const Args& args) {
  TRY(check_flags(args));
  auto* engine = TRY(context.engine());
  const std::string format = args.text("format");
  PsOptions options;
  options.ids = args.flag("no-trunc") ? PsOptions::Ids::whole : PsOptions::Ids::shortened;
  options.size = args.flag("size");
  options.pod = args.flag("pod");
  options.namespaces = args.flag("ns") || format.find(".Namespaces") != std::string::npos;
  const auto infos = TRY(engine->list_containers());
  auto found = TRY(entries(*engine, args, infos));
  if (options.size) {
    for (auto& entry : found) entry.size = TRY(engine->container_size(*entry.info));
  }
  TRY(sort_entries(args.text("sort"), found));
  Output& output = context.output();
  if (args.flag("quiet") && !args.has("format")) {
    for (const auto& entry : found) {
      output.line(options.ids == PsOptions::Ids::whole ? entry.info->id.hex : entry.info->id.short_form());
    }
    return 0;
  }
  const TimePoint at = now();
  if (is_json_format(format)) {
    Json rows = Json::array();
    for (const auto& entry : found) rows.push(ps_json(entry, options, at));
    output.print(pretty(rows, 2));
    return 0;
  }
  const auto listing = ps_listing(options);
  const Heading heading = args.flag("noheading") ? Heading::no : Heading::yes;
  if (format.empty()) {
    const PsRows rows(options, at, listing.columns);
    const auto value = [&](size_t row, size_t column) { return rows.value(found[row], column); };
    output.print(print_table(listing, found.size(), value, heading));
    return 0;
  }
  // A template may name any field.
  const PsRows all(options, at);
  Json rows = Json::array();
  for (const auto& entry : found) rows.push(all.row(entry));
  output.print(TRY(print_format(listing, format, rows, heading)));
  return 0;
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
