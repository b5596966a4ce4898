#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# --sdnotify: what the service manager that started ctr hears, and from whom.

load helpers

setup_file() { start_test_file; pull_busybox; }
teardown_file() { end_test_file; }
setup() {
  dir=$(mktemp -d "$file_dir/notify.XXXXXX")
  "$cli_dir/notify-listener" "$dir/manager" >"$dir/told" 3>&- &
  listener=$!
  wait_for grep -q listening "$dir/told"
  export NOTIFY_SOCKET=$dir/manager
}
teardown() {
  kill "$listener"
  assert_nothing_left
}

# The messages so far that are about the container, in one line.
told() { grep -v -e listening -e BARRIER "$dir/told" | tr '\n' ' '; }
has_told() { [ "$(told)" = "$1" ]; }
monitor_of() { ctr inspect --format '{{.State.ConmonPid}}' "$1"; }
# The container's socket, from outside, since busybox has no datagrams; by a short path, as sockets need it.
say() { (cd "$XDG_DATA_HOME/ctr/containers/$(ctr inspect --format '{{.Id}}' box)/notify" && "$cli_dir/notify-sender" notify "$@"); }

@test "conmon: ready as soon as the program runs, and each start by the policy says who the service is now" {
  ctr run -d --name box --sdnotify conmon --restart always --network none "$IMAGE" \
    sh -c 'test ! -e $NOTIFY_SOCKET; until test -e /go; do sleep 0.05; done; rm /go; exec sleep 0.1'
  local first second
  first=$(monitor_of box)
  has_told "MAINPID=$first|READY=1 " || fail "$(told)"
  grep -qx BARRIER=1 "$dir/told"
  ctr exec box touch /go
  wait_for eval '[ "$(ctr inspect --format "{{.State.Running}} {{.RestartCount}}" box)" = "true 1" ]'
  second=$(monitor_of box)
  wait_for has_told "MAINPID=$first|READY=1 MAINPID=$second|READY=1 "
}

@test "container: the program says it itself, through a socket of its own, and nothing of others" {
  ctr run -d --name box --network none "$IMAGE" sh -c 'test -S $NOTIFY_SOCKET && echo $NOTIFY_SOCKET; exec sleep 100'
  local monitor
  monitor=$(monitor_of box)
  has_told "MAINPID=$monitor " || fail "$(told)"
  wait_for eval '[ "$(ctr logs box)" = /run/notify/notify ]'
  say MAINPID=1 $'STATUS=loading\nMAINPID=1\nEXTEND_TIMEOUT_USEC=5000000' NOTIFYACCESS=all READY=1
  wait_for has_told "MAINPID=$monitor STATUS=loading|EXTEND_TIMEOUT_USEC=5000000 READY=1 "
  run ctr inspect --format '{{.Config.SdNotifyMode}} {{.Config.SdNotifySocket}}' box
  assert_output "container $NOTIFY_SOCKET"
}

@test "healthy: ready after the first check that passes, which the start waits for" {
  ctr run -d --name box --sdnotify healthy --health-cmd 'test -e /good' --health-interval 100ms --health-retries 1000 \
    --network none "$IMAGE" sleep 100 3>&- &
  local run=$!
  wait_for eval 'test "$(ctr inspect --format "{{.State.Health.FailingStreak}}" box 2>/dev/null || echo 0)" -gt 0'
  [ -d "/proc/$run" ] || fail 'it did not wait'
  local monitor
  monitor=$(monitor_of box)
  has_told "MAINPID=$monitor " || fail "$(told)"
  ctr exec box touch /good
  wait "$run"
  wait_for has_told "MAINPID=$monitor READY=1 "
  run ctr create --sdnotify healthy "$IMAGE"
  assert_status 125
  assert_contains 'sdnotify policy "healthy" requires a healthcheck to be set'
}

@test "ignore: nobody is told anything, and an address that is none is named" {
  run -0 ctr run --rm --sdnotify ignore --network none "$IMAGE" sh -c 'echo "<$NOTIFY_SOCKET>"; test -e /run/notify || echo none'
  assert_output $'<>\nnone'
  has_told ''
  NOTIFY_SOCKET=vsock:1:2 run ctr run --rm --network none "$IMAGE" true
  assert_status 125
  assert_contains "NOTIFY_SOCKET 'vsock:1:2' is neither an absolute path nor an abstract address"
}

@test "a container that is only set up tells when it is started" {
  ctr create --name box --sdnotify conmon --network none "$IMAGE" sleep 100
  ctr init box
  has_told ''
  ctr start box
  has_told "MAINPID=$(monitor_of box)|READY=1 " || fail "$(told)"
}
