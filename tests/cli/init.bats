#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Containers that are set up and wait to be started.

load helpers

setup_file() { start_test_file; pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

state() { ctr inspect --format '{{.State.Status}}' "$1"; }
pid_of() { ctr inspect --format '{{.State.Pid}}' "$1"; }

@test "init sets a container up, and start lets the same process go on" {
  ctr create --name box --network none "$IMAGE" sh -c 'echo out; echo err >&2; exit 3'
  run -0 ctr init box
  assert_output box
  [ "$(state box)" = initialized ]
  run ctr ps --noheading
  assert_output ''
  run ctr ps -a --format '{{.Names}} {{.State}} {{.Status}}'
  assert_output 'box initialized Initialized'
  run ctr ps -q --filter status=initialized
  [ -n "$output" ]
  run ctr logs box
  assert_output ''
  local pid
  pid=$(pid_of box)
  [ -d "/proc/$pid" ]
  run --separate-stderr ctr start -a box
  assert_status 3
  assert_output out
  [ "$stderr" = err ]
  [ "$(state box)" = exited ]
  run ctr events --stream=false --filter container=box --format '{{.Status}}'
  [ "$(tr '\n' ' ' <<<"$output")" = 'create init start attach died cleanup ' ] || fail "$output"
}

@test "start without attaching starts it, too, in the same process, and wait sees both states" {
  ctr create --name box --network none "$IMAGE" sleep 100
  ctr container init box
  run -0 ctr wait --condition initialized box
  assert_output -1
  local pid
  pid=$(pid_of box)
  run -0 ctr start box
  assert_output box
  [ "$(state box)" = running ]
  [ "$(pid_of box)" = "$pid" ]
  run -0 ctr exec box echo in
  assert_output in
}

@test "what waits is neither entered nor killed, and is not set up twice" {
  ctr create --name box --network none "$IMAGE" sleep 100
  ctr init box
  run ctr init box
  assert_status 125
  assert_contains 'has already been created in runtime: container state improper'
  run ctr exec box true
  assert_status 255
  assert_contains 'can only create exec sessions on running containers'
  run ctr kill box
  assert_status 125
  assert_contains 'is in state initialized'
  run ctr attach box
  assert_status 125
  assert_contains 'you can only attach to running containers'
  run ctr top box
  assert_status 125
  run ctr pause box
  assert_status 125
  assert_contains 'is not running'
  [ "$(state box)" = initialized ]
  # One that runs is not set up, either; of all of them that is no error.
  ctr start box
  run ctr init box
  assert_status 125
  run -0 ctr init --all
}

@test "stop ends the wait, rm takes it away, and restart starts it" {
  ctr create --name a --network none "$IMAGE" sleep 100
  ctr create --name b --network none "$IMAGE" sleep 100
  ctr create --name c --network none "$IMAGE" sleep 100
  ctr init a b c
  run -0 ctr stop -t 100 a
  run ctr inspect --format '{{.State.Status}} {{.State.ExitCode}}' a
  assert_output 'exited 137'
  run -0 ctr rm b
  assert_output b
  run -0 ctr restart c
  [ "$(state c)" = running ]
  ctr rm -f -t 0 c
  # One that has ended is set up as well, and prune counts it as not running.
  ctr init a
  [ "$(state a)" = initialized ]
  run -0 ctr container prune -f
  [ "${#output}" -eq 64 ]
  wait_for no_store_processes
}

@test "a program that cannot be found is told when the container is set up" {
  ctr create --name box --network none "$IMAGE" nosuchcmd
  run ctr init box
  assert_status 125
  assert_contains 'nosuchcmd'
  [ "$(state box)" = created ]
}

@test "a monitor that is killed while its container waits leaves nothing but the container" {
  ctr create --name box --network none "$IMAGE" echo out
  ctr init box
  local pid
  pid=$(pid_of box)
  kill -9 "$(ctr inspect --format '{{.State.ConmonPid}}' box)"
  wait_for test ! -d "/proc/$pid"
  wait_for no_store_processes
  [ "$(state box)" = created ]
  run -0 ctr start -a box
  assert_output out
}

@test "with --rm a container goes away when its wait is ended; what it requires has to run" {
  ctr create --rm --name gone --network none "$IMAGE" sleep 100
  ctr init gone
  ctr stop gone
  wait_for eval '! ctr container exists gone'
  ctr create --name base --network none "$IMAGE" sleep 100
  ctr create --name top --requires base --network none "$IMAGE" sleep 100
  run ctr init top
  assert_status 125
  assert_contains 'some dependencies of container'
  ctr init base
  ctr start top
  [ "$(state base)" = running ]
}

@test "a terminal is there when the container is started" {
  ctr create -t --name box --network none "$IMAGE" sh -c 'test -t 1 && echo terminal'
  ctr init box
  run -0 ctr start -a box
  assert_contains terminal
}
