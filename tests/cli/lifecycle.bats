#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Containers over their life: start, stop, kill, wait, restart, remove, and what survives what.

load helpers

setup_file() { start_test_file; pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

# A program that is pid 1 gets no signal it has not asked for: tests wait until it has.
is_ready() { [ "$(ctr logs "$1")" = ready ]; }
state() { ctr inspect --format '{{.State.Status}}' "$1"; }

@test "a detached container prints its id, runs on, and is stopped by its signal" {
  id=$(ctr run -d --network none "$IMAGE" sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done')
  wait_for is_ready "$id"
  [[ $id =~ ^[0-9a-f]{64}$ ]]
  [ "$(state "$id")" = running ]
  ctr stop "$id"
  [ "$(state "$id")" = exited ]
  [ "$(ctr inspect --format '{{.State.ExitCode}}' "$id")" = 3 ]
  ctr rm "$id"
}

@test "a program that does not end at its signal is killed after the timeout" {
  id=$(ctr run -d --network none "$IMAGE" sh -c 'trap : TERM; echo ready; while :; do sleep 0.1; done')
  wait_for is_ready "$id"
  run ctr stop -t 1 "$id"
  assert_status 0
  assert_contains 'resorting to SIGKILL'
  [ "$(ctr inspect --format '{{.State.ExitCode}}' "$id")" = 137 ]
  ctr rm "$id"
}

@test "a program that its signal cannot reach is killed at once" {
  # As pid 1 it gets no signal without a handler; with --init it is not pid 1.
  local begin=$SECONDS
  id=$(ctr run -d --network none "$IMAGE" sleep 100)
  run -0 ctr stop -t 60 "$id"
  refute_contains 'resorting to SIGKILL'
  [ "$(ctr inspect --format '{{.State.ExitCode}}' "$id")" = 137 ]
  ctr rm "$id"
  id=$(ctr run -d --init --network none "$IMAGE" sleep 100)
  ctr stop -t 60 "$id"
  [ "$(ctr inspect --format '{{.State.ExitCode}}' "$id")" = 143 ]
  ctr rm "$id"
  id=$(ctr run -d --network none "$IMAGE" sleep 100)
  ctr rm -f -t 60 "$id"
  [ $((SECONDS - begin)) -lt 50 ]
}

@test "a running container is not removed without force" {
  id=$(ctr run -d --network none "$IMAGE" sleep 100)
  run ctr rm "$id"
  assert_status 2
  assert_contains 'as it is running'
  run ctr rm -f -t 0 "$id"
  assert_status 0
}

@test "wait prints the exit code" {
  id=$(ctr run -d --network none "$IMAGE" sh -c 'sleep 0.3; exit 5')
  run ctr wait "$id"
  assert_output 5
  run ctr wait "$id"
  assert_output 5
  ctr rm "$id"
}

@test "wait --exit-first-match ends with the first of several" {
  ctr run -d --name long --network none "$IMAGE" sleep 100
  ctr run -d --name short --network none "$IMAGE" sh -c 'sleep 0.2; exit 6'
  run -0 ctr wait --exit-first-match -i 20ms long short
  assert_output 6
  # One that has never run is not waited for, nor is one whose start has failed.
  ctr create --name never --network none "$IMAGE" /nosuch
  run -0 ctr wait never
  assert_output 0
  run -125 ctr start never
  run -0 ctr wait --exit-first-match long never
  assert_output 0
  run -0 ctr wait --exit-first-match --condition running,created never long
  assert_output -1
  run -125 ctr wait --exit-first-match long nosuch
  assert_contains 'no such container'
  run -0 ctr wait --exit-first-match --ignore nosuch
  assert_output -1
}

@test "a container can be started again and keeps what it wrote" {
  id=$(ctr create --network none "$IMAGE" sh -c 'cat /data 2>/dev/null; echo more >>/data')
  run ctr start -a "$id"
  assert_output ''
  run ctr start -a "$id"
  assert_output more
  ctr rm "$id"
}

@test "restart stops and starts" {
  id=$(ctr run -d --network none "$IMAGE" sleep 100)
  before=$(ctr inspect --format '{{.State.Pid}}' "$id")
  ctr restart -t 0 "$id"
  after=$(ctr inspect --format '{{.State.Pid}}' "$id")
  [ "$before" != "$after" ]
  ctr rm -f -t 0 "$id"
}

@test "kill sends the signal, and only to running containers" {
  id=$(ctr run -d --network none "$IMAGE" sh -c 'trap "exit 9" USR1; echo ready; while :; do sleep 0.1; done')
  wait_for is_ready "$id"
  ctr kill -s USR1 "$id"
  run ctr wait "$id"
  assert_output 9
  run ctr kill "$id"
  assert_status 125
  assert_contains 'can only kill running containers'
  ctr rm "$id"
}

@test "exec runs in a running container only, with its own code, user and environment" {
  id=$(ctr run -d --network none "$IMAGE" sleep 100)
  run ctr exec -e X=1 "$id" sh -c 'echo $X; exit 4'
  assert_status 4
  assert_output 1
  run ctr exec -u 1234 "$id" id -u
  assert_output 1234
  run bash -c "echo piped | ctr exec -i $id cat"
  assert_output piped
  run ctr exec "$id" nosuchcmd
  assert_status 127
  ctr rm -f -t 0 "$id"
}

@test "logs hold both streams in order and can be followed to the end" {
  id=$(ctr run -d --network none "$IMAGE" sh -c 'echo one; sleep 0.3; echo two; sleep 0.3; echo three >&2')
  run ctr logs -f "$id"
  assert_output $'one\ntwo\nthree'
  run ctr logs --tail 1 "$id"
  assert_output three
  ctr rm "$id"
}

@test "a removed container leaves its name free" {
  ctr create --name reuse --network none "$IMAGE" true
  ctr rm reuse
  ctr create --name reuse --network none "$IMAGE" true
  ctr rm reuse
}

@test "an unknown container is named in podman's words" {
  run ctr stop nosuch
  assert_status 125
  assert_contains 'no container with name or ID "nosuch" found: no such container'
  run ctr rm nosuch
  assert_status 1
  run ctr rm -f nosuch
  assert_status 0
}

@test "a killed monitor's container does not claim to run for ever and can be removed" {
  id=$(ctr run -d --network none "$IMAGE" sleep 100)
  pid=$(ctr inspect --format '{{.State.ConmonPid}}' "$id")
  kill -9 "$pid"
  has_ended() { [ "$(ctr inspect --format '{{.State.Status}}' "$id")" = exited ]; }
  wait_for has_ended
  # The end that nobody saw has the time at which it was noticed.
  local noticed
  noticed=$(ctr inspect --format '{{json .State.FinishedAt}}' "$id")
  [[ $noticed == \"20* ]] || fail "$noticed"
  [ "$(ctr inspect --format '{{json .State.FinishedAt}}' "$id")" = "$noticed" ]
  ctr rm -f -t 0 "$id"
  [ -z "$(ctr ps -aq)" ]
}

@test "a killed command leaves a container that is reachable" {
  ctr run --name orphan --network none "$IMAGE" sleep 100 &
  pid=$!
  wait_for ctr container exists orphan
  kill -9 "$pid"
  wait "$pid" || true
  ctr rm -f -t 0 orphan
  [ -z "$(ctr ps -aq)" ]
}

@test "containers that start at once all run" {
  for i in 1 2 3 4 5 6 7 8; do ctr run --rm --network none "$IMAGE" echo "$i" >"$BATS_TEST_TMPDIR/$i" & done
  wait
  for i in 1 2 3 4 5 6 7 8; do [ "$(cat "$BATS_TEST_TMPDIR/$i")" = "$i" ]; done
}
