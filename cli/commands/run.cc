// run and create.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/pod_args.h"
#include "cli/spec_args.h"
#include "engine/pods.h"

namespace ctr::cli {
namespace {

constexpr std::array k_run_options = {
    flag("detach", 'd', "Run in the background and print the container's id"),
    value("detach-keys", 0, "KEYS", "Keys that detach from the container; empty for none"),
    flag("passwd", 0, "Add lines for the container's user to /etc/passwd and /etc/group (default true)"),
    list("preserve-fd", 0, "N", "Pass on this descriptor"),
    value("preserve-fds", 0, "N", "Pass on descriptors 3 to N+2"),
    flag("rmi", 0, "Remove the image, too, when the container ends, unless it is used elsewhere; implies --rm"),
    flag("explain", 0, "Print the steps that would be taken, and take none"),
    flag("sig-proxy", 0, "Pass signals on to the program (default true, false with --tty)"),
};

struct Plan {
  engine::ContainerSpec spec;
  engine::CreateOptions options;
};

Result<Plan> plan(Context& context, const Args& args) {
  const std::string cwd = TRY(absolute_path("."));
  const auto* config = TRY(TRY(context.engine())->config());
  const SpecInputs inputs{context.environment(), cwd, read_input, *config};
  Plan plan{TRY(container_spec(args, inputs)), TRY(create_options(args, *config))};
  plan.spec.create_command = context.command_line();
  for (auto* path : {&plan.spec.cid_file, &plan.spec.pid_file, &plan.spec.monitor_pid_file, &plan.spec.init_path}) {
    if (!path->empty()) *path = TRY(absolute_path(*path));
  }
  auto& hosts = plan.spec.hosts_file;
  if (!hosts.empty() && hosts != "none" && hosts != "image") hosts = TRY(absolute_path(hosts));
  return plan;
}

// Makes the pod of --pod new:NAME, and takes it away again unless the container came to be.
class NewPod {
 public:
  NewPod() = default;
  NewPod(const NewPod&) = delete;
  NewPod& operator=(const NewPod&) = delete;
  ~NewPod() {
    if (!id_) return;
    verbs_->remove(*id_, {.force = true, .timeout = {}}).ignore("the error of the container is the one to tell");
  }
  Result<void> make(Context& context, engine::ContainerSpec& spec, bool starts) {
    if (!spec.pod.starts_with("new:")) return ok();
    auto pod = TRY(pod_around(spec));
    pod.shared.create_command = spec.create_command;
    verbs_ = &engine::pod_verbs(*TRY(context.engine()));
    id_ = TRY(verbs_->create(std::move(pod), {.replace = false, .starts = starts, .origin = {}})).id;
    spec.pod = id_->hex;
    return ok();
  }
  void keep() { id_.reset(); }

 private:
  engine::PodVerbs* verbs_ = nullptr;
  std::optional<engine::PodId> id_;
};

// What only run has.
Result<void> add_run_options(const Args& args, Plan& plan) {
  auto& spec = plan.spec;
  spec.add_accounts = args.flag("passwd", true);
  if (spec.log.driver == "passthrough" &&
      (is_terminal(STDIN_FILENO) || is_terminal(STDOUT_FILENO) || is_terminal(STDERR_FILENO))) {
    return Error(Errc::invalid, "the '--log-driver passthrough' option cannot be used on a TTY")
        .with_hint("--log-driver passthrough-tty can");
  }
  spec.remove_image = args.flag("rmi");
  if (spec.remove_image && spec.restart.policy != engine::RestartSpec::Policy::no) {
    return Error(Errc::invalid, "the --rmi option conflicts with --restart");
  }
  if (spec.remove_image && spec.image.empty()) return Error(Errc::invalid, "--rmi needs an image, not --rootfs");
  spec.auto_remove = spec.auto_remove || spec.remove_image;
  plan.options.preserved_fds = TRY(preserved_descriptors(args));
  plan.options.starts = true;
  return ok();
}

// The streams that --attach names: stdin, stdout, stderr. Errors: invalid.
Result<std::array<bool, 3>> named_streams(const Args& args) {
  std::array<bool, 3> named = {};
  for (const auto& name : args.list("attach")) {
    const std::string stream = to_lower(name);
    if (stream != "stdin" && stream != "stdout" && stream != "stderr") {
      return Error(
          Errc::invalid,
          fmt::format("invalid stream \"{}\" for --attach - must be one of stdin, stdout, or stderr", printable(name)));
    }
    named[stream == "stdin" ? 0 : stream == "stdout" ? 1 : 2] = true;
  }
  return named;
}

// Which of the three streams are joined: those of --attach, else stdout and stderr, and stdin with -i.
engine::AttachOptions streams(const Args& args, const engine::SpecSummary& spec, const std::array<bool, 3>& named) {
  const bool proxy = args.flag("sig-proxy", !spec.terminal);
  auto options = attach_options(spec.stdin_open, spec.terminal, proxy, find_detach_keys(args));
  if (!args.has("attach")) return options;
  if (!named[0]) options.stdin_fd = -1;
  if (!named[1]) options.stdout_fd = -1;
  if (!named[2]) options.stderr_fd = -1;
  options.terminal = options.terminal && named[0];
  return options;
}

Result<int> run_attached(Context& context, const engine::ContainerInfo& info, const engine::AttachOptions& attach) {
  auto* engine = TRY(context.engine());
  warn_without_terminal(context, info.spec.terminal, info.spec.stdin_open);
  auto end = engine->start_attached(info.id, attach);
  if (!end) return std::move(end).error();
  return end->detached ? 0 : end->exit_code;
}

Result<int> run_detached(Context& context, const engine::ContainerInfo& info) {
  auto* engine = TRY(context.engine());
  TRY(engine->start(info.id));
  context.output().line(info.id.hex);
  return 0;
}

// What has run stays, whatever became of the command.
bool was_started(engine::Engine& engine, const engine::ContainerId& id) {
  const auto info = engine.find_container(id.hex);
  return info && info->state != engine::ContainerState::created;
}

Result<int> run(Context& context, const Args& args) {
  Plan wanted = TRY(plan(context, args));
  TRY(add_run_options(args, wanted));
  if (args.flag("explain")) {
    if (wanted.spec.pod.starts_with("new:")) {
      return Error(Errc::invalid, "--explain changes nothing, and cannot make the pod of --pod new:");
    }
    auto* engine = TRY(context.engine());
    for (const auto& step : TRY(engine->explain(std::move(wanted.spec), wanted.options))) context.output().line(step);
    return 0;
  }
  const bool detach = args.flag("detach");
  if (detach && args.has("attach")) {
    return Error(Errc::invalid, "--attach and --detach cannot be set together");
  }
  const auto named = TRY(named_streams(args));
  auto* engine = TRY(context.engine());
  NewPod pod;
  TRY(pod.make(context, wanted.spec, true));
  const auto info = TRY(engine->create(std::move(wanted.spec), wanted.options));
  auto ended = detach ? run_detached(context, info) : run_attached(context, info, streams(args, info.spec, named));
  if (ended || was_started(*engine, info.id)) pod.keep();
  return ended;
}

Result<int> run_create(Context& context, const Args& args) {
  TRY(named_streams(args));  // what is attached is decided by start
  auto wanted = TRY(plan(context, args));
  auto* engine = TRY(context.engine());
  NewPod pod;
  TRY(pod.make(context, wanted.spec, false));
  const auto info = TRY(engine->create(std::move(wanted.spec), wanted.options));
  pod.keep();
  context.output().line(info.id.hex);
  return 0;
}

constexpr std::string_view k_run_aliases[] = {"container run"};
constexpr std::string_view k_create_aliases[] = {"container create"};

}  // namespace

constexpr Command k_run_command = {
    .name = "run",
    .aliases = k_run_aliases,
    .usage = "[options] IMAGE [COMMAND [ARG...]]",
    .summary = "Run a command in a new container",
    .options = {container_options, health_options, limit_options, namespace_options, group<k_run_options>},
    .least_words = 1,
    .positionals = Positionals::end_options,
    .complete = Complete::images,
    .enters_containers = true,
    .run = run};

constexpr Command k_create_command = {.name = "create",
                                      .aliases = k_create_aliases,
                                      .usage = "[options] IMAGE [COMMAND [ARG...]]",
                                      .summary = "Create a container without starting it",
                                      .options = {container_options, health_options, limit_options, namespace_options},
                                      .least_words = 1,
                                      .positionals = Positionals::end_options,
                                      .complete = Complete::images,
                                      .run = run_create};

}  // namespace ctr::cli
