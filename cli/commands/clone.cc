// container clone.
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/spec_args.h"
#include "cli/spec_security.h"
#include "engine/config.h"
#include "engine/container_verbs.h"
#include "engine/limits.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    value("cgroup-parent", 0, "PARENT", "Where the container's cgroup is made: a slice, or with cgroupfs a directory"),
    flag("destroy", 0, "Remove the container that was cloned"),
    flag("force", 'f', "With --destroy: also when it runs"),
    value("name", 0, "NAME", "Name of the clone (default NAME-clone)"),
    value("pod", 0, "POD", "Make the clone a member of this pod", Complete::pods),
    flag("run", 0, "Start the clone"),
};

// The words behind the container: a name, and an image in place of its own.
Result<engine::ContainerSpec> wanted_spec(const Args& args, engine::ContainerSpec spec) {
  const auto& words = args.words();
  if (args.has("name") && words.size() > 1) {
    return Error(Errc::invalid, "the name of the clone is given twice, by --name and by an argument");
  }
  if (args.has("name")) spec.name = args.text("name");
  if (words.size() > 1) spec.name = words[1];
  if (words.size() > 2) {
    spec.image = words[2];
    spec.rootfs.clear();
  }
  if (args.has("pod")) spec.pod = args.text("pod");
  if (args.has("cgroup-parent")) spec.cgroup_parent = args.text("cgroup-parent");
  spec.resources = engine::change_limits(spec.resources, TRY(parse_limits(args)));
  return spec;
}

// Before anything is made.
Result<void> check_destroyed(const Args& args, const engine::ContainerInfo& source) {
  using engine::ContainerState;
  if (!args.flag("destroy")) {
    return args.flag("force")
               ? Result<void>(Error(Errc::invalid, "cannot set --force without --destroy: invalid argument"))
               : ok();
  }
  const bool is_up = source.state == ContainerState::running || source.state == ContainerState::paused;
  if (!is_up || args.flag("force")) return ok();
  return Error(Errc::bad_state, "cannot remove container " + source.id.hex + " as it is " +
                                    std::string(engine::state_name(source.state)) +
                                    " - running or paused containers cannot be removed without force: container state "
                                    "improper");
}

Result<int> run_clone(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto source = TRY(engine->find_container(args.words()[0]));
  TRY(check_destroyed(args, source));
  auto spec = TRY(wanted_spec(args, TRY(engine::container_verbs(*engine).clone_spec(source.id))));
  spec.create_command = context.command_line();
  engine::CreateOptions options;
  options.pull.policy = engine::PullPolicy::missing;
  const auto made = TRY(engine->create(std::move(spec), options));
  engine::RemoveOptions removal;
  removal.force = args.flag("force");
  if (args.flag("destroy")) TRY(engine->remove(source.id, removal));
  if (args.flag("run")) TRY(engine->start(made.id));
  context.output().line(made.id.hex);
  return 0;
}

}  // namespace

constexpr Command k_container_clone_command = {.name = "container clone",
                                               .aliases = {},
                                               .usage = "[options] CONTAINER [NAME [IMAGE]]",
                                               .summary = "Make a container like one that is there",
                                               .options = {group<k_options>, limit_options},
                                               .least_words = 1,
                                               .most_words = 3,
                                               .complete = Complete::containers,
                                               .enters_containers = true,
                                               .run = run_clone};

}  // namespace ctr::cli
