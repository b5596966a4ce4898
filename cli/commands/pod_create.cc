// pod create and clone.
#include <map>

#include "base/file.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/pod_common.h"
#include "cli/output.h"
#include "cli/pod_args.h"
#include "engine/config.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

using engine::PodInfo;
using engine::PodSpec;

constexpr std::array k_clone_options = {
    flag("destroy", 0, "Remove the pod that was cloned"),
    flag("start", 0, "Start the clone"),
};

struct Inputs {
  std::string cwd;
  const engine::Config* config = nullptr;
};

Result<Inputs> inputs_of(Context& context) {
  return Inputs{TRY(absolute_path(".")), TRY(TRY(context.engine())->config())};
}

SpecInputs spec_inputs(Context& context, const Inputs& inputs) {
  return {context.environment(), inputs.cwd, read_input, *inputs.config};
}

Result<void> make_paths_absolute(PodSpec& spec) {
  for (auto* path : {&spec.id_file, &spec.monitor_pid_file}) {
    if (!path->empty()) *path = TRY(absolute_path(*path));
  }
  auto& hosts = spec.shared.hosts_file;
  if (!hosts.empty() && hosts != "none" && hosts != "image") hosts = TRY(absolute_path(hosts));
  return ok();
}

Result<int> create(Context& context, const Args& args) {
  const auto inputs = TRY(inputs_of(context));
  auto spec = TRY(pod_spec(args, spec_inputs(context, inputs)));
  TRY(make_paths_absolute(spec));
  spec.shared.create_command = context.command_line();
  engine::PodCreateOptions options;
  options.replace = args.flag("replace");
  const auto made = TRY(engine::pod_verbs(*TRY(context.engine())).create(std::move(spec), options));
  context.output().line(made.id.hex);
  return 0;
}

// Copies of the members in the pod `made`, with its name behind theirs.
Result<void> clone_members(Context& context, const PodInfo& source, const PodInfo& made) {
  auto* engine = TRY(context.engine());
  std::map<std::string, std::string> copies;  // ids
  for (const auto& member : engine::start_order(source.members)) {
    auto spec = TRY(engine::container_verbs(*engine).clone_spec(member.id));
    spec.name = member.name + "-clone";
    spec.pod = made.id.hex;
    spec.init_container = member.init;
    for (auto& id : spec.dependencies) {
      if (const auto copy = copies.find(id); copy != copies.end()) id = copy->second;
    }
    engine::CreateOptions options;
    options.pull.policy = engine::PullPolicy::missing;
    copies[member.id.hex] = TRY(engine->create(std::move(spec), options)).id.hex;
  }
  return ok();
}

Result<int> run_clone(Context& context, const Args& args) {
  auto& verbs = engine::pod_verbs(*TRY(context.engine()));
  const auto& words = args.words();
  if (args.has("name") && words.size() > 1) {
    return Error(Errc::invalid, "the name of the clone is given twice, by --name and by an argument");
  }
  const auto source = TRY(verbs.find(words[0]));
  const auto inputs = TRY(inputs_of(context));
  auto spec = TRY(changed_pod(source.spec, args, spec_inputs(context, inputs)));
  TRY(make_paths_absolute(spec));
  spec.name = words.size() > 1 ? words[1] : args.text("name", source.name + "-clone");
  spec.id_file.clear();
  spec.shared.create_command = context.command_line();
  engine::PodCreateOptions options;
  options.origin = TRY(verbs.origin(source.id));
  const auto made = TRY(verbs.create(std::move(spec), options));
  if (auto cloned = clone_members(context, source, made); !cloned) {
    verbs.remove(made.id, {.force = true, .timeout = {}}).ignore("the first error is the one to tell");
    return std::move(cloned).error();
  }
  if (args.flag("destroy")) TRY(verbs.remove(source.id, {.force = true, .timeout = {}}));
  if (args.flag("start")) TRY(check_members(context, TRY(verbs.start(made.id)), "starting"));
  context.output().line(made.id.hex);
  return 0;
}

}  // namespace

constexpr Command k_pod_create_command = {.name = "pod create",
                                          .aliases = {},
                                          .usage = "[options] [NAME]",
                                          .summary = "Make a pod: containers that share a network and more",
                                          .options = {pod_options, pod_create_options},
                                          .most_words = 1,
                                          .run = create};

constexpr Command k_pod_clone_command = {.name = "pod clone",
                                         .aliases = {},
                                         .usage = "[options] POD [NAME]",
                                         .summary = "Make a pod like one that is there",
                                         .options = {pod_options, group<k_clone_options>},
                                         .least_words = 1,
                                         .most_words = 2,
                                         .complete = Complete::pods,
                                         .enters_containers = true,
                                         .run = run_clone};

}  // namespace ctr::cli
