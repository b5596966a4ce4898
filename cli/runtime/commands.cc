#include <array>

#include "cli/runtime/command.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_commands = {
    &k_runtime_create, &k_runtime_delete, &k_runtime_events, &k_runtime_exec,  &k_runtime_features,
    &k_runtime_kill,   &k_runtime_list,   &k_runtime_pause,  &k_runtime_ps,    &k_runtime_resume,
    &k_runtime_run,    &k_runtime_spec,   &k_runtime_start,  &k_runtime_state, &k_runtime_update,
};

}  // namespace

std::span<const RuntimeCommand* const> all_runtime_commands() { return k_commands; }

}  // namespace ctr::cli::runtime
