// Processes that ctr starts of itself: the monitor, and workers inside user namespaces. Their verbs are not for people.
#pragma once

#include <optional>
#include <string_view>

#include "engine/engine.h"

namespace ctr::engine {

inline constexpr std::string_view k_monitor_verb = "monitor";
inline constexpr std::string_view k_pod_verb = "pod-monitor";
inline constexpr std::string_view k_reclaim_verb = "internal-reclaim";
inline constexpr std::string_view k_reclaim_mapped_verb = "internal-reclaim-mapped";
inline constexpr std::string_view k_volume_verb = "internal-volume";
inline constexpr std::string_view k_diff_verb = "internal-diff";
inline constexpr std::string_view k_root_copy_verb = "internal-root";

// Runs the process that `verb` names, with the word behind it; nullopt when it is an ordinary command. The composition
// root asks this before it reads anything of the command line, since the monitor's memory counts.
std::optional<int> run_worker(std::string_view verb, std::string_view word, char** environment_block);

}  // namespace ctr::engine
