// kube generate and kube apply: the way out, to files and to clusters.
#include <fmt/format.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/kube_input.h"
#include "cli/output.h"
#include "cli/version.h"
#include "cli/yaml.h"
#include "engine/kube/apply.h"
#include "engine/kube/gather.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

namespace kube = engine::kube;

constexpr std::array k_generate_options = {
    value("filename", 'f', "FILE", "Write to FILE, which must not exist", Complete::files),
    flag("podman-only", 0, "Keep what Kubernetes cannot say in annotations"),
    value("replicas", 'r', "N", "Replicas of a deployment"),
    flag("service", 's', "Add a Service for the ports"),
    value("type", 't', "KIND", "pod, deployment, daemonset or job (default pod)"),
};
constexpr std::array k_apply_options = {
    value("ca-cert-file", 0, "FILE", "Trust the certificates in FILE", Complete::files),
    value("file", 'f', "FILE", "Apply the documents in FILE; - for stdin", Complete::files),
    value("kubeconfig", 'k', "FILE", "Access to the cluster (default $KUBECONFIG, ~/.kube/config)", Complete::files),
    value("ns", 0, "NAMESPACE", "Namespace of the cluster"),
    flag("service", 's', "Add a Service for the ports"),
};

Result<kube::GeneratedKind> parse_kind(const std::string& text) {
  const auto word = to_lower(text);
  if (word.empty() || word == "pod") return kube::GeneratedKind::pod;
  if (word == "deployment") return kube::GeneratedKind::deployment;
  if (word == "daemonset") return kube::GeneratedKind::daemon_set;
  if (word == "job") return kube::GeneratedKind::job;
  return Error(Errc::invalid,
               fmt::format("--type '{}' is none of pod, deployment, daemonset and job", printable(text)));
}

Result<kube::GenerateOptions> generate_options(const Args& args) {
  kube::GenerateOptions options;
  options.kind = TRY(parse_kind(args.text("type")));
  if (args.has("replicas")) {
    options.replicas = static_cast<int>(TRY(parse_unsigned(args.text("replicas"), "--replicas", INT32_MAX)));
  }
  options.service = args.flag("service");
  options.podman_only = args.flag("podman-only");
  options.default_network = k_kube_network;
  return options;
}

// The documents in one text; what is lost is told.
Result<std::string> generate_text(Context& context, const std::vector<std::string>& names,
                                  const kube::GenerateOptions& options) {
  const auto generated = TRY(kube::generate(*TRY(context.engine()), names, options));
  for (const auto& warning : generated.warnings) context.output().warn(warning);
  auto text = fmt::format("# Made by ctr {} from {}; ctr kube play and kubectl create -f read it.\n", k_version,
                          printable(join(names, " ")));
  for (const auto& document : generated.documents) {
    if (&document != &generated.documents.front()) text += "---\n";
    text += to_yaml(document);
  }
  return text;
}

Result<int> generate(Context& context, const Args& args) {
  const auto text = TRY(generate_text(context, args.words(), TRY(generate_options(args))));
  const auto file = args.text("filename");
  if (file.empty() || file == "-") {
    context.output().print(text);
    return 0;
  }
  auto made = create_file(TRY(absolute_path(file)), text, 0644);
  if (!made && made.error().code() == Errc::exists) {
    return Error(Errc::exists, fmt::format("cannot write to \"{}\"; file exists", printable(file)));
  }
  TRY(std::move(made));
  return 0;
}

Result<kube::InputFile> read_access(Context& context, const Args& args) {
  auto path = args.text("kubeconfig");
  if (path.empty()) path = environment_value(context.environment(), "KUBECONFIG");
  if (path.empty()) path = environment_value(context.environment(), "HOME") + "/.kube/config";
  auto text = read_file(path);
  if (!text) return std::move(text).error().with_hint("--kubeconfig names the file that says how to reach the cluster");
  return kube::InputFile{path, std::move(*text)};
}

Result<int> apply(Context& context, const Args& args) {
  const auto file = args.text("file");
  if (file.empty() == args.words().empty()) {
    return Error(Errc::invalid, "name either containers, pods and volumes, or a file with --file");
  }
  auto cluster = TRY(
      kube::read_kubeconfig(TRY(read_access(context, args)), [](const std::string& path) { return read_file(path); }));
  if (args.has("ca-cert-file")) cluster.authorities_pem = TRY(read_file(args.text("ca-cert-file")));
  if (cluster.program) {
    TRY(kube::use_credential(TRY(kube::get_credential(*cluster.program, kube::cluster_info(cluster),
                                                      context.environment(), context.cancel())),
                             cluster));
  }
  kube::InputFile input;
  if (file.empty()) {
    kube::GenerateOptions options;
    options.service = args.flag("service");
    input = {"the generated document", TRY(generate_text(context, args.words(), options))};
  } else {
    if (args.flag("service")) return Error(Errc::invalid, "--service is for containers and pods, not for files");
    input = TRY(read_kube_input(context, file));
  }
  const auto plan = TRY(kube::plan_apply(input, cluster, args.text("ns")));
  const auto answers = TRY(engine::system_verbs(*TRY(context.engine())).ask_web(plan.requests));
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].status >= 300) return kube::apply_error(plan.names[i], answers[i]);
    context.output().line(plan.names[i] + " applied");
  }
  return 0;
}

constexpr std::string_view k_generate_aliases[] = {"generate kube"};

}  // namespace

constexpr Command k_kube_apply_command = {.name = "kube apply",
                                          .aliases = {},
                                          .usage = "[options] [CONTAINER|POD|VOLUME...]",
                                          .summary = "Bring containers, pods, volumes or a file to a cluster",
                                          .options = {group<k_apply_options>},
                                          .complete = Complete::objects,
                                          .run = apply};

constexpr Command k_kube_generate_command = {.name = "kube generate",
                                             .aliases = k_generate_aliases,
                                             .usage = "[options] CONTAINER|POD|VOLUME...",
                                             .summary = "Tell containers, pods and volumes as Kubernetes YAML",
                                             .options = {group<k_generate_options>},
                                             .least_words = 1,
                                             .complete = Complete::objects,
                                             .run = generate};

}  // namespace ctr::cli
