// stats.
#include <poll.h>
#include <unistd.h>

#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/pod_common.h"
#include "cli/output.h"
#include "cli/stats_view.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

using engine::ContainerInfo;
using engine::ContainerState;
using engine::ContainerUse;

constexpr std::array k_options = {
    flag("all", 'a', "Containers that do not run, too"),
    value("format", 0, "FORMAT", "Print with a template, or as json"),
    value("interval", 'i', "SECONDS", "Time between two rounds (default 5)"),
    flag("no-reset", 0, "Do not clear the screen before each round"),
    flag("no-stream", 0, "Print one round and end"),
    flag("no-trunc", 0, "Do not shorten ids"),
};

constexpr std::array k_pod_options = {
    flag("all", 'a', "Containers that do not run, too"),
    value("format", 0, "FORMAT", "Print with a template, or as json"),
    flag("no-reset", 0, "Do not clear the screen before each round"),
    flag("no-stream", 0, "Print one round and end"),
};

constexpr int64_t k_default_interval_seconds = 5;
constexpr int64_t k_longest_interval_seconds = 1'000'000;
// Erases the terminal and goes to its upper left corner. Source: ECMA-48, ED and CUP.
constexpr std::string_view k_clear_screen = "\033[2J\033[1;1H";

Result<void> check_words(const Args& args) {
  const int ways = (args.flag("all") ? 1 : 0) + (args.flag("latest") ? 1 : 0) + (args.words().empty() ? 0 : 1);
  if (ways > 1) return Error(Errc::invalid, "--all, --latest and containers cannot be used together");
  return ok();
}

Result<std::chrono::milliseconds> interval(const Args& args) {
  const int64_t seconds = TRY(args.number("interval")).value_or(k_default_interval_seconds);
  if (seconds < 1 || seconds > k_longest_interval_seconds) {
    return Error(Errc::invalid, "invalid interval, must be a positive number greater zero");
  }
  return std::chrono::milliseconds(seconds * 1000);
}

// Those that are named, or all that run.
Result<std::vector<ContainerInfo>> wanted_containers(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  std::vector<ContainerInfo> infos;
  if (args.flag("latest") || !args.words().empty()) {
    engine::Selection wanted;
    wanted.names = args.words();
    wanted.latest = args.flag("latest");
    for (auto& [info, outcome] : TRY(engine->select(wanted))) {
      if (outcome.error) return std::move(*outcome.error).context("unable to get list of containers");
      infos.push_back(std::move(info));
    }
    return infos;
  }
  infos = TRY(engine->list_containers());
  if (!args.flag("all")) {
    std::erase_if(infos, [](const auto& info) {
      return info.state != ContainerState::running && info.state != ContainerState::paused;
    });
  }
  return infos;
}

// The members of the pods that are named, or of all.
Result<std::vector<ContainerInfo>> wanted_members(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  std::vector<engine::PodInfo> pods;
  if (args.words().empty() && !args.flag("latest")) {
    pods = TRY(engine::pod_verbs(*engine).list({}));
  } else {
    const auto choice = TRY(choose_pods(context, k_pod_stats_command, args));
    if (!choice.errors.empty()) return choice.errors.front();
    for (const auto& pod : choice.pods) pods.push_back(pod.info);
  }
  std::vector<ContainerInfo> infos;
  for (const auto& pod : pods) {
    for (const auto& member : pod.members) {
      if (member.state != ContainerState::running && !args.flag("all")) continue;
      infos.push_back(TRY(engine->find_container(member.id.hex)));
    }
  }
  return infos;
}

using Choose = Result<std::vector<ContainerInfo>> (*)(Context& context, const Args& args);
using Former = std::map<std::string, ContainerUse>;  // by id

// One that is removed meanwhile is left out unless it was named.
Result<std::vector<StatsEntry>> measure(Context& context, const Args& args, Choose choose, Former& former) {
  auto& verbs = engine::container_verbs(*TRY(context.engine()));
  const bool whole_ids = choose == wanted_containers && args.flag("no-trunc");
  std::vector<StatsEntry> entries;
  Former present;
  for (auto& info : TRY(choose(context, args))) {
    auto use = verbs.use(info.id);
    if (!use && use.error().code() == Errc::not_found && args.words().empty()) continue;
    StatsEntry entry{std::move(info), TRY(std::move(use)), {}, whole_ids};
    if (const auto found = former.find(entry.info.id.hex); found != former.end()) entry.former = found->second;
    present[entry.info.id.hex] = entry.use;
    entries.push_back(std::move(entry));
  }
  former = std::move(present);
  return entries;
}

Result<void> print_round(Context& context, const Args& args, const std::vector<StatsEntry>& entries) {
  const std::string format = args.text("format");
  Json rows = Json::array();
  const bool as_json = is_json_format(format);
  for (const auto& entry : entries) rows.push(as_json ? stats_json(entry) : stats_row(entry));
  auto& output = context.output();
  if (is_terminal(STDOUT_FILENO) && !args.flag("no-reset")) output.print(k_clear_screen);
  if (as_json) {
    output.print(pretty(rows, 1));
  } else {
    output.print(TRY(print_listing(stats_listing(), format, rows, Heading::yes)));
  }
  return output.flush();
}

Result<int> show(Context& context, const Args& args, Choose choose, std::chrono::milliseconds pause) {
  auto& verbs = engine::container_verbs(*TRY(context.engine()));
  TRY(verbs.check_measurable());
  Former former;
  while (true) {
    TRY(print_round(context, args, TRY(measure(context, args, choose, former))));
    if (args.flag("no-stream")) return 0;
    pollfd entry = {context.cancel().fd(), POLLIN, 0};
    (void)::poll(&entry, entry.fd >= 0 ? 1 : 0, static_cast<int>(pause.count()));
    TRY(context.cancel().check());
  }
}

Result<int> stats(Context& context, const Args& args) {
  TRY(check_words(args));
  return show(context, args, wanted_containers, TRY(interval(args)));
}

Result<int> pod_stats(Context& context, const Args& args) {
  TRY(check_words(args));
  return show(context, args, wanted_members, std::chrono::seconds(k_default_interval_seconds));
}

constexpr std::string_view k_aliases[] = {"container stats"};

}  // namespace

constexpr Command k_stats_command = {.name = "stats",
                                     .aliases = k_aliases,
                                     .usage = "[options] [CONTAINER...]",
                                     .summary = "Show what containers use",
                                     .options = {group<k_options>, latest_options},
                                     .complete = Complete::running,
                                     .run = stats};

constexpr Command k_pod_stats_command = {.name = "pod stats",
                                         .aliases = {},
                                         .usage = "[options] [POD...]",
                                         .summary = "Show what the containers of pods use",
                                         .options = {group<k_pod_options>, latest_options},
                                         .complete = Complete::pods,
                                         .run = pod_stats};

}  // namespace ctr::cli
