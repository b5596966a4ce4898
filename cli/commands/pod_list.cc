// pod ps, inspect, prune and top.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/pod_common.h"
#include "cli/commands/prune.h"
#include "cli/output.h"
#include "cli/pod_view.h"
#include "cli/table.h"
#include "engine/container_verbs.h"
#include "engine/top.h"

namespace ctr::cli {
namespace {

using engine::PodInfo;
using engine::PodState;

constexpr std::array k_ps_options = {
    flag("ctr-ids", 0, "Show the ids of the containers"),
    flag("ctr-names", 0, "Show the names of the containers"),
    flag("ctr-status", 0, "Show the states of the containers"),
    list("filter", 'f', "KEY=VALUE", "Only pods that match"),
    value("format", 0, "FORMAT", "json, or a Go template; with \"table \" in front it has headings"),
    flag("latest", 'l', "The pod that was created last"),
    flag("no-trunc", 0, "Whole ids"),
    flag("noheading", 'n', "No headings"),
    flag("ns", 0, "Show the cgroup, and podman's namespace, which is empty"),
    flag("quiet", 'q', "Only ids"),
    value("sort", 0, "FIELD", "created, id, name, number or status"),
};
constexpr std::array k_inspect_options = {
    value("format", 'f', "FORMAT", "json, or a Go template that is printed for each pod"),
    flag("latest", 'l', "The pod that was created last"),
};
constexpr std::array k_prune_options = {flag("force", 'f', "Do not ask")};
constexpr std::array k_top_options = {flag("latest", 'l', "The pod that was created last")};

// What a container says of its processes.
constexpr size_t k_cell_limit_bytes = 4096;

Result<void> sort_pods(const std::string& field, std::vector<PodInfo>& pods) {
  const auto by = [&](auto key) {
    std::sort(pods.begin(), pods.end(), [&](const auto& a, const auto& b) {
      return std::pair(key(a), b.created) < std::pair(key(b), a.created);
    });
    return ok();
  };
  // They come in the order of their creation; podman shows the newest first.
  std::reverse(pods.begin(), pods.end());
  if (field.empty() || field == "created") return ok();
  if (field == "id") return by([](const PodInfo& info) { return info.id.hex; });
  if (field == "name") return by([](const PodInfo& info) { return info.name; });
  if (field == "number") return by([](const PodInfo& info) { return info.members.size(); });
  if (field == "status") return by([](const PodInfo& info) { return state_name(info.state); });
  return Error(Errc::invalid,
               fmt::format("\"{}\" is not a valid choice for --sort: choose from created, id, name, number, status",
                           printable(field)));
}

Result<int> ps(Context& context, const Args& args) {
  if (args.flag("quiet") && args.has("format")) {
    return Error(Errc::invalid, "quiet and format cannot be used together");
  }
  auto& verbs = engine::pod_verbs(*TRY(context.engine()));
  auto pods = TRY(verbs.list(TRY(parse_filters(args))));
  if (args.flag("latest") && pods.size() > 1) pods.erase(pods.begin(), pods.end() - 1);
  TRY(sort_pods(args.text("sort"), pods));
  PodListOptions options;
  options.whole_ids = args.flag("no-trunc");
  options.container_ids = args.flag("ctr-ids");
  options.container_names = args.flag("ctr-names");
  options.container_status = args.flag("ctr-status");
  options.namespaces = args.flag("ns");
  const std::string format = args.text("format");
  auto& output = context.output();
  if (args.flag("quiet")) {
    for (const auto& pod : pods) output.line(options.whole_ids ? pod.id.hex : pod.id.short_form());
    return 0;
  }
  const auto heading = args.flag("noheading") ? Heading::no : Heading::yes;
  const TimePoint at = now();
  const bool json = is_json_format(format);
  Json rows = Json::array();
  for (const auto& pod : pods) rows.push(json ? pod_json(pod) : pod_row(pod, options, at));
  if (json) {
    output.print(pretty(rows, 5));
  } else {
    output.print(TRY(print_listing(pod_listing(options), format, rows, heading)));
  }
  return 0;
}

Result<int> inspect(Context& context, const Args& args) {
  const auto choice = TRY(choose_pods(context, k_pod_inspect_command, args));
  auto& verbs = engine::pod_verbs(*TRY(context.engine()));
  Json documents = Json::array();
  for (const auto& pod : choice.pods) documents.push(TRY(verbs.inspect(pod.info)));
  auto& output = context.output();
  const std::string format = args.text("format");
  if (format.empty() || is_json_format(format)) {
    output.print(pretty(documents, 5));
  } else {
    output.print(TRY(print_format(pod_inspect_listing(), format, documents, Heading::no)));
  }
  for (const auto& error : choice.errors) output.error(error);
  return choice.errors.empty() ? 0 : 125;
}

Result<int> prune(Context& context, const Args& args) {
  if (!args.flag("force")) {
    if (!TRY(confirm(context, "WARNING! This will remove all stopped/exited pods.."))) return 0;
  }
  const auto pruned = TRY(prune_pods(context));
  for (const auto& id : pruned.names) context.output().line(id);
  return pruned.code;
}

Result<int> top(Context& context, const Args& args) {
  auto& verbs = engine::container_verbs(*TRY(context.engine()));
  if (args.words().empty() && !args.flag("latest")) {
    return Error(Errc::invalid, "you must provide the name or id of a running pod");
  }
  const auto info = TRY(one_pod(context, args));
  std::vector<std::string> descriptors;
  const size_t first = args.flag("latest") ? 0 : 1;
  for (size_t i = first; i < args.words().size(); ++i) {
    for (auto& word : split(args.words()[i], ',')) {
      if (word.empty()) continue;
      if (!engine::is_top_descriptor(word)) {
        return Error(Errc::invalid, fmt::format("'{}': unknown descriptor", printable(word)));
      }
      descriptors.push_back(std::move(word));
    }
  }
  Table table;
  bool first_member = true;
  for (const auto& member : info.members) {
    if (member.state != engine::ContainerState::running) continue;
    const auto rows = TRY(verbs.top(member.id, descriptors));
    for (size_t i = first_member ? 0 : 1; i < rows.size(); ++i) {
      for (const auto& cell : rows[i]) table.add_cell(printable(cell, k_cell_limit_bytes));
      table.end_row();
    }
    first_member = false;
  }
  if (first_member) {
    return Error(Errc::bad_state, "pod top can only be used on pods with at least one running container");
  }
  context.output().print(table.text());
  return 0;
}

constexpr std::string_view k_ps_aliases[] = {"pod ls", "pod list"};

}  // namespace

Result<Pruned> prune_pods(Context& context) {
  auto& verbs = engine::pod_verbs(*TRY(context.engine()));
  Pruned pruned;
  for (const auto& pod : TRY(verbs.list({}))) {
    if (pod.state != PodState::exited && pod.state != PodState::stopped) continue;
    const auto removed = verbs.remove(pod.id, {});
    if (removed) {
      pruned.names.push_back(pod.id.hex);
    } else if (removed.error().code() != Errc::not_found) {
      pruned.code = 125;
      context.output().error(removed.error());
    }
  }
  return pruned;
}

constexpr Command k_pod_ps_command = {.name = "pod ps",
                                      .aliases = k_ps_aliases,
                                      .usage = "[options]",
                                      .summary = "List pods",
                                      .options = {group<k_ps_options>},
                                      .most_words = 0,
                                      .run = ps};

constexpr Command k_pod_inspect_command = {.name = "pod inspect",
                                           .aliases = {},
                                           .usage = "[options] POD [POD...]",
                                           .summary = "Show everything about pods",
                                           .options = {group<k_inspect_options>},
                                           .complete = Complete::pods,
                                           .run = inspect};

constexpr Command k_pod_prune_command = {.name = "pod prune",
                                         .aliases = {},
                                         .usage = "[options]",
                                         .summary = "Remove pods that have ended, and their containers",
                                         .options = {group<k_prune_options>},
                                         .most_words = 0,
                                         .run = prune};

constexpr Command k_pod_top_command = {.name = "pod top",
                                       .aliases = {},
                                       .usage = "[options] POD [DESCRIPTOR...]",
                                       .summary = "Show the processes of a pod's containers",
                                       .options = {group<k_top_options>},
                                       .positionals = Positionals::end_options,
                                       .complete = Complete::pods,
                                       .run = top};

}  // namespace ctr::cli
