// The options of pods, told as a PodSpec.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "cli/args.h"
#include "cli/option.h"
#include "cli/spec_args.h"
#include "engine/pods.h"

namespace ctr::cli {

// Pure but for SpecInputs::read_file. The first positional word, if there is one, is the name.
// Errors: invalid, unsupported; each names the option and the word.
Result<engine::PodSpec> pod_spec(const Args& args, const SpecInputs& inputs);
// What `pod clone` changes of the pod that is cloned.
Result<engine::PodSpec> changed_pod(engine::PodSpec spec, const Args& args, const SpecInputs& inputs);

// A pod for the container `spec`, which says --pod new:NAME: what pods decide moves over.
// Errors: invalid when there is no name.
Result<engine::PodSpec> pod_around(engine::ContainerSpec& spec);

std::span<const OptionSpec> pod_options();         // of create and clone
std::span<const OptionSpec> pod_create_options();  // of create alone

}  // namespace ctr::cli
