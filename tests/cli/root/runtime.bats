#!/usr/bin/env bats
# ctr runtime as root: what only root can look at.
load ../helpers
load ../runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() { new_bundle; }
teardown() { assert_no_containers; }

@test "a created container holds no descriptor of the host" {
  rt create box </dev/null
  local fd target
  for fd in /proc/"$(pid_of box)"/fd/*; do
    target=$(readlink "$fd")
    case "$target" in
      # The streams are the caller's; the others are the way to be started.
      "$RUNTIME_ROOT"/box/waiting | socket:*) ;;
      *) [ "${fd##*/}" -le 2 ] || fail "$fd: $target" ;;
    esac
  done
  [ -e "/proc/$(pid_of box)/fd/2" ] || fail 'nothing was looked at'
}
