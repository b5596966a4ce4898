// update.
#include <array>

#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/health_args.h"
#include "cli/output.h"
#include "cli/restart_args.h"
#include "cli/spec_args.h"
#include "cli/spec_security.h"
#include "engine/container_verbs.h"
#include "engine/ulimit_words.h"

namespace ctr::cli {
namespace {

constexpr std::array k_update_options = {
    list("env", 'e', "KEY[=VALUE]", "Set a variable for what starts from now on; without a value the host's"),
    value("restart", 0, "POLICY", "Start the container again: no, always, unless-stopped or on-failure[:RETRIES]"),
    list("ulimit", 0, "NAME=SOFT[:HARD]", "Resource limit from the next start on"),
    list("unsetenv", 0, "KEY", "Leave out a variable from now on"),
};

Result<engine::ContainerChanges> parse_changes(Context& context, const Args& args) {
  engine::ContainerChanges changes;
  changes.limits = TRY(parse_limits(args));
  changes.env = TRY(read_variables(args.list("env"), context.environment(), "--env"));
  changes.unset_env = args.list("unsetenv");
  for (const auto& text : args.list("ulimit")) changes.ulimits.push_back(TRY(engine::parse_ulimit(text)));
  if (args.has("restart")) changes.restart = TRY(parse_restart(args.text("restart")));
  changes.health = TRY(parse_health(args));
  return changes;
}

Result<int> update(Context& context, const Args& args) {
  if (args.flag("latest") && !args.words().empty()) {
    return Error(Errc::invalid, "--latest and arguments cannot be used together");
  }
  const auto changes = TRY(parse_changes(context, args));
  const auto container = TRY(one_container(context, args));
  TRY(engine::container_verbs(*TRY(context.engine())).update(container.info.id, changes));
  context.output().line(container.info.id.hex);
  return 0;
}

constexpr std::string_view k_aliases[] = {"container update"};

}  // namespace

constexpr Command k_update_command = {
    .name = "update",
    .aliases = k_aliases,
    .usage = "[options] CONTAINER",
    .summary = "Change limits, policies, checks and variables of a container",
    .options = {limit_options, health_options, group<k_update_options>, latest_options},
    .most_words = 1,
    .complete = Complete::containers,
    .run = update};

}  // namespace ctr::cli
