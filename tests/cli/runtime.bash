# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # bats and helpers.bash set variables; filters of jq are meant literally
# For the tests of `ctr runtime`: bundles of busybox, and what must be left of their containers.
#
#   load helpers
#   load runtime
#   setup_file() { start_runtime_file; }
#   teardown_file() { end_runtime_file; }
#   setup() { new_bundle; }
#   teardown() { assert_no_containers; }
#
# These files run as a normal user and, with CTR_TEST_AS_ROOT=yes, as root.

start_runtime_file() {
  start_test_file
  mkdir -p "$file_dir/bin" "$file_dir/busybox/bin" "$file_dir/busybox/etc" "$file_dir/busybox/tmp"
  ln -s "$CTR" "$file_dir/bin/ctr-runtime"
  cp "$(command -v busybox)" "$file_dir/busybox/bin/busybox"
  local name
  for name in cat env false grep hostname id kill ls mkdir mount printenv ps pwd readlink sh sleep stat stty test true \
    tty umount uname wc; do
    ln -s busybox "$file_dir/busybox/bin/$name"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$file_dir/busybox/etc/passwd"
  PATH=$file_dir/bin:$PATH
  RUNTIME_ROOT=$XDG_RUNTIME_DIR/ctr-runtime
  export PATH RUNTIME_ROOT
}

end_runtime_file() { remove_tree "$file_dir" "$XDG_RUNTIME_DIR"; }

# As a caller would, with the state in this file's own directory.
rt() { ctr-runtime --root "$RUNTIME_ROOT" "$@"; }

# A bundle of the test's own as the working directory. Its configuration is changed with `config JQ-FILTER`.
new_bundle() {
  bundle=$(mktemp -d "$file_dir/bundle.XXXXXX")
  cd "$bundle" || return 1
  cp -a "$file_dir/busybox" rootfs
  mkdir -p rootfs/proc rootfs/sys rootfs/dev
  base_config >config.json
}

base_config() {
  jq -n '{ociVersion: "1.0.2", root: {path: "rootfs"}, hostname: "box",
    process: {user: {uid: 0, gid: 0}, args: ["true"], env: ["PATH=/bin", "HOME=/"], cwd: "/"},
    mounts: [{destination: "/proc", type: "proc", source: "proc"},
      {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
      {destination: "/dev/pts", type: "devpts", source: "devpts",
       options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}],
    linux: {namespaces: ["pid", "network", "ipc", "uts", "mount"] | map({type: .})}}'
}

config() {
  jq "$@" config.json >config.json.new && mv config.json.new config.json
}

# The program of the container is `sh -c SCRIPT`.
script() { config --arg script "$1" '.process.args = ["sh", "-c", $script]'; }

state_of() { rt state "$1" | jq -r .status; }
has_status() { [ "$(state_of "$1")" = "$2" ]; }
# The host's pid of a container's first process.
pid_of() { rt state "$1" | jq .pid; }

# After every test: no container, no state directory, no process and no mount of the test's bundles.
assert_no_containers() {
  local id
  for id in $(rt list -q); do rt delete --force "$id" || fail "container $id cannot be deleted"; done
  # Compiled seccomp filters stay.
  local left
  left=$(ls -A -I .filters "$RUNTIME_ROOT" 2>/dev/null) || true
  [ -z "$left" ] || fail "left in the state directory: $left"
  ! grep -F "$file_dir" /proc/self/mountinfo >&2 || fail 'mounts are left'
  wait_for no_bundle_processes || { bundle_processes >&2; return 1; }
}

bundle_processes() {
  local dir
  for dir in /proc/[0-9]*; do
    ! grep -qsF "$bundle/rootfs" "$dir/mountinfo" || printf '%s %s\n' "${dir#/proc/}" "$(tr '\0' ' ' <"$dir/cmdline")"
  done
}

no_bundle_processes() { [ -z "$(bundle_processes)" ]; }

# listen ADDRESS: what the caller is told is in $bundle/told, one line a message.
listen() {
  "$cli_dir/notify-listener" "$1" >>"$bundle/told" 2>&1 3>&- &
  # shellcheck disable=SC2034 # whoever listens stops it
  listener=$!
  export NOTIFY_SOCKET=$1
  wait_for grep -q listening "$bundle/told"
}
