// The options of run and create, told as a ContainerSpec.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "cli/args.h"
#include "cli/option.h"
#include "engine/config.h"
#include "engine/engine.h"
#include "engine/spec.h"

namespace ctr::cli {

// What the options may look at besides their own words.
struct SpecInputs {
  const Environment& environment;
  std::string cwd;
  std::function<Result<std::string>(const std::string& path)> read_file;
  engine::Config config = {};  // what the options that are not given mean
};

// Pure but for `read_file` (--env-file, --label-file). The first positional word is the image, or the directory with
// --rootfs; the others are the command.
// Errors: invalid, unsupported; each names the option and the word.
Result<engine::ContainerSpec> container_spec(const Args& args, const SpecInputs& inputs);

// What a container has of options that pods have, too, without its program: those that are not given here are as if
// they had not been.
Result<engine::ContainerSpec> shared_spec(const Args& args, const SpecInputs& inputs);

// How a missing image is pulled, from the same options.
Result<engine::CreateOptions> create_options(const Args& args, const engine::Config& config);
// --authfile, --creds, --cert-dir, --tls-verify, --quiet, --retry and --retry-delay.
Result<engine::PullOptions> pull_options(const Args& args, const engine::Config& config);
// The same, --digestfile and --format.
Result<engine::PushOptions> push_options(const Args& args, const engine::Config& config);
// --platform, or --os, --arch and --variant.
Result<std::optional<oci::Platform>> platform_options(const Args& args);
// "always", "missing", "never", "newer". Errors: invalid.
Result<engine::PullPolicy> parse_pull_policy(std::string_view text);

// KEY=VALUE, KEY (from `environment`, nothing when unset there) or PREFIX*.
std::vector<std::string> expand_env(std::string_view text, const Environment& environment);

// All of them. Errors: invalid; `origin` says where the words stand.
Result<std::vector<std::string>> read_variables(const std::vector<std::string>& words, const Environment& environment,
                                                std::string_view origin);

// --env-file and --env in that order, as KEY=VALUE.
Result<std::vector<std::string>> read_env_options(
    const Args& args, const Environment& environment,
    const std::function<Result<std::string>(const std::string& path)>& read_file);

// The option tables of run and create.
std::span<const OptionSpec> container_options();
// What parse_health() reads; of update, too.
std::span<const OptionSpec> health_options();
// What parse_limits() reads; of update and clone, too.
std::span<const OptionSpec> limit_options();
std::span<const OptionSpec> namespace_options();

}  // namespace ctr::cli
