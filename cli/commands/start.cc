// start and attach.
#include <fmt/format.h>

#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

constexpr std::array k_start_options = {
    flag("all", 0, "All containers that do not run"),
    flag("attach", 'a', "Attach to stdout and stderr, and return the container's exit code"),
    value("detach-keys", 0, "KEYS", "Keys that detach from the container; empty for none"),
    flag("interactive", 'i', "Attach to stdin too"),
    flag("sig-proxy", 0, "Pass signals on to the program (default true when attached)"),
};
constexpr std::array k_init_options = {flag("all", 'a', "All containers that are neither running nor set up")};
constexpr std::array k_attach_options = {
    value("detach-keys", 0, "KEYS", "Keys that detach from the container; empty for none"),
    flag("no-stdin", 0, "Do not attach to stdin"),
    flag("sig-proxy", 0, "Pass signals on to the program (default true)"),
};

Result<int> start_attached(Context& context, const Args& args, const engine::Selection& wanted) {
  auto* engine = TRY(context.engine());
  const auto found = TRY(engine->select(wanted));
  if (found.size() != 1) return Error(Errc::invalid, "you cannot start and attach multiple containers at once");
  const auto& [info, outcome] = found.front();
  if (outcome.error) return *outcome.error;
  const bool with_stdin = args.flag("interactive") && info.spec.stdin_open;
  const auto attach = attach_options(with_stdin, info.spec.terminal, args.flag("sig-proxy", !info.spec.terminal),
                                     find_detach_keys(args));
  const auto end = TRY(engine->start_attached(info.id, attach));
  return end.detached ? 0 : end.exit_code;
}

Result<int> start(Context& context, const Args& args) {
  auto wanted = TRY(selection(k_start_command, args));
  if (args.flag("attach") || args.flag("interactive")) {
    if (wanted.names.size() > 1) return Error(Errc::invalid, "you cannot start and attach multiple containers at once");
    return start_attached(context, args, wanted);
  }
  return for_each_container(context, wanted, Echo::typed,
                            [](engine::Engine& engine, const engine::ContainerInfo& info) {
                              // podman: starting what runs already is no error.
                              return info.state == engine::ContainerState::running ? ok() : engine.start(info.id);
                            });
}

Result<int> initialize(Context& context, const Args& args) {
  const auto wanted = TRY(selection(k_init_command, args));
  return for_each_container(context, wanted, Echo::typed,
                            [&](engine::Engine& engine, const engine::ContainerInfo& info) -> Result<void> {
                              auto done = engine.initialize(info.id);
                              // Of all of them, those that run are not meant.
                              if (!done && wanted.all && done.error().code() == Errc::bad_state) return ok();
                              return done;
                            });
}

Result<int> attach(Context& context, const Args& args) {
  const auto found = TRY(one_container(context, args));
  auto* engine = TRY(context.engine());
  const auto& info = found.info;
  if (info.state != engine::ContainerState::running) {
    return Error(Errc::bad_state, "you can only attach to running containers")
        .with_hint("`ctr start --attach` starts it and attaches");
  }
  const bool with_stdin = info.spec.stdin_open && !args.flag("no-stdin");
  const auto options = attach_options(with_stdin, info.spec.terminal, args.flag("sig-proxy", !info.spec.terminal),
                                      find_detach_keys(args));
  const auto end = TRY(engine->attach(info.id, options));
  return end.detached ? 0 : end.exit_code;
}

constexpr std::string_view k_start_aliases[] = {"container start"};
constexpr std::string_view k_init_aliases[] = {"container init"};
constexpr std::string_view k_attach_aliases[] = {"container attach"};

}  // namespace

constexpr Command k_start_command = {.name = "start",
                                     .aliases = k_start_aliases,
                                     .usage = "[options] CONTAINER [CONTAINER...]",
                                     .summary = "Start containers that were created or have ended",
                                     .options = {group<k_start_options>, filter_options, latest_options},
                                     .complete = Complete::stopped,
                                     .enters_containers = true,
                                     .run = start};

constexpr Command k_init_command = {.name = "init",
                                    .aliases = k_init_aliases,
                                    .usage = "[options] CONTAINER [CONTAINER...]",
                                    .summary = "Set containers up so that a start only has to let them go",
                                    .options = {group<k_init_options>, latest_options},
                                    .complete = Complete::containers,
                                    .enters_containers = true,
                                    .run = initialize};

constexpr Command k_attach_command = {.name = "attach",
                                      .aliases = k_attach_aliases,
                                      .usage = "[options] CONTAINER",
                                      .summary = "Attach to a running container",
                                      .options = {group<k_attach_options>, latest_options},
                                      .most_words = 1,
                                      .complete = Complete::running,
                                      .run = attach};

}  // namespace ctr::cli
