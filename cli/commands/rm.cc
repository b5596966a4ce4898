// rm, container prune, container exists, container cleanup.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/prune.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

using engine::ContainerInfo;
using engine::ContainerState;

constexpr std::array k_rm_options = {
    flag("depend", 0, "Remove the containers that require it as well"),
    flag("force", 'f', "Kill running containers first; what does not exist is no error"),
    flag("ignore", 'i', "A container that does not exist is no error"),
    value("time", 't', "SECONDS", "With --force: time between the stop signal and SIGKILL"),
    flag("volumes", 'v', "Remove the container's anonymous volumes too"),
};
constexpr std::array k_prune_options = {
    flag("force", 'f', "Do not ask"),
    list("filter", 0, "KEY=VALUE", "Only containers that match"),
};
constexpr std::array k_exists_options = {flag("external", 0, "Accepted: ctr has no containers outside its own store")};
constexpr std::array k_cleanup_options = {
    flag("all", 'a', "All containers"), value("exec", 0, "SESSION", "Of this command that exec has run, only"),
    flag("rm", 0, "Remove the container after the clean-up"), flag("rmi", 0, "Remove the image after the clean-up")};

// `rm` has its own words for what is missing.
Error missing(const Error& error, const std::string& typed) {
  if (error.code() != Errc::not_found) return error;
  return Error(Errc::not_found,
               fmt::format("no container with ID or name \"{}\" found: no such container", printable(typed)))
      .with_hint("`ctr ps --all` lists the containers");
}

Result<int> rm(Context& context, const Args& args) {
  auto wanted = TRY(selection(k_rm_command, args));
  const bool force = args.flag("force");
  wanted.ignore_missing = wanted.ignore_missing || force;
  // With all of them it is only a matter of the order.
  const engine::RemoveOptions options{force, args.flag("volumes"), TRY(stop_timeout(args)),
                                      args.flag("depend") || wanted.all};
  auto* engine = TRY(context.engine());
  int code = 0;
  for (auto& [info, outcome] : TRY(engine->select(wanted))) {
    if (!outcome.error) {
      auto removed = engine->remove(info.id, options);
      if (!removed) outcome.error = std::move(removed).error();
    }
    if (!outcome.error) {
      context.output().line(outcome.typed);
      continue;
    }
    if (wanted.ignore_missing && outcome.error->code() == Errc::not_found) continue;
    code = removal_exit_code(*outcome.error);
    context.output().error(missing(*outcome.error, outcome.typed), code);
  }
  return code;
}

Result<int> prune(Context& context, const Args& args) {
  const auto filters = TRY(parse_filters(args));
  if (!args.flag("force") && !TRY(confirm(context, "WARNING! This will remove all non running containers."))) return 0;
  const auto pruned = TRY(prune_containers(context, filters));
  for (const auto& id : pruned.names) context.output().line(id);
  return pruned.code;
}

Result<int> exists(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  return existence(engine->find_container(args.words().front()));
}

// `--exec` is what podman's monitors call. What exec runs leaves nothing behind; the container may run on.
Result<int> cleanup_exec(Context& context, const Args& args) {
  if (args.flag("all") || args.flag("latest") || args.words().size() != 1) {
    return Error(Errc::invalid, "--exec goes with exactly one container");
  }
  if (args.flag("rmi")) return Error(Errc::invalid, "--exec and --rmi cannot be set together");
  const auto& typed = args.words().front();
  (void)TRY(TRY(context.engine())->find_container(typed));
  context.output().line(typed);
  return 0;
}

// The monitor cleans up after its container, so nothing is left to do for one that has ended: finding it makes the
// engine repair what a killed monitor left.
Result<int> cleanup(Context& context, const Args& args) {
  if (args.has("exec")) return cleanup_exec(context, args);
  const auto wanted = TRY(selection(k_container_cleanup_command, args));
  return for_each_container(
      context, wanted, Echo::typed, [&](engine::Engine& engine, const ContainerInfo& info) -> Result<void> {
        if (info.state == ContainerState::running || info.state == ContainerState::paused) {
          return Error(Errc::bad_state, fmt::format("container {} is {}", info.id.hex, engine::state_name(info.state)));
        }
        if (args.flag("rm")) TRY(engine.remove(info.id, {}));
        if (args.flag("rmi")) TRY(engine.remove_image(info.image_id, false, true));
        return ok();
      });
}

constexpr std::string_view k_rm_aliases[] = {"container rm"};

}  // namespace

Result<Pruned> prune_containers(Context& context, const std::vector<engine::ContainerFilter>& filters) {
  engine::Selection wanted;
  wanted.all = true;
  auto* engine = TRY(context.engine());
  Pruned pruned;
  auto found = TRY(engine->select(wanted));
  // The newest first: a container can only require older ones.
  std::reverse(found.begin(), found.end());
  for (const auto& [info, outcome] : found) {
    if (outcome.error) return *outcome.error;
    const bool idle =
        info.state != ContainerState::running && info.state != ContainerState::paused && !info.restart_pending;
    if (!idle || !TRY(engine->matches(info, filters))) continue;
    auto removed = engine->remove(info.id, {});
    // Somebody started or removed it in between, or one that runs requires it: it is not ours to prune.
    const auto why = removed ? Errc::internal : removed.error().code();
    if (why == Errc::not_found || why == Errc::bad_state || why == Errc::exists) continue;
    if (!removed) {
      context.output().error(removed.error());
      pruned.code = 125;
    } else {
      pruned.names.push_back(info.id.hex);
    }
  }
  return pruned;
}

constexpr Command k_rm_command = {
    .name = "rm",
    .aliases = k_rm_aliases,
    .usage = "[options] CONTAINER [CONTAINER...]",
    .summary = "Remove containers",
    .options = {group<k_rm_options>, selection_options, filter_options_long, latest_options},
    .complete = Complete::containers,
    .run = rm};

constexpr Command k_container_prune_command = {.name = "container prune",
                                               .aliases = {},
                                               .usage = "[options]",
                                               .summary = "Remove all containers that do not run",
                                               .options = {group<k_prune_options>},
                                               .most_words = 0,
                                               .run = prune};

constexpr Command k_container_exists_command = {.name = "container exists",
                                                .aliases = {},
                                                .usage = "CONTAINER",
                                                .summary = "Tell by the exit code whether a container exists",
                                                .options = {group<k_exists_options>},
                                                .least_words = 1,
                                                .most_words = 1,
                                                .complete = Complete::containers,
                                                .run = exists};

constexpr Command k_container_cleanup_command = {.name = "container cleanup",
                                                 .aliases = {},
                                                 .usage = "[options] CONTAINER [CONTAINER...]",
                                                 .summary = "Clear away what a container that ended has left",
                                                 .options = {group<k_cleanup_options>, latest_options},
                                                 .complete = Complete::containers,
                                                 .run = cleanup};

}  // namespace ctr::cli
