// The verbs on pods as a whole: start, stop, restart, kill, pause, unpause, rm and exists.
#include <fmt/format.h>

#include <csignal>

#include "base/signals.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/pod_common.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

using engine::PodVerbs;

constexpr auto k_latest = flag("latest", 'l', "The pod that was created last");
constexpr auto k_id_file = list("pod-id-file", 0, "FILE", "Read the pod's id from FILE", Complete::files);
constexpr auto k_time = value("time", 't', "SECONDS", "Time between the signal and SIGKILL");

constexpr std::array k_start_options = {flag("all", 'a', "All pods"), k_latest, k_id_file};
constexpr std::array k_stop_options = {flag("all", 'a', "All pods"), k_latest, k_id_file, k_time,
                                       flag("ignore", 'i', "A pod that does not exist is no error")};
constexpr std::array k_all_options = {flag("all", 'a', "All pods"), k_latest};
constexpr std::array k_kill_options = {flag("all", 'a', "All pods"), k_latest,
                                       value("signal", 's', "SIGNAL", "The signal (default KILL)")};
constexpr std::array k_rm_options = {flag("all", 'a', "All pods"),
                                     k_latest,
                                     k_id_file,
                                     k_time,
                                     flag("force", 'f', "Stop containers that run"),
                                     flag("ignore", 'i', "A pod that does not exist is no error")};

Result<int> start(Context& context, const Args& args) {
  return for_each_pod(context, k_pod_start_command, args,
                      [&](PodVerbs& verbs, const ChosenPod& pod) -> Result<std::string> {
                        TRY(check_members(context, TRY(verbs.start(pod.info.id)), "starting"));
                        return pod.typed;
                      });
}

Result<int> stop(Context& context, const Args& args) {
  const auto timeout = TRY(stop_timeout(args));
  return for_each_pod(context, k_pod_stop_command, args,
                      [&](PodVerbs& verbs, const ChosenPod& pod) -> Result<std::string> {
                        TRY(check_members(context, TRY(verbs.stop(pod.info.id, {timeout})), "stopping"));
                        return pod.typed;
                      });
}

Result<int> restart(Context& context, const Args& args) {
  return for_each_pod(context, k_pod_restart_command, args,
                      [&](PodVerbs& verbs, const ChosenPod& pod) -> Result<std::string> {
                        TRY(check_members(context, TRY(verbs.restart(pod.info.id, {})), "restarting"));
                        return pod.info.id.hex;
                      });
}

Result<int> kill(Context& context, const Args& args) {
  const int signal = args.has("signal") ? TRY(parse_signal(args.text("signal"))) : SIGKILL;
  return for_each_pod(context, k_pod_kill_command, args,
                      [&](PodVerbs& verbs, const ChosenPod& pod) -> Result<std::string> {
                        TRY(check_members(context, TRY(verbs.kill(pod.info.id, signal)), "killing"));
                        return pod.info.id.hex;
                      });
}

Result<int> pause(Context& context, const Args& args) {
  return for_each_pod(context, k_pod_pause_command, args,
                      [&](PodVerbs& verbs, const ChosenPod& pod) -> Result<std::string> {
                        TRY(check_members(context, TRY(verbs.pause(pod.info.id)), "pausing"));
                        return pod.info.id.hex;
                      });
}

Result<int> unpause(Context& context, const Args& args) {
  return for_each_pod(context, k_pod_unpause_command, args,
                      [&](PodVerbs& verbs, const ChosenPod& pod) -> Result<std::string> {
                        TRY(check_members(context, TRY(verbs.unpause(pod.info.id)), "unpausing"));
                        return pod.info.id.hex;
                      });
}

Result<int> rm(Context& context, const Args& args) {
  engine::PodRemoveOptions options;
  options.force = args.flag("force");
  options.timeout = TRY(forced_stop_timeout(args));
  return for_each_pod(context, k_pod_rm_command, args,
                      [&](PodVerbs& verbs, const ChosenPod& pod) -> Result<std::string> {
                        TRY(verbs.remove(pod.info.id, options));
                        return pod.info.id.hex;
                      });
}

Result<int> exists(Context& context, const Args& args) {
  return existence(engine::pod_verbs(*TRY(context.engine())).find(args.words().front()));
}

constexpr std::string_view k_rm_aliases[] = {"pod remove"};

}  // namespace

constexpr Command k_pod_start_command = {.name = "pod start",
                                         .aliases = {},
                                         .usage = "[options] POD [POD...]",
                                         .summary = "Start pods and their containers",
                                         .options = {group<k_start_options>},
                                         .complete = Complete::pods,
                                         .enters_containers = true,
                                         .run = start};

constexpr Command k_pod_stop_command = {.name = "pod stop",
                                        .aliases = {},
                                        .usage = "[options] POD [POD...]",
                                        .summary = "Stop the containers of pods, and the pods",
                                        .options = {group<k_stop_options>},
                                        .complete = Complete::pods,
                                        .run = stop};

constexpr Command k_pod_restart_command = {.name = "pod restart",
                                           .aliases = {},
                                           .usage = "[options] POD [POD...]",
                                           .summary = "Stop pods and start them again",
                                           .options = {group<k_all_options>},
                                           .complete = Complete::pods,
                                           .enters_containers = true,
                                           .run = restart};

constexpr Command k_pod_kill_command = {.name = "pod kill",
                                        .aliases = {},
                                        .usage = "[options] POD [POD...]",
                                        .summary = "Send a signal to the containers of pods",
                                        .options = {group<k_kill_options>},
                                        .complete = Complete::pods,
                                        .run = kill};

constexpr Command k_pod_pause_command = {.name = "pod pause",
                                         .aliases = {},
                                         .usage = "[options] POD [POD...]",
                                         .summary = "Stop the processes of pods where they are",
                                         .options = {group<k_all_options>},
                                         .complete = Complete::pods,
                                         .run = pause};

constexpr Command k_pod_unpause_command = {.name = "pod unpause",
                                           .aliases = {},
                                           .usage = "[options] POD [POD...]",
                                           .summary = "Let the processes of paused pods go on",
                                           .options = {group<k_all_options>},
                                           .complete = Complete::pods,
                                           .run = unpause};

constexpr Command k_pod_rm_command = {.name = "pod rm",
                                      .aliases = k_rm_aliases,
                                      .usage = "[options] POD [POD...]",
                                      .summary = "Remove pods and their containers",
                                      .options = {group<k_rm_options>},
                                      .complete = Complete::pods,
                                      .run = rm};

constexpr Command k_pod_exists_command = {.name = "pod exists",
                                          .aliases = {},
                                          .usage = "POD",
                                          .summary = "Tell by the exit code whether a pod exists",
                                          .least_words = 1,
                                          .most_words = 1,
                                          .complete = Complete::pods,
                                          .run = exists};

}  // namespace ctr::cli
