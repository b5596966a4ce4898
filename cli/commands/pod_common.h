// What the verbs on pods share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "engine/pods.h"

namespace ctr::cli {

// The pods that words, --all, --latest and --pod-id-file name, in this order.
struct ChosenPod {
  std::string typed;  // what is echoed: the word, or the id
  engine::PodInfo info;
};
struct PodChoice {
  std::vector<ChosenPod> pods;
  std::vector<Error> errors;  // of those that were not found
};
// Errors: invalid when nothing or too much is named. Options that `command` has not are not looked at.
Result<PodChoice> choose_pods(Context& context, const Command& command, const Args& args);

// Runs `act` on each and prints what it returns, or the error; the exit code is that of the last failure.
using PodAct = std::function<Result<std::string>(engine::PodVerbs& verbs, const ChosenPod& pod)>;
Result<int> for_each_pod(Context& context, const Command& command, const Args& args, const PodAct& act);

// One error for members that have failed; `what` is podman's word for it ("starting"). Each of them is printed.
Result<void> check_members(Context& context, const engine::MemberErrors& errors, std::string_view what);

// The pod that the one word or --latest names.
Result<engine::PodInfo> one_pod(Context& context, const Args& args);

}  // namespace ctr::cli
