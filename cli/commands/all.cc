#include "cli/commands/all.h"

#include <fmt/format.h>

#include <algorithm>

namespace ctr::cli {
namespace {

constexpr std::array k_commands = {
    &k_attach_command,
    &k_commit_command,
    &k_complete_command,
    &k_complete_plain_command,
    &k_completion_command,
    &k_config_show_command,
    &k_container_checkpoint_command,
    &k_container_cleanup_command,
    &k_container_clone_command,
    &k_container_diff_command,
    &k_container_exists_command,
    &k_container_inspect_command,
    &k_container_prune_command,
    &k_container_restore_command,
    &k_container_runlabel_command,
    &k_context_inspect_command,
    &k_context_ls_command,
    &k_context_show_command,
    &k_context_use_command,
    &k_cp_command,
    &k_create_command,
    &k_diff_command,
    &k_doctor_command,
    &k_events_command,
    &k_exec_command,
    &k_export_command,
    &k_healthcheck_run_command,
    &k_history_command,
    &k_image_diff_command,
    &k_image_exists_command,
    &k_image_inspect_command,
    &k_image_mount_command,
    &k_image_prune_command,
    &k_image_sign_command,
    &k_image_tree_command,
    &k_image_trust_command,
    &k_image_unmount_command,
    &k_images_command,
    &k_import_command,
    &k_info_command,
    &k_init_command,
    &k_inspect_command,
    &k_kill_command,
    &k_kube_apply_command,
    &k_kube_down_command,
    &k_generate_spec_command,
    &k_kube_generate_command,
    &k_kube_play_command,
    &k_listing_command,
    &k_load_command,
    &k_login_command,
    &k_logout_command,
    &k_logs_command,
    &k_manifest_add_command,
    &k_manifest_annotate_command,
    &k_manifest_create_command,
    &k_manifest_exists_command,
    &k_manifest_inspect_command,
    &k_manifest_push_command,
    &k_manifest_remove_command,
    &k_manifest_rm_command,
    &k_mount_command,
    &k_network_connect_command,
    &k_network_create_command,
    &k_network_disconnect_command,
    &k_network_exists_command,
    &k_network_inspect_command,
    &k_network_ls_command,
    &k_network_prune_command,
    &k_network_reload_command,
    &k_network_rm_command,
    &k_network_update_command,
    &k_pause_command,
    &k_pod_clone_command,
    &k_pod_create_command,
    &k_pod_exists_command,
    &k_pod_inspect_command,
    &k_pod_kill_command,
    &k_pod_logs_command,
    &k_pod_pause_command,
    &k_pod_prune_command,
    &k_pod_ps_command,
    &k_pod_restart_command,
    &k_pod_rm_command,
    &k_pod_start_command,
    &k_pod_stats_command,
    &k_pod_stop_command,
    &k_pod_top_command,
    &k_pod_unpause_command,
    &k_port_command,
    &k_port_add_command,
    &k_port_rm_command,
    &k_ps_command,
    &k_pull_command,
    &k_push_command,
    &k_rename_command,
    &k_restart_command,
    &k_rm_command,
    &k_rmi_command,
    &k_run_command,
    &k_runtime_command,
    &k_save_command,
    &k_search_command,
    &k_secret_create_command,
    &k_secret_exists_command,
    &k_secret_inspect_command,
    &k_secret_ls_command,
    &k_secret_rm_command,
    &k_start_command,
    &k_stats_command,
    &k_stop_command,
    &k_system_check_command,
    &k_system_df_command,
    &k_system_prune_command,
    &k_system_reset_command,
    &k_tag_command,
    &k_top_command,
    &k_unmount_command,
    &k_unpause_command,
    &k_unshare_command,
    &k_untag_command,
    &k_update_command,
    &k_version_command,
    &k_volume_create_command,
    &k_volume_exists_command,
    &k_volume_export_command,
    &k_volume_import_command,
    &k_volume_inspect_command,
    &k_volume_ls_command,
    &k_volume_mount_command,
    &k_volume_prune_command,
    &k_volume_reload_command,
    &k_volume_rm_command,
    &k_volume_unmount_command,
    &k_wait_command,
};

constexpr std::array<std::string_view, 12> k_groups = {"config", "container", "context",  "healthcheck",
                                                       "image",  "kube",      "manifest", "network",
                                                       "pod",    "secret",    "system",   "volume"};

const Command* find_name(std::string_view name) {
  for (const auto* command : k_commands) {
    if (command->name == name) return command;
    if (std::find(command->aliases.begin(), command->aliases.end(), name) != command->aliases.end()) return command;
  }
  return nullptr;
}

}  // namespace

std::span<const Command* const> all_commands() { return k_commands; }

FoundCommand find_command(std::span<const std::string> words) {
  if (words.empty()) return {};
  if (words.size() > 1) {
    if (const auto* command = find_name(fmt::format("{} {}", words[0], words[1]))) return {command, 2};
  }
  const auto* command = find_name(words[0]);
  return {command, command == nullptr ? size_t{0} : size_t{1}};
}

bool is_command_group(std::string_view word) {
  return std::find(k_groups.begin(), k_groups.end(), word) != k_groups.end();
}

}  // namespace ctr::cli
