#!/usr/bin/env bats
# Terminals and streams: what is typed, printed, resized, detached from and cut off.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

on_terminal() { "$cli_dir/on-terminal" "$@"; }
state() { ctr inspect --format '{{.State.Status}}' "$1"; }
has_running() { [ "$(ctr ps -q --filter name="$1" | wc -l)" -eq 1 ]; }
is_gone() { ! ctr container exists "$1"; }
has_more_lines_than() { [ "$(ctr logs "$1" | wc -l)" -gt "$2" ]; }

# A program that tells of the signal it got.
waits_for_signals='trap "echo got INT; exit 5" INT; trap "echo got TERM; exit 6" TERM; echo ready; while :; do sleep 0.1; done'

@test "run -it is a terminal of the size of ours" {
  run -3 on_terminal 'expect:# ' 'send:tty; stty size; exit 3\r' -- ctr run --rm -it --network none "$IMAGE"
  assert_line /dev/pts/0
  assert_line '24 80'
}

@test "a terminal that changes its size changes the container's" {
  run -0 on_terminal 'expect:ready' 'resize:30x101' 'expect:30 101' -- ctr run --rm -it --network none "$IMAGE" \
    sh -c 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.1; done'
  ctr run -d --name box --network none "$IMAGE" sleep 100 >/dev/null
  run -0 on_terminal 'expect:# ' 'resize:31x102' 'send:sleep 0.2; stty size\r' 'expect:31 102' 'send:exit\r' -- ctr exec -it box sh
}

@test "ctrl-c on a terminal is the program's, and without a terminal the signal is passed on" {
  run -5 on_terminal 'expect:ready' 'send:\x03' -- ctr run --rm -it --network none "$IMAGE" sh -c "$waits_for_signals"
  assert_contains 'got INT'
  run -5 on_terminal 'expect:ready' 'send:\x03' -- ctr run --rm --network none "$IMAGE" sh -c "$waits_for_signals"
  assert_contains 'got INT'
}

@test "SIGTERM of the command reaches the program, and --sig-proxy=false ends the command alone" {
  ctr run --name box --network none "$IMAGE" sh -c "$waits_for_signals" >"$BATS_TEST_TMPDIR/out" &
  wait_for grep -q ready "$BATS_TEST_TMPDIR/out"
  kill -TERM $!
  code=0
  wait $! || code=$?
  [ "$code" -eq 6 ]
  ctr rm box
  # A file of its own: the other one says "ready" already, and the shell is still to become ctr.
  ctr run --name box --sig-proxy=false --network none "$IMAGE" sh -c "$waits_for_signals" >"$BATS_TEST_TMPDIR/alone" &
  wait_for grep -qs ready "$BATS_TEST_TMPDIR/alone"
  kill -TERM $!
  wait $! || true
  [ "$(state box)" = running ]
}

@test "the detach keys leave the container running, and attach comes back to it" {
  run -0 on_terminal 'expect:# ' 'send:\x10\x11' -- ctr run -it --name box --network none "$IMAGE"
  [ "$(state box)" = running ]
  run -4 on_terminal 'send:echo back\r' 'expect:back' 'expect:# ' 'send:exit 4\r' -- ctr attach box
  [ "$(ctr inspect --format '{{.State.ExitCode}}' box)" = 4 ]
}

@test "other detach keys, none, and those of containers.conf" {
  run -0 on_terminal 'expect:# ' 'send:\x01x' -- ctr run -it --detach-keys ctrl-a,x --name box --network none "$IMAGE"
  [ "$(state box)" = running ]
  run -0 on_terminal 'send:\r' 'expect:# ' 'send:\x10\x11' 'send:exit\r' -- ctr attach --detach-keys '' box
  [ "$(state box)" = exited ]
  printf '[engine]\ndetach_keys = "ctrl-b"\n' >"$BATS_TEST_TMPDIR/conf"
  CONTAINERS_CONF=$BATS_TEST_TMPDIR/conf run -0 on_terminal 'expect:# ' 'send:\x02' -- ctr run -it --name other --network none "$IMAGE"
  [ "$(state other)" = running ]
  run -125 ctr run -it --detach-keys nonsense --network none "$IMAGE"
  assert_contains 'nonsense'
}

@test "-t without a terminal is told of, and goes on" {
  run -0 --separate-stderr ctr run --rm -it --network none "$IMAGE" echo hi </dev/null
  assert_contains hi
  [[ $stderr == *'The input device is not a TTY. The --tty and --interactive flags might not work properly'* ]] || fail "$stderr"
}

@test "100 MB go through run -i and exec -i unchanged, both ways at once" {
  head -c 100000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
  sum=$(sha256sum <"$BATS_TEST_TMPDIR/data")
  [ "$(ctr run --rm -i --network none "$IMAGE" cat <"$BATS_TEST_TMPDIR/data" | sha256sum)" = "$sum" ]
  ctr run -d --name box --network none --log-driver none "$IMAGE" sleep 100 >/dev/null
  [ "$(ctr exec -i box cat <"$BATS_TEST_TMPDIR/data" | sha256sum)" = "$sum" ]
}

@test "the program of run ends with the reader of its output, as in a pipeline" {
  run -0 timeout 20 bash -c 'ctr run --rm --network none "$IMAGE" yes 2>/dev/null | head -n 1'
  assert_output y
}

@test "a reader of logs that goes away changes nothing for the container" {
  ctr run -d --name box --network none "$IMAGE" sh -c 'while :; do echo beat; sleep 0.1; done' >/dev/null
  run -0 timeout 20 bash -c 'ctr logs -f box 2>/dev/null | head -n 1'
  assert_output beat
  before=$(ctr logs box | wc -l)
  wait_for has_more_lines_than box "$before"
}

@test "a listing whose reader goes away ends quietly" {
  ctr create --name box "$IMAGE" >/dev/null
  run bash -c 'set -o pipefail; ctr inspect box | true; ctr ps -a | true'
  assert_output ''
}

@test "a session that is cut off leaves a detached container and its log" {
  run -0 on_terminal 'expect:started' hangup -- \
    sh -c 'ctr run -d --name box --network none "$IMAGE" sh -c "while :; do echo beat; sleep 0.1; done"; echo started; sleep 100' || true
  [ "$(state box)" = running ]
  before=$(ctr logs box | wc -l)
  wait_for has_more_lines_than box "$before"
}

@test "a hangup ends run -it, and the container goes on" {
  run on_terminal 'expect:# ' hangup -- ctr run -it --name box --network none "$IMAGE"
  [ "$(state box)" = running ]
}

@test "run --rm that is killed leaves a container that can be stopped, and nothing behind it" {
  ctr run --rm --name box --network none "$IMAGE" sleep 100 &
  wait_for has_running box
  kill -9 $!
  wait $! || true
  ctr stop -t 0 box
  wait_for is_gone box
}
