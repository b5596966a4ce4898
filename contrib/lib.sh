# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the scripts that source this file
# What the scripts of this folder share: steps with their time, packages, the user who runs containers, clean-up.
#
# A script sources this file and calls
#   step TITLE COMMAND...    runs the command quietly; prints the time it took, or its last output and the failed step
#   show TITLE COMMAND...    the same with the output in front of the user
#   on_exit COMMAND...       runs the command at the end, however the script ends; last registered, first run
#   count PASSED FAILED      adds to the sum that totals prints
#   as_root COMMAND...       directly as root, else through sudo
#   as_user COMMAND...       as the user who runs containers: the invoking user, or user_name when invoked by root;
#                            extra_path is put before the ordinary PATH
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d /var/tmp/ctr-scratch.XXXXXX)
user_name=${CTR_TEST_USER:-ctrtest}
extra_path=''
exit_commands=()

fail() {
  # A step that failed without a failed test (a build) is one failure in the sum.
  if [[ "$(totals)" == *' 0 failed' ]]; then count 0 1; fi
  printf 'FAILED: %s\n' "$1" >&2
  exit 1
}

on_exit() {
  local words
  printf -v words '%q ' "$@"
  exit_commands=("$words" "${exit_commands[@]}")
}

run_exit_commands() {
  local status=$? command
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  for command in "${exit_commands[@]}"; do eval "$command"; done
  rm -rf "$scratch"
  exit "$status"
}
trap run_exit_commands EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# The command runs in a subshell outside of any condition, so that `set -e` holds inside of functions too.
step() {
  local title=$1 begin=$EPOCHREALTIME status
  shift
  printf '%-58s ' "$title"
  set +e
  (set -e; "$@") >"$scratch/log" 2>&1
  status=$?
  set -e
  printf '%6s s\n' "$(seconds_since "$begin")"
  if [ "$status" -ne 0 ]; then
    tail -n "${CTR_LOG_LINES:-60}" "$scratch/log" >&2
    fail "$title"
  fi
}

show() {
  local title=$1 begin=$EPOCHREALTIME status
  shift
  printf -- '-- %s\n' "$title"
  set +e
  (set -e; "$@")
  status=$?
  set -e
  printf -- '-- %-55s %6s s\n' "$title" "$(seconds_since "$begin")"
  [ "$status" -eq 0 ] || fail "$title"
}

count() { printf '%d %d\n' "$1" "$2" >>"$scratch/counts"; }

totals() {
  touch "$scratch/counts"
  awk '{ p += $1; f += $2 } END { printf "%d passed, %d failed\n", p, f }' "$scratch/counts"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    printf 'this needs root: run it as root once, or install sudo\n' >&2
    return 1
  fi
}

# --- packages -------------------------------------------------------------------------------------------------------

build_packages=(g++ meson ninja-build pkg-config libfmt-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev
  libseccomp-dev libssl-dev libsodium-dev libyaml-dev libcurl4-openssl-dev libarchive-dev zlib1g-dev libzstd-dev libisal-dev)
run_packages=(uidmap fuse-overlayfs slirp4netns ca-certificates gpgv)
vm_packages=(qemu-system-x86 e2fsprogs)
try_packages=(docker-registry busybox-static python3)
test_packages=(catch2 bats shellcheck clang-19 libclang-rt-19-dev clang-format-19 clang-tidy-19 ccache apache2-utils openssl
  skopeo crun podman catatonit jq curl zstd xz-utils binutils git zsh fish gnupg nftables procps)
# kubectl comes in packages of others, too, which Debian's does not go beside.
command -v kubectl >/dev/null || test_packages+=(kubernetes-client)

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || printf '%s\n' "$package"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || { printf 'not a Debian system; install: %s\n' "${missing[*]}"; return 1; }
  as_root apt-get -q -o DPkg::Lock::Timeout=120 update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 --no-install-recommends install \
    "${missing[@]}"
  # Debian starts the registry as a system service on installation; only throw-away ones are wanted here.
  if [[ " ${missing[*]} " == *' docker-registry '* ]] && [ -d /run/systemd/system ]; then
    as_root systemctl disable --now docker-registry.service
  fi
}

# --- the user who runs containers -----------------------------------------------------------------------------------

container_user() { if [ "$(id -u)" = 0 ]; then printf '%s' "$user_name"; else id -un; fi; }
container_home() { getent passwd "$(container_user)" | cut -d: -f6; }

# The first id behind every range that is handed out already.
next_free_id() { awk -F: 'BEGIN { n = 100000 } $2 + $3 > n { n = $2 + $3 } END { print n }' /etc/subuid /etc/subgid; }

prepare_subordinate_ids() {
  local user start
  user=$(container_user)
  as_root touch /etc/subuid /etc/subgid
  start=$(next_free_id)
  if ! grep -q "^$user:" /etc/subuid; then
    as_root usermod --add-subuids "$start-$((start + 65535))" "$user"
  fi
  if ! grep -q "^$user:" /etc/subgid; then
    as_root usermod --add-subgids "$start-$((start + 65535))" "$user"
  fi
}

# Debian's own rules give these devices to everybody; containers and minimal systems often have them for root only.
prepare_devices() {
  local device
  for device in /dev/fuse /dev/net/tun; do
    if [ -c "$device" ] && ! as_user test -w "$device"; then as_root chmod 0666 "$device"; fi
  done
}

prepare_user() {
  local switch=/proc/sys/kernel/unprivileged_userns_clone
  if [ "$(id -u)" = 0 ] && ! getent passwd "$user_name" >/dev/null; then
    useradd --create-home --shell /bin/bash "$user_name"
  fi
  prepare_subordinate_ids
  if [ -r "$switch" ] && [ "$(cat "$switch")" = 0 ]; then as_root sysctl -qw kernel.unprivileged_userns_clone=1; fi
  prepare_devices
}

# podman 4 refuses to start where hugetlb is listed in /proc/cgroups and no v1 hierarchy of it is mounted: the step mounts
# one until the script ends.
step_mount_for_podman() {
  if mountpoint -q /sys/fs/cgroup/hugetlb; then return; fi
  step 'mount what podman needs' mount_for_podman
  if mountpoint -q /sys/fs/cgroup/hugetlb; then on_exit unmount_for_podman; fi
}

mount_for_podman() {
  local dir=/sys/fs/cgroup/hugetlb
  [ "$(stat -fc %T /sys/fs/cgroup)" = tmpfs ] || return 0
  as_root mkdir -p "$dir"
  as_root mount -t cgroup -o hugetlb none "$dir"
}

unmount_for_podman() {
  as_root umount /sys/fs/cgroup/hugetlb
  as_root rmdir /sys/fs/cgroup/hugetlb
}

# A runtime directory for the user: the one of the login session, else one below /run/user or /tmp that is kept small.
user_runtime_dir() {
  local uid
  uid=$(id -u "$(container_user)")
  if [ "$(id -u)" != 0 ] && [ -n "${XDG_RUNTIME_DIR:-}" ] && [ -w "$XDG_RUNTIME_DIR" ]; then
    printf '%s' "$XDG_RUNTIME_DIR"
  elif [ -d "/run/user/$uid" ]; then
    printf '/run/user/%s' "$uid"
  else
    printf '/tmp/ctr-run-%s' "$uid"
  fi
}

prepare_runtime_dir() {
  local dir
  dir=$(user_runtime_dir)
  [ -d "$dir" ] || mkdir -m 0700 "$dir"
  if [ "$(id -u)" = 0 ]; then chown "$user_name:" "$dir"; fi
}

as_user() {
  local path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  local keep=(PATH="${extra_path:+$extra_path:}$path" HOME="$(container_home)" XDG_RUNTIME_DIR="${user_run_dir:-$(user_runtime_dir)}"
    LANG=C.UTF-8 TERM="${TERM:-dumb}" USER="$(container_user)")
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid "$user_name" --regid "$user_name" --init-groups env -i "${keep[@]}" "$@"
  else
    env "${keep[@]}" "$@"
  fi
}
