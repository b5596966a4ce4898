# shellcheck shell=bash
# shellcheck disable=SC2119,SC2120,SC2154 # test files give the arguments; bats sets status and output
# For the command-line tests. A file of tests has its own store, runtime directory, home and registry:
#
#   load helpers
#   setup_file() { start_test_file; start_registry; push_busybox; }      # what of it the file needs
#   teardown_file() { end_test_file; }
#   teardown() { assert_nothing_left; }
#
# CTR names the program to test (default: the one of the build directory). Tests call `ctr` as a user would.

cli_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=contrib/registry.sh
. "$cli_dir/../../contrib/registry.sh"

bats_require_minimum_version 1.5.0

start_test_file() {
  if [ "$(id -u)" = 0 ] && [ -z "${CTR_TEST_AS_ROOT:-}" ]; then
    echo 'the command-line tests run as a normal user: contrib/as-user bats ...' >&2
    return 1
  fi
  CTR=$(readlink -f "${CTR:-$cli_dir/../../build/cli/ctr}")
  [ -x "$CTR" ] || { echo "no program at $CTR" >&2; return 1; }
  file_dir=$(mktemp -d "${CTR_TEST_TMP:-/var/tmp}/ctr-bats.XXXXXX")
  PATH=$(dirname "$CTR"):$PATH
  HOME=$file_dir/home
  XDG_DATA_HOME=$file_dir/data
  XDG_CONFIG_HOME=$file_dir/config
  XDG_CACHE_HOME=$file_dir/cache
  # Socket paths have 107 bytes: the runtime directory stays short.
  XDG_RUNTIME_DIR=$(mktemp -d /tmp/ctr-r.XXXXXX)
  mkdir -p "$HOME" "$XDG_DATA_HOME" "$XDG_CONFIG_HOME" "$XDG_CACHE_HOME"
  unset REGISTRY_AUTH_FILE DOCKER_CONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
  export CTR PATH HOME XDG_DATA_HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR file_dir
}

# start_registry [tls|auth ...]: sets and exports REGISTRY (host:port); with tls the certificate is $REGISTRY_CA.
start_registry() {
  registry_start "$file_dir/registry" "$@" || return 1
  REGISTRY=$registry_host
  REGISTRY_CA=''
  case " $* " in *' tls '*) REGISTRY_CA=$file_dir/registry/ca.crt ;; esac
  export REGISTRY REGISTRY_CA registry_pid registry_host
  # Tests name the registry without flags: plain HTTP on loopback is allowed for this one host.
  if [ -z "$REGISTRY_CA" ]; then
    mkdir -p "$XDG_CONFIG_HOME/containers"
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >>"$XDG_CONFIG_HOME/containers/registries.conf"
  fi
}

# push_image NAME:TAG RECIPE [ARG...]: see make-image for recipes; prints the manifest digest.
push_image() {
  local name=$1 recipe=$2
  shift 2
  if [ -n "${REGISTRY_CA:-}" ]; then set -- --ca "$REGISTRY_CA" "$@"; fi
  "$cli_dir/make-image" "$recipe" --push "$REGISTRY/$name" "$@"
}

# The image most tests use: Debian's busybox as $REGISTRY/test/busybox:latest, exported as $IMAGE.
push_busybox() {
  IMAGE=$REGISTRY/test/busybox:latest
  export IMAGE
  push_image test/busybox:latest '{"layers": [{"busybox": true}], "config": {"Cmd": ["sh"], "Env": ["PATH=/bin:/usr/bin"]}}' \
    "$@" >/dev/null
}

# Pulls it once for the file, so that tests of other things start with the image in the store.
pull_busybox() {
  start_registry
  push_busybox
  ctr pull -q "$IMAGE" >/dev/null
}

# Files of containers belong to subordinate ids: only a user namespace with the whole map may remove them.
remove_tree() {
  rm -rf "$@" 2>/dev/null || unshare --map-auto --map-root-user rm -rf "$@"
}

end_test_file() {
  if [ -n "${file_dir:-}" ]; then
    registry_stop_below "$file_dir"
    ctr rm -f -a -t 0 >/dev/null 2>&1 || true
    remove_tree "$file_dir" "$XDG_RUNTIME_DIR"
  fi
}

# --- assertions: each prints what it saw -----------------------------------------------------------------------------

fail() { printf '%s\n' "$*" >&2; return 1; }

assert_status() { [ "$status" -eq "$1" ] || fail "exit code $status instead of $1; output:" "$output"; }
# The hint behind an error may change with what is known of it: tests that mean it name it.
assert_output() {
  local seen=$output
  [[ $1 != Error:* || $1 == *$'\nhint: '* ]] || seen=$(grep -v '^hint: ' <<<"$seen")
  [ "$seen" = "$1" ] || fail "output: '$output' instead of '$1'"
}
assert_line() { grep -qxF -- "$1" <<<"$output" || fail "no line '$1' in:" "$output"; }
assert_contains() { [[ "$output" == *"$1"* ]] || fail "no '$1' in:" "$output"; }
refute_contains() { [[ "$output" != *"$1"* ]] || fail "'$1' is in:" "$output"; }
assert_match() { [[ "$output" =~ $1 ]] || fail "no match of '$1' in:" "$output"; }

# wait_for COMMAND...: until it succeeds, at most 10 seconds.
wait_for() {
  local deadline=$((SECONDS + 10))
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || { fail "waited 10 s for: $*"; return 1; }
    sleep 0.05
  done
}

# Processes that belong to this file's store: monitors run its ctr with its runtime directory, containers see its mounts.
# One look at everything, since a process for each of /proc would take seconds on a busy machine. What is searched for
# is not among the words of the searching process.
store_processes() {
  local pid
  {
    grep -lsF -f <(printf '%s\n' "$XDG_DATA_HOME/ctr") /proc/[0-9]*/mountinfo /proc/[0-9]*/cmdline
    find /proc/[0-9]*/exe -lname "$CTR" -printf '%h/environ\n' 2>/dev/null |
      xargs -r grep -lszxF -f <(printf '%s\n' "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR")
  } | cut -d / -f 3 | sort -u | while read -r pid; do
    [ "$pid" = "$$" ] || printf '%s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
  done
}

no_store_processes() { [ -z "$(store_processes)" ]; }

# After every test: containers removed, then no process, mount or held lock of this store.
assert_nothing_left() {
  [ ! -d "$XDG_DATA_HOME/ctr/pods" ] || ctr pod rm -f -a -t 0 >/dev/null 2>&1 || true
  ctr rm -f -a -t 0 >/dev/null 2>&1 || true
  wait_for no_store_processes || { store_processes >&2; return 1; }
  ! grep -F "$file_dir" /proc/self/mountinfo >&2 || fail 'mounts are left'
  assert_no_locks
}

assert_no_locks() {
  local lock
  while read -r lock; do
    flock -n -x "$lock" true || { fail "still locked: $lock"; return 1; }
  done < <(find "$XDG_DATA_HOME" -name alive -o -name lock -o -name '*.lock' 2>/dev/null)
}
