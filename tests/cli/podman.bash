# shellcheck shell=bash
# shellcheck disable=SC2154 # helpers.bash and runtime.bash set variables
# For tests that put ctr's runtime below podman: storage, state and configuration of the file's own, and an image of
# busybox.
#
#   load helpers
#   load runtime
#   load podman
#   setup_file() { start_podman_file; }
#   teardown_file() { end_podman_file; }
#   teardown() { assert_podman_left_nothing; }

start_podman_file() {
  start_runtime_file
  mkdir "$file_dir/podman"
  # podman's clean-up after a container knows --runtime, but not --runtime-flag.
  printf '#!/bin/sh\nexec %q --root %q "$@"\n' "$file_dir/bin/ctr-runtime" "$RUNTIME_ROOT" >"$file_dir/podman/ctr-runtime"
  chmod +x "$file_dir/podman/ctr-runtime"
  # Limits that any host can give: cgroup v1 and a root without CAP_SYS_RESOURCE among them.
  cat >"$file_dir/podman/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
  export CONTAINERS_CONF=$file_dir/podman/containers.conf
  tar -C "$file_dir/busybox" --owner 0 --group 0 -c . | pod import -q - box >/dev/null
}

pod() {
  podman --root "$file_dir/podman/storage" --runroot "$XDG_RUNTIME_DIR/podman" --tmpdir "$XDG_RUNTIME_DIR/libpod/tmp" \
    --storage-driver vfs --runtime "$file_dir/podman/ctr-runtime" "$@"
}

# A container of the image without a network, removed at its end: pod_run [OPTION...] box COMMAND...
pod_run() { pod run --rm --network none "$@"; }

# podman keeps its user namespace alive by a process.
end_podman_file() {
  local pause=$XDG_RUNTIME_DIR/libpod/tmp/pause.pid
  pod rm --force --all --time 0 >/dev/null 2>&1 || true
  if [ -f "$pause" ]; then kill "$(cat "$pause")"; fi
  end_runtime_file
}

assert_podman_left_nothing() {
  pod pod rm --force --all --time 0 >/dev/null
  pod rm --force --all --time 0 >/dev/null
  local left
  left=$(ls -A -I .filters "$RUNTIME_ROOT" 2>/dev/null) || true
  [ -z "$left" ] || fail "left in the state directory: $left"
}
