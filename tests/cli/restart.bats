#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Restart policies: who is started again, when, how often, and what puts an end to it.

load helpers

setup_file() { start_test_file; pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

count() { ctr inspect --format '{{.RestartCount}}' "$1"; }
state() { ctr inspect --format '{{.State.Status}}' "$1"; }
has_count() { [ "$(count "$1")" -ge "$2" ]; }
is_running_with() { [ "$(ctr inspect --format '{{.State.Status}} {{.RestartCount}}' "$1")" = "running $2" ]; }
waits_to_restart() { [ "$(ctr inspect --format '{{.State.Restarting}}' "$1")" = true ]; }

@test "on-failure starts a program again until the retries are used up" {
  ctr run -d --name r --network none --restart on-failure:2 "$IMAGE" sh -c 'echo run; exit 3'
  wait_for has_count r 2
  wait_for eval '[ "$(ctr logs r | grep -c run)" = 3 ]'
  sleep 0.8
  run ctr inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{.State.Restarting}}' r
  assert_output 'exited 3 2 false'
  run ctr inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' r
  assert_output 'on-failure 2'
  # A start by a user counts from zero.
  ctr start r
  [ "$(count r)" -lt 2 ]
  wait_for eval '[ "$(ctr logs r | grep -c run)" = 6 ]'
}

@test "on-failure leaves a program alone that ended well" {
  ctr run -d --name r --network none --restart on-failure "$IMAGE" true
  ctr wait r
  sleep 0.4
  run ctr inspect --format '{{.State.Status}} {{.RestartCount}} {{.State.Restarting}}' r
  assert_output 'exited 0 false'
}

@test "always starts a program again that ended well, and ps says how often" {
  ctr run -d --name r --network none --restart always "$IMAGE" sh -c 'test -e /two && exec sleep 100; test -e /one && touch /two; touch /one'
  wait_for is_running_with r 2
  run ctr ps --format '{{.Names}} {{.Restarts}} {{.Status}}'
  assert_match '^r 2 Up '
  run ctr ps -q --filter restart-policy=always
  [ -n "$output" ]
  run ctr ps -a -q --filter restart-policy=no
  assert_output ''
}

@test "stop is final until the next start" {
  ctr run -d --name r --network none --restart always "$IMAGE" sh -c 'trap "exit 1" TERM; echo ready; while :; do sleep 0.1; done'
  wait_for eval '[ "$(ctr logs r)" = ready ]'
  ctr stop r
  sleep 0.5
  run ctr inspect --format '{{.State.Status}} {{.RestartCount}} {{.State.StoppedByUser}}' r
  assert_output 'exited 0 true'
  ctr start r
  [ "$(state r)" = running ]
  run ctr inspect --format '{{.State.StoppedByUser}}' r
  assert_output false
}

@test "a deadly kill is final, another signal is not" {
  ctr run -d --name r --network none --restart always "$IMAGE" sh -c 'trap "exit 1" HUP; echo ready; while :; do sleep 0.1; done'
  wait_for eval '[ "$(ctr logs r)" = ready ]'
  ctr kill -s HUP r
  wait_for is_running_with r 1
  ctr kill r
  ctr wait r
  sleep 0.5
  run ctr inspect --format '{{.State.Status}} {{.RestartCount}}' r
  assert_output 'exited 1'
}

@test "a program that is killed from inside is started again" {
  ctr run -d --name r --network none --init --restart unless-stopped "$IMAGE" sh -c 'test -e /one && exec sleep 100; touch /one; kill -9 $$'
  wait_for is_running_with r 1
}

@test "stop ends the wait for the next start, and so do rm and start" {
  # After some starts the delay is long enough to look at it.
  ctr run -d --name r --network none --restart always "$IMAGE" false
  wait_for has_count r 3
  wait_for waits_to_restart r
  ctr stop r
  local after
  after=$(count r)
  sleep 2
  run ctr inspect --format '{{.State.Status}} {{.RestartCount}} {{.State.Restarting}}' r
  assert_output "exited $after false"
  run ctr start r
  assert_status 0
  wait_for has_count r 2
  wait_for waits_to_restart r
  ctr rm -f -t 0 r
  wait_for no_store_processes
}

@test "kill ends the wait, too, and prune leaves who waits alone" {
  ctr run -d --name r --network none --restart always "$IMAGE" false
  wait_for has_count r 3
  wait_for waits_to_restart r
  ctr container prune -f
  ctr container exists r
  wait_for waits_to_restart r
  ctr kill -a
  wait_for no_store_processes
  [ "$(state r)" = exited ]
}

@test "a monitor that dies while it waits leaves a container that has ended" {
  ctr run -d --name r --network none --restart always "$IMAGE" false
  wait_for has_count r 4
  wait_for waits_to_restart r
  local pid
  # By what the record says: of root's processes the file is a protected copy, which has no path.
  pid=$(jq .monitor.pid "$XDG_DATA_HOME"/ctr/containers/*/state.json)
  kill -9 "$pid"
  wait_for no_store_processes
  run ctr inspect --format '{{.State.Status}} {{.State.Restarting}} {{.State.ExitCode}}' r
  assert_output 'exited false 1'
  ctr start r
  wait_for has_count r 1
}

@test "logs -f follows a container over its restarts, to its last end" {
  ctr run -d --name r --network none --restart on-failure:2 "$IMAGE" sh -c 'echo run; exit 3'
  run -0 timeout 20 ctr logs -f r
  assert_output $'run\nrun\nrun'
  run ctr inspect --format '{{.RestartCount}} {{.State.Restarting}}' r
  assert_output '2 false'
}

has_open() { find "/proc/$1/fd" -lname "$2" 2>/dev/null | grep -q .; }
has_closed() { ! has_open "$@"; }

@test "rm -f removes a container that is started at this moment by somebody else" {
  local id dir lock alive rm
  id=$(ctr run -d --name r --network none "$IMAGE" true)
  ctr wait r
  wait_for no_store_processes
  dir=$XDG_DATA_HOME/ctr/containers/$id
  exec {lock}<>"$dir/lock"
  flock -x "$lock"
  ctr rm -f -t 0 r 3>&- {lock}>&- &
  rm=$!
  wait_for has_open "$rm" "$dir/lock"
  # A monitor has begun to run it: it holds this lock.
  exec {alive}<>"$dir/alive"
  flock -x "$alive"
  exec {lock}>&-
  wait_for has_closed "$rm" "$dir/lock"
  exec {alive}>&-
  wait "$rm"
  run ctr container exists r
  assert_status 1
}

@test "an attached command sees the first end; the container goes on" {
  run ctr run --name r --network none --restart on-failure:1 "$IMAGE" sh -c 'echo out; exit 4'
  assert_status 4
  assert_output out
  wait_for has_count r 1
}

@test "with --rm a container that may fail is removed when it has not" {
  ctr run -d --rm --name r --network none --restart on-failure "$IMAGE" sh -c 'test -e /one && exit 0; touch /one; exit 1'
  wait_for eval '! ctr container exists r'
  run ctr run --rm --restart always "$IMAGE" true
  assert_status 125
  assert_contains 'the --rm option conflicts with --restart, when the restartPolicy is not "" and "no"'
  run ctr create --rm --restart on-failure:3 "$IMAGE" true
  assert_status 125
}

@test "wrong policies are refused in podman's words" {
  run ctr create --restart foo "$IMAGE"
  assert_status 125
  assert_contains '"foo" is not a valid restart policy: invalid argument'
  run ctr create --restart always:3 "$IMAGE"
  assert_contains 'restart policy retries can only be specified with on-failure restart policy'
  run ctr create --restart on-failure:x "$IMAGE"
  assert_contains 'parsing restart policy retry count'
  run ctr create --restart on-failure:-1 "$IMAGE"
  assert_contains 'must specify restart policy retry count as a number greater than 0'
  run ctr create --restart on-failure:1:2 "$IMAGE"
  assert_contains 'invalid restart policy: may specify retries at most once'
  run ctr ps --filter restart-policy=foo
  assert_status 125
}

@test "the service at boot starts always, and unless-stopped but for what a user had stopped" {
  ctr create --name no --network none "$IMAGE" sleep 100
  ctr create --name always --network none --restart always "$IMAGE" sleep 100
  ctr create --name unless --network none --restart unless-stopped "$IMAGE" sleep 100
  ctr run -d --name stopped --network none --restart unless-stopped "$IMAGE" sleep 100
  ctr stop -t 0 stopped
  local line
  line=$(sed -n 's/^ExecStart=//p' "$cli_dir/../../contrib/systemd/ctr-restart.service")
  [ -n "$line" ]
  run $line
  assert_status 0
  [ "$(ctr ps --format '{{.Names}}' | sort | tr '\n' ' ')" = 'always unless ' ]
}
