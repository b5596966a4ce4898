// exec.
#include <fmt/format.h>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/spec_args.h"

namespace ctr::cli {
namespace {

// podman's exit code for exec in a container that does not run.
constexpr int k_not_running_code = 255;

constexpr std::array k_exec_options = {
    list("cidfile", 0, "FILE", "Read the container's id from FILE", Complete::files),
    flag("detach", 'd', "Run in the background"),
    value("detach-keys", 0, "KEYS", "Keys that detach from the command; empty for none"),
    list("env", 'e', "KEY[=VALUE]", "Set a variable; without a value the host's"),
    list("env-file", 0, "FILE", "Read variables from FILE", Complete::files),
    flag("interactive", 'i', "Keep stdin open"),
    flag("no-session", 0, "Write nothing down of the command: no events"),
    list("preserve-fd", 0, "N", "Pass on this descriptor"),
    value("preserve-fds", 0, "N", "Pass on descriptors 3 to N+2"),
    flag("privileged", 0, "Give the command all capabilities"),
    flag("tty", 't', "Give the command a terminal"),
    value("user", 'u', "USER[:GROUP]", "User and group to run as"),
    value("workdir", 'w', "DIR", "Working directory"),
};

Result<engine::ExecOptions> exec_options(Context& context, const Args& args) {
  engine::ExecOptions options;
  options.user = args.text("user");
  options.working_dir = args.text("workdir");
  options.terminal = args.flag("tty");
  options.interactive = args.flag("interactive");
  options.detach = args.flag("detach");
  options.privileged = args.flag("privileged");
  options.no_session = args.flag("no-session");
  if (options.no_session && options.detach) {
    return Error(Errc::invalid, "--no-session and --detach cannot be used together");
  }
  options.preserved_fds = TRY(preserved_descriptors(args));
  options.env = TRY(read_env_options(args, context.environment(), read_input));
  return options;
}

// With --cidfile or --latest every word is the command's.
Result<OneContainer> target(Context& context, const Args& args) {
  if (!args.has("cidfile")) return one_container(context, args);
  if (args.flag("latest")) return Error(Errc::invalid, "--cidfile and --latest cannot be used together");
  auto ids = TRY(read_cid_files(args, MissingFiles::refused));
  if (ids.size() != 1) return Error(Errc::invalid, "a command runs in one container: --cidfile can be given once");
  return OneContainer{TRY(TRY(context.engine())->find_container(ids.front())), args.words()};
}

constexpr size_t k_session_id_bytes = 32;

Result<int> exec(Context& context, const Args& args) {
  auto options = TRY(exec_options(context, args));
  auto found = TRY(target(context, args));
  if (found.rest.empty()) return Error(Errc::invalid, "must provide a non-empty command to start an exec session");
  options.argv = std::move(found.rest);
  auto* engine = TRY(context.engine());
  warn_without_terminal(context, options.terminal, options.interactive);
  const auto attach = options.detach
                          ? engine::AttachOptions{}
                          : attach_options(options.interactive, options.terminal, true, find_detach_keys(args));
  auto end = engine->exec(found.info.id, options, attach);
  if (!end && end.error().code() == Errc::bad_state) {
    context.output().error(end.error(), k_not_running_code);
    return k_not_running_code;
  }
  if (!end) return std::move(end).error();
  // Sessions are not kept: the id is there for who prints or reads one, as with podman.
  if (options.detach) context.output().line(random_hex(k_session_id_bytes));
  return end->detached ? 0 : end->exit_code;
}

constexpr std::string_view k_exec_aliases[] = {"container exec"};

}  // namespace

constexpr Command k_exec_command = {.name = "exec",
                                    .aliases = k_exec_aliases,
                                    .usage = "[options] CONTAINER COMMAND [ARG...]",
                                    .summary = "Run a command in a running container",
                                    .options = {group<k_exec_options>, latest_options},
                                    .least_words = 1,
                                    .positionals = Positionals::end_options,
                                    .complete = Complete::running,
                                    .enters_containers = true,
                                    .run = exec};

}  // namespace ctr::cli
