// One declaration for each command; each is defined in the file of its name.
#pragma once

#include "cli/command.h"

namespace ctr::cli {

extern const Command k_attach_command;
extern const Command k_commit_command;
extern const Command k_completion_command;
extern const Command k_container_cleanup_command;
extern const Command k_container_clone_command;
extern const Command k_container_diff_command;
extern const Command k_container_exists_command;
extern const Command k_container_inspect_command;
extern const Command k_container_prune_command;
extern const Command k_cp_command;
extern const Command k_create_command;
extern const Command k_diff_command;
extern const Command k_doctor_command;
extern const Command k_exec_command;
extern const Command k_export_command;
extern const Command k_healthcheck_run_command;
extern const Command k_history_command;
extern const Command k_image_diff_command;
extern const Command k_image_exists_command;
extern const Command k_image_inspect_command;
extern const Command k_image_mount_command;
extern const Command k_image_prune_command;
extern const Command k_image_unmount_command;
extern const Command k_images_command;
extern const Command k_import_command;
extern const Command k_info_command;
extern const Command k_inspect_command;
extern const Command k_kill_command;
extern const Command k_listing_command;
extern const Command k_load_command;
extern const Command k_login_command;
extern const Command k_logout_command;
extern const Command k_logs_command;
extern const Command k_mount_command;
extern const Command k_pause_command;
extern const Command k_port_command;
extern const Command k_ps_command;
extern const Command k_pull_command;
extern const Command k_push_command;
extern const Command k_rename_command;
extern const Command k_restart_command;
extern const Command k_rm_command;
extern const Command k_rmi_command;
extern const Command k_run_command;
extern const Command k_runtime_command;
extern const Command k_save_command;
extern const Command k_secret_create_command;
extern const Command k_secret_exists_command;
extern const Command k_secret_inspect_command;
extern const Command k_secret_ls_command;
extern const Command k_secret_rm_command;
extern const Command k_start_command;
extern const Command k_stats_command;
extern const Command k_stop_command;
extern const Command k_system_reset_command;
extern const Command k_tag_command;
extern const Command k_top_command;
extern const Command k_unpause_command;
extern const Command k_unshare_command;
extern const Command k_unmount_command;
extern const Command k_untag_command;
extern const Command k_update_command;
extern const Command k_version_command;
extern const Command k_volume_create_command;
extern const Command k_volume_exists_command;
extern const Command k_volume_inspect_command;
extern const Command k_volume_ls_command;
extern const Command k_volume_prune_command;
extern const Command k_volume_rm_command;
extern const Command k_wait_command;

}  // namespace ctr::cli
