#!/usr/bin/env bats
# ctr runtime as root: what only root can look at.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir, bundle, listener; commands of the container are meant literally
load ../helpers
load ../runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() { new_bundle; }
teardown() { assert_no_containers; }

@test "a created container holds no descriptor of the host" {
  rt create box </dev/null
  local fd target own
  own=$(readlink /proc/"$(pid_of box)"/ns/*)
  for fd in /proc/"$(pid_of box)"/fd/*; do
    target=$(readlink "$fd")
    case "$target" in
      # The streams are the caller's; the others are the way to be started, and the container's own namespaces for exec.
      "$RUNTIME_ROOT"/box/waiting | socket:*) ;;
      *:\[*\]) grep -qxF "$target" <<<"$own" || fail "$fd: $target" ;;
      *) [ "${fd##*/}" -le 2 ] || fail "$fd: $target" ;;
    esac
  done
  [ -e "/proc/$(pid_of box)/fd/2" ] || fail 'nothing was looked at'
}

@test "root of a user namespace reaches the socket of a container that root of the host made" {
  config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]
    | .linux.gidMappings = .linux.uidMappings'
  chown -R 100000:100000 rootfs
  # As /run is, where root keeps its containers.
  chmod 711 "$file_dir" "$bundle" "$XDG_RUNTIME_DIR"
  listen "$bundle/manager"
  script 'test -S $NOTIFY_SOCKET && test -w $NOTIFY_SOCKET && echo socket'
  run -0 rt run box
  kill "$listener"
  assert_output socket
}
