// stop, restart, kill, wait: verbs on containers that run.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

using engine::ContainerInfo;
using engine::Engine;

constexpr std::array k_stop_options = {flag("ignore", 'i', "A container that does not exist is no error"),
                                       value("time", 't', "SECONDS", "Time until SIGKILL; -1 waits for ever")};
constexpr std::array k_restart_options = {flag("running", 0, "Only containers that run"),
                                          value("time", 't', "SECONDS", "Time until SIGKILL; -1 waits for ever")};
constexpr std::array k_kill_options = {value("signal", 's', "SIGNAL", "Name or number of the signal (default KILL)")};
constexpr std::array k_wait_options = {
    list("condition", 0, "STATE",
         "State to wait for: stopped, exited, running, healthy, unhealthy, created, initialized, …"),
    flag("exit-first-match", 0, "End with the first container that is in the state, and print its code alone"),
    flag("ignore", 0, "A container that does not exist counts as ended with -1"),
    value("interval", 'i', "DURATION", "Time between two looks (default 250ms)"),
};

Result<int> stop(Context& context, const Args& args) {
  auto wanted = TRY(selection(k_stop_command, args));
  wanted.running_only = wanted.all;
  wanted.or_initialized = true;
  const engine::StopOptions options{TRY(stop_timeout(args))};
  return for_each_container(context, wanted, Echo::typed,
                            [&](Engine& engine, const ContainerInfo& info) { return engine.stop(info.id, options); });
}

Result<int> restart(Context& context, const Args& args) {
  engine::Selection wanted;
  if (args.flag("running") && args.words().empty()) {
    wanted.all = true;
    wanted.running_only = true;
  } else {
    wanted = TRY(selection(k_restart_command, args));
  }
  const engine::StopOptions options{TRY(stop_timeout(args))};
  return for_each_container(context, wanted, Echo::typed, [&](Engine& engine, const ContainerInfo& info) {
    return engine.restart(info.id, options);
  });
}

Result<int> kill(Context& context, const Args& args) {
  const int number = TRY(parse_signal(args.text("signal", "KILL")));
  auto wanted = TRY(selection(k_kill_command, args));
  wanted.running_only = wanted.all;
  return for_each_container(context, wanted, Echo::typed,
                            [&](Engine& engine, const ContainerInfo& info) { return engine.kill(info.id, number); });
}

// Units as "250ms"; a bare number is milliseconds.
Result<std::chrono::milliseconds> interval(const Args& args) {
  const std::string text = args.text("interval", "250ms");
  if (const auto bare = parse_unsigned(text, "--interval", INT32_MAX)) {
    return std::chrono::milliseconds(static_cast<int64_t>(*bare));
  }
  const auto duration = TRY(parse_duration(text, "--interval"));
  return std::max(std::chrono::milliseconds(1), std::chrono::duration_cast<std::chrono::milliseconds>(duration));
}

// One that does not exist is in no state that could be waited for, unless that is to be ignored.
Result<int> wait_for_first(Context& context, const engine::Selection& wanted,
                           const std::vector<std::string>& conditions, std::chrono::milliseconds pause) {
  auto* engine = TRY(context.engine());
  std::vector<engine::ContainerId> ids;
  for (const auto& [info, outcome] : TRY(engine->select(wanted))) {
    if (outcome.error) return *outcome.error;
    ids.push_back(info.id);
  }
  const int code = ids.empty() ? -1 : TRY(engine::container_verbs(*engine).wait_first(ids, conditions, pause));
  context.output().line(std::to_string(code));
  return 0;
}

Result<int> wait(Context& context, const Args& args) {
  const auto wanted = TRY(selection(k_wait_command, args));
  std::vector<std::string> conditions;
  for (const auto& text : args.list("condition")) {
    for (auto& word : split(text, ',')) conditions.push_back(to_lower(word));
  }
  if (conditions.empty()) conditions = {"stopped", "exited"};
  const auto pause = TRY(interval(args));
  auto* engine = TRY(context.engine());
  if (args.flag("exit-first-match")) return wait_for_first(context, wanted, conditions, pause);
  int code = 0;
  for (const auto& [info, outcome] : TRY(engine->select(wanted))) {
    if (outcome.error) {
      if (wanted.ignore_missing && outcome.error->code() == Errc::not_found) {
        context.output().line("-1");
        continue;
      }
      context.output().error(*outcome.error);
      code = 125;
      continue;
    }
    const int ended = TRY(engine->wait(info.id, conditions, pause));
    context.output().line(std::to_string(ended));
    TRY(context.output().flush());
  }
  return code;
}

constexpr std::string_view k_stop_aliases[] = {"container stop"};
constexpr std::string_view k_restart_aliases[] = {"container restart"};
constexpr std::string_view k_kill_aliases[] = {"container kill"};
constexpr std::string_view k_wait_aliases[] = {"container wait"};

}  // namespace

constexpr Command k_stop_command = {
    .name = "stop",
    .aliases = k_stop_aliases,
    .usage = "[options] CONTAINER [CONTAINER...]",
    .summary = "Stop running containers",
    .options = {group<k_stop_options>, selection_options, filter_options, latest_options},
    .complete = Complete::running,
    .run = stop};

constexpr Command k_restart_command = {
    .name = "restart",
    .aliases = k_restart_aliases,
    .usage = "[options] CONTAINER [CONTAINER...]",
    .summary = "Stop containers and start them again",
    .options = {group<k_restart_options>, selection_options, filter_options, latest_options},
    .complete = Complete::containers,
    .enters_containers = true,
    .run = restart};

constexpr Command k_kill_command = {.name = "kill",
                                    .aliases = k_kill_aliases,
                                    .usage = "[options] CONTAINER [CONTAINER...]",
                                    .summary = "Send a signal to running containers",
                                    .options = {group<k_kill_options>, selection_options, latest_options},
                                    .complete = Complete::running,
                                    .run = kill};

constexpr Command k_wait_command = {.name = "wait",
                                    .aliases = k_wait_aliases,
                                    .usage = "[options] CONTAINER [CONTAINER...]",
                                    .summary = "Wait until containers end, and print their exit codes",
                                    .options = {group<k_wait_options>, latest_options},
                                    .complete = Complete::containers,
                                    .run = wait};

}  // namespace ctr::cli
