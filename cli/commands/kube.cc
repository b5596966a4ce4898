// kube play and kube down.

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/kube_input.h"
#include "cli/output.h"
#include "cli/spec_args.h"
#include "engine/kube/play.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

namespace kube = engine::kube;

constexpr size_t k_file_limit_bytes = size_t{4} << 20;

constexpr std::array k_play_options = {
    list("annotation", 0, "KEY=VALUE", "Annotation of all containers"),
    list("configmap", 0, "FILE", "Read ConfigMaps from FILE, too", Complete::files),
    flag("down", 0, "Remove what an earlier play of the same file has made"),
    flag("force", 0, "With --down: remove volumes of claims, too"),
    flag("ignore-unsupported", 0, "Warn of fields that are not supported, and leave them out"),
    list("ip", 0, "ADDRESS", "Address of the pod"),
    value("log-driver", 0, "DRIVER", "Log driver of all containers"),
    list("log-opt", 0, "KEY=VALUE", "Option of the log driver"),
    list("mac-address", 0, "MAC", "Hardware address of the pod"),
    list("network", 0, "MODE", "Network of the pods"),
    flag("no-hostname", 0, "Leave /etc/hostname of the images as it is"),
    flag("no-hosts", 0, "Leave /etc/hosts of the images as it is"),
    flag("no-pod-prefix", 0, "Call containers as in the file, without the name of the pod in front"),
    list("publish", 0, "[[IP:]HOSTPORT:]PORT", "Publish a port of the pod"),
    flag("publish-all", 0, "Publish each containerPort, also without hostPort"),
    flag("replace", 0, "Remove what an earlier play of the same file has made first"),
    value("seccomp-profile-root", 0, "DIR", "Where seccomp profiles lie (default /var/lib/kubelet/seccomp)",
          Complete::directories),
    flag("start", 0, "Start the pods (default true)"),
    value("userns", 0, "MODE", "User namespace of the pods"),
    flag("wait", 'w', "Wait until the pods have ended or a signal comes, and remove them"),
};
constexpr std::array k_down_options = {
    flag("force", 0, "Remove volumes of claims, too"),
};

bool gives_address(const Args& args) { return args.has("ip") || args.has("mac-address"); }

// Unless the file says otherwise.
bool is_in_kube_network(const Args& args, const engine::Config& config) {
  return !args.has("network") && (config.netns.empty() || config.netns == "private");
}

// The options that `run` has, too, mean here what they mean there.
Result<engine::ContainerSpec> common_spec(Context& context, const Args& args) {
  static constexpr std::array<std::string_view, 8> k_shared = {"ip",      "log-driver", "log-opt", "mac-address",
                                                               "network", "publish",    "userns",  "annotation"};
  std::vector<std::string> words;
  for (const auto option : k_shared) {
    for (const auto& value : args.list(option)) words.push_back(fmt::format("--{}={}", option, value));
  }
  words.emplace_back("image");
  const auto* config = TRY(TRY(context.engine())->config());
  // Addresses are those in the network that pods of files are in by themselves.
  if (gives_address(args) && is_in_kube_network(args, *config))
    words.insert(words.begin(), {"--network", k_kube_network});
  const SpecInputs inputs{context.environment(), TRY(absolute_path(".")),
                          [](const std::string& path) { return read_file(path); }, *config};
  return container_spec(TRY(parse_args(k_run_command, words)), inputs);
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("localhost");
}

Result<kube::Choices> choices_of(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto* config = TRY(engine->config());
  auto common = TRY(common_spec(context, args));
  kube::Choices choices;
  choices.pod_prefix = !args.flag("no-pod-prefix");
  choices.seccomp_root = args.text("seccomp-profile-root", choices.seccomp_root);
  choices.annotations = std::move(common.annotations);
  choices.log = std::move(common.log);
  choices.publish_all = args.flag("publish-all");
  // Without an option a hostNetwork of the file counts, and then the configuration.
  if (args.has("network") || gives_address(args)) choices.network = std::move(common.network);
  if (is_in_kube_network(args, *config)) choices.default_network = k_kube_network;
  if (args.has("userns")) choices.userns = std::move(common.userns);
  choices.no_hosts = args.flag("no-hosts");
  choices.no_hostname = args.flag("no-hostname");
  choices.ports = std::move(common.ports);
  choices.node_name = host_name();
  choices.node_cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  choices.node_memory_bytes = int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  if (args.flag("ignore-unsupported")) choices.unsupported = kube::Unsupported::ignored;
  choices.read_secret = [engine](const std::string& name) -> Result<std::string> {
    const auto secret = TRY(engine->find_secret(name));
    if (secret.name != name) return Error(Errc::not_found, fmt::format("no secret with name \"{}\"", name));
    return engine->read_secret(secret);
  };
  return choices;
}

Result<std::vector<kube::InputFile>> read_config_maps(Context& context, const Args& args) {
  std::vector<kube::InputFile> files;
  for (const auto& text : args.list("configmap")) {
    for (const auto& name : split(text, ',')) files.push_back(TRY(read_kube_input(context, name)));
  }
  return files;
}

void print_ids(Output& output, std::string_view heading, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  output.line(heading);
  for (const auto& line : lines) output.line(line);
}

void print_containers(Output& output, std::string_view one, std::string_view several,
                      const std::vector<engine::ContainerId>& ids) {
  if (ids.empty()) return;
  output.line(ids.size() == 1 ? one : several);
  for (const auto& id : ids) output.line(id.hex);
}

// podman's report.
void print_report(Output& output, const kube::PlayReport& report) {
  print_ids(output, "Volumes:", report.volumes);
  print_ids(output, "Secrets:", report.secrets);
  for (const auto& pod : report.pods) {
    output.line("Pod:");
    output.line(pod.id.hex);
    print_containers(output, "Container:", "Containers:", pod.containers);
    print_containers(output, "Init Container:", "Init Containers:", pod.init_containers);
    output.line("");
  }
}

Result<int> take_down(Context& context, const kube::InputFile& file, bool force) {
  const auto names = TRY(kube::names_in(file));
  auto* engine = TRY(context.engine());
  const auto report = kube::take_down(*engine, names, force ? kube::Claims::removed : kube::Claims::kept);
  auto& output = context.output();
  output.line("Pods stopped:");
  for (const auto& id : report.stopped) output.line(id);
  output.line("Pods removed:");
  for (const auto& id : report.removed) output.line(id);
  output.line("Secrets removed:");
  for (const auto& id : report.secrets) output.line(id);
  output.line("Volumes removed:");
  for (const auto& name : report.volumes) output.line(name);
  for (const auto& error : report.errors) {
    if (error.code() == Errc::interrupted) return error;
    output.error(error);
  }
  return report.errors.empty() ? 0 : 125;
}

// So that what follows a first Ctrl-C can be stopped by a second one, and not before.
void forget_stop(const CancelToken& cancel) {
  signalfd_siginfo info{};
  if (cancel.fd() >= 0) (void)!::read(cancel.fd(), &info, sizeof info);
}

// Until all containers have ended, or the user wants an end.
Result<void> wait_for_end(Context& context, const kube::PlayReport& report) {
  auto* engine = TRY(context.engine());
  for (const auto& pod : report.pods) {
    for (const auto& id : pod.containers) {
      const auto ended = engine->wait(id, {"stopped"}, std::chrono::milliseconds(250));
      if (ended || ended.error().code() == Errc::not_found) continue;
      if (ended.error().code() != Errc::interrupted) return ended.error();
      forget_stop(context.cancel());
      return ok();
    }
  }
  return ok();
}

Result<int> play(Context& context, const Args& args) {
  const auto file = TRY(read_kube_input(context, args.words().front()));
  if (args.flag("down")) return take_down(context, file, args.flag("force"));
  if (args.flag("force")) return Error(Errc::invalid, "--force is for --down");
  const auto choices = TRY(choices_of(context, args));
  const auto plan = TRY(kube::plan_kube(file, TRY(read_config_maps(context, args)), choices));
  auto& output = context.output();
  for (const auto& warning : plan.warnings) output.warn(warning);
  auto* engine = TRY(context.engine());
  if (args.flag("replace")) {
    const auto report = kube::take_down(*engine, TRY(kube::names_in(file)), kube::Claims::kept);
    if (!report.errors.empty()) return report.errors.front();
  }
  kube::PlayOptions options;
  options.pull = TRY(pull_options(args, *TRY(engine->config())));
  options.start = args.flag("start", true);
  options.create_command = context.command_line();
  options.default_network = choices.default_network;
  const auto report = TRY(kube::play(*engine, plan, options, [&] { forget_stop(context.cancel()); }));
  print_report(output, report);
  if (!args.flag("wait") || !options.start) return 0;
  TRY(output.flush());
  TRY(wait_for_end(context, report));
  return take_down(context, file, true);
}

Result<int> down(Context& context, const Args& args) {
  return take_down(context, TRY(read_kube_input(context, args.words().front())), args.flag("force"));
}

constexpr std::string_view k_play_aliases[] = {"play kube"};

}  // namespace

Result<kube::InputFile> read_kube_input(Context& context, const std::string& name) {
  if (name == "-") return kube::InputFile{"stdin", TRY(read_all(STDIN_FILENO, k_file_limit_bytes, "stdin"))};
  if (!name.starts_with("http://") && !name.starts_with("https://")) {
    return kube::InputFile{name, TRY(read_input(name))};
  }
  engine::WebRequest request;
  request.url = name;
  auto answers = TRY(engine::system_verbs(*TRY(context.engine())).ask_web({std::move(request)}));
  if (answers.size() == 1 && answers[0].status == 200) return kube::InputFile{name, std::move(answers[0].body)};
  const int status = answers.empty() ? 0 : answers[0].status;
  return Error(status == 404 ? Errc::not_found : Errc::network,
               fmt::format("{}: the server has answered with status {}", printable(name), status));
}

constexpr Command k_kube_down_command = {.name = "kube down",
                                         .aliases = {},
                                         .usage = "[options] FILE|-|URL",
                                         .summary = "Remove what kube play has made of Kubernetes YAML",
                                         .options = {group<k_down_options>},
                                         .least_words = 1,
                                         .most_words = 1,
                                         .complete = Complete::files,
                                         .run = down};

constexpr Command k_kube_play_command = {.name = "kube play",
                                         .aliases = k_play_aliases,
                                         .usage = "[options] FILE|-|URL",
                                         .summary = "Make pods, containers and volumes from Kubernetes YAML",
                                         .options = {registry_options, group<k_play_options>},
                                         .least_words = 1,
                                         .most_words = 1,
                                         .complete = Complete::files,
                                         .enters_containers = true,
                                         .run = play};

}  // namespace ctr::cli
