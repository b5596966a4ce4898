#!/usr/bin/env bats
# ctr runtime: NOTIFY_SOCKET, by which the caller is told that the container's program is ready.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # helpers set file_dir; commands of the container are meant literally
load helpers
load runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() {
  new_bundle
  listener=
}
teardown() {
  [ -z "$listener" ] || kill "$listener"
  assert_no_containers
}

# The messages so far that are about the container, in one line.
told() { grep -v -e listening -e BARRIER "$bundle/told" | tr '\n' ' '; }
has_told() { [ "$(told)" = "$1" ]; }
is_ready() { grep -q READY "$bundle/told"; }

# The program waits for the file /go and says what the caller asks for: busybox has no datagrams, so that the socket is
# used from outside, where the state directory shows it.
socket_of() { printf '%s\n' "$RUNTIME_ROOT/$1/notify/notify"; }
say() { "$cli_dir/notify-sender" "$(socket_of box)" "$@"; }

@test "the program finds a socket, and its variable, where the caller has its own" {
  export NOTIFY_SOCKET=/run/manager/socket
  script 'echo $NOTIFY_SOCKET; test -S $NOTIFY_SOCKET && echo socket; stat -c %a $NOTIFY_SOCKET
    touch /run/manager/socket/other 2>/dev/null || echo "nothing else"'
  ln -s busybox rootfs/bin/touch
  run -0 rt run box
  assert_output $'/run/manager/socket/notify\nsocket\n777\nnothing else'
}

@test "without a service manager there is neither" {
  unset NOTIFY_SOCKET
  script 'echo "<$NOTIFY_SOCKET>"'
  run -0 rt run box
  assert_output '<>'
}

@test "start returns once the container is ready, and tells the caller with the main process" {
  listen "$bundle/manager"
  script 'sleep 1000'
  rt create box
  rt start box 3>&- &
  local start=$!
  wait_for test -S "$(socket_of box)"
  wait_for has_status box running
  say STATUS=loading 'FDSTORE=1' NOTREADY=1
  [ -d "/proc/$start" ] || fail 'it did not wait'
  say $'STATUS=done\nREADY=1'
  wait "$start"
  wait_for has_told "READY=1 MAINPID=$(pid_of box) "
  grep -qx BARRIER=1 told
}

@test "a detached run waits as well, and an abstract address does" {
  listen "@ctr-test-$$-$BATS_TEST_NUMBER"
  script 'echo $NOTIFY_SOCKET >/tmp/socket; sleep 1000'
  rt run -d box 3>&- &
  local run=$!
  wait_for test -s rootfs/tmp/socket
  [ "$(cat rootfs/tmp/socket)" = /run/notify/notify ] || fail "$(cat rootfs/tmp/socket)"
  [ -d "/proc/$run" ] || fail 'it did not wait'
  say READY=1
  wait "$run"
  wait_for has_told "READY=1 MAINPID=$(pid_of box) "
}

@test "the wait ends with the container, and no process is left of it" {
  listen "$bundle/manager"
  script 'sleep 1000'
  rt create box
  rt start box 3>&- &
  local start=$!
  wait_for has_status box running
  rt kill box KILL
  wait "$start"
  has_told ''
}

@test "a run in the foreground passes readiness on while it stays, with and without a terminal" {
  listen "$bundle/manager"
  local terminal
  for terminal in false true; do
    config --argjson terminal "$terminal" '.process.terminal = $terminal'
    script 'until test -e /tmp/go; do sleep 0.01; done'
    rm -f rootfs/tmp/go
    : >told
    rt run box </dev/null >/dev/null 3>&- &
    local run=$!
    wait_for has_status box running
    say READY=1
    wait_for has_told "READY=1 MAINPID=$(pid_of box) "
    touch rootfs/tmp/go
    wait "$run"
  done
}

@test "what cannot be told is a warning, and the container runs" {
  export NOTIFY_SOCKET=$bundle/nobody
  script 'until test -e /tmp/go; do sleep 0.01; done'
  rt run box 2>words 3>&- &
  local run=$!
  wait_for has_status box running
  say READY=1
  touch rootfs/tmp/go
  wait "$run"
  run -0 cat words
  assert_contains "tell the service manager at '$bundle/nobody'"
}

@test "an address that is none is refused by name" {
  local address
  for address in relative/path @ vsock:1:2; do
    NOTIFY_SOCKET=$address run -1 rt create box
    assert_contains "NOTIFY_SOCKET '$address' is neither an absolute path nor an abstract address"
  done
}
