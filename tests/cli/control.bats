#!/usr/bin/env bats
# pause, unpause, update and stats where containers have no cgroup of their own; tests/vm has the tests with one.
# shellcheck disable=SC2154 # helpers set variables
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { ctr rm -fa -t 0 >/dev/null; assert_nothing_left; }

without_cgroups() {
  [ "$(ctr info --format '{{.Host.CgroupsVersion}}')" != v2 ] || skip 'this host has cgroup v2'
}

# In one line, with a way out.
assert_needs_cgroup() {
  assert_contains "Error: $1 needs a cgroup of the container's own: "
  assert_contains 'ctr doctor'
}

@test "without cgroup v2 pause says what is missing, and the container runs on" {
  without_cgroups
  ctr run -d --network none --name web "$IMAGE" sleep 100
  run -125 ctr pause web
  assert_needs_cgroup pause
  run -125 ctr container pause --all
  assert_needs_cgroup pause
  [ "$(ctr ps --format '{{.Names}} {{.State}}')" = 'web running' ]
  run -0 ctr inspect --format '{{.State.Status}} {{.State.Running}} {{.State.Paused}}' web
  assert_output 'running true false'
}

@test "pause and unpause of what does not run" {
  id=$(ctr create --name web "$IMAGE")
  run -125 ctr pause web
  assert_output "Error: \"created\" is not running, can't pause: container state improper"
  run -125 ctr unpause web
  assert_output "Error: \"$id\" is not paused, can't unpause: container state improper"
  for verb in pause unpause; do
    run -125 ctr "$verb" nosuch
    assert_contains 'Error: no container with name or ID "nosuch" found: no such container'
    run -125 ctr "$verb"
    assert_contains 'you must provide at least one name or id'
    run -125 ctr "$verb" --all web
    assert_contains '--all and arguments cannot be used together'
    # Nothing of the kind is no error.
    run -0 ctr "$verb" --all
    assert_output ''
    run -125 ctr "container" "$verb" --latest
    assert_contains 'container state improper'
  done
}

@test "without cgroup v2 update refuses limits by name and leaves the record alone" {
  without_cgroups
  id=$(ctr create --name web "$IMAGE" true)
  before=$(cat "$XDG_DATA_HOME/ctr/containers/$id/container.json" "$XDG_DATA_HOME/ctr/containers/$id/config.json")
  run -125 ctr update --memory 64m web
  assert_contains 'Error: memory cannot be limited: '
  run -125 ctr container update --cpus 0.5 web
  assert_contains 'Error: cpu cannot be limited: '
  after=$(cat "$XDG_DATA_HOME/ctr/containers/$id/container.json" "$XDG_DATA_HOME/ctr/containers/$id/config.json")
  [ "$before" = "$after" ]
}

@test "update checks its words, and prints the id" {
  id=$(ctr create --name web "$IMAGE" true)
  run -0 ctr update web
  assert_output "$id"
  run -125 ctr update --memory much web
  assert_contains "much"
  run -125 ctr update --cpus none web
  assert_contains "'none' is not a valid number for --cpus"
  run -125 ctr update --cpus 1 --cpu-quota 1000 web
  assert_contains '--cpus cannot be combined with --cpu-period or --cpu-quota'
  run -125 ctr update --pids-limit -2 web
  assert_contains '--pids-limit -2: is negative'
  run -125 ctr update --memory 64m --memory-swap 32m web
  assert_contains 'below the limit of memory'
  run -125 ctr update --memory-swap 32m web
  assert_contains 'swap cannot be limited without a limit of memory'
  run -125 ctr update --blkio-weight 100 web
  assert_contains '--blkio-weight: this limit needs a controller that a normal user is not given'
  run -125 ctr update nosuch
  assert_contains 'no container with name or ID "nosuch" found: no such container'
  run -125 ctr update
  assert_contains "See 'ctr update --help'"
}

@test "stats without cgroup v2, and its words" {
  without_cgroups
  run -125 ctr stats --no-stream
  assert_needs_cgroup stats
  run -125 ctr container stats --no-stream nosuch
  assert_needs_cgroup stats
  run -125 ctr stats --all web
  assert_contains 'Error: --all, --latest and containers cannot be used together'
  for seconds in 0 -1; do
    run -125 ctr stats --interval "$seconds"
    assert_contains 'Error: invalid interval, must be a positive number greater zero'
  done
}
