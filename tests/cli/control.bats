#!/usr/bin/env bats
# pause, unpause, update and stats where containers have no cgroup of their own; tests/vm has the tests with one.
# shellcheck disable=SC2154,SC2016 # helpers set variables
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
  run -125 ctr update --blkio-weight 9 web
  assert_contains 'range of blkio weight is from 10 to 1000'
  run -125 ctr update nosuch
  assert_contains 'no container with name or ID "nosuch" found: no such container'
  run -125 ctr update
  assert_contains 'you must provide at least one name or id'
}

@test "limits of block i/o, files of the cgroup and what only cgroup v1 has" {
  without_cgroups
  local options words
  while IFS='|' read -r options words; do
    # shellcheck disable=SC2086
    run -125 ctr create $options "$IMAGE" true
    assert_contains "$words"
  done <<'END'
--blkio-weight 100|block i/o cannot be limited: 
--cgroup-conf memory.high=1G|'memory.high' cannot be limited: 
--device-read-bps /dev/null:1mb|/dev/null: not a block device
--device-write-iops /dev/nosuch:1|look at the device '/dev/nosuch': No such file or directory
--memory-swappiness 10|memory.swappiness exists with cgroup v1 only
--oom-kill-disable|memory.disableOOMKiller exists with cgroup v1 only
--rdt-class gold|--rdt-class
--device-cgroup-rule x|invalid device cgroup rule requires type, major:Minor, and access rules
END
  # Without a controller of its own podman leaves these alone, with a warning or without.
  run -0 ctr run --rm --network none --cpu-rt-period 1000 --cpu-rt-runtime 10 --device-cgroup-rule 'c 1:3 rwm' \
    --memory-swappiness=-1 "$IMAGE" echo ran
  assert_contains 'Realtime period not supported on cgroups V2 systems'
  assert_contains 'Realtime runtime not supported on cgroups V2 systems'
  assert_contains ran
  run -125 ctr update --memory-swappiness 10 nosuch
  assert_contains 'no such container'
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

@test "update changes variables, and ulimits from the next start on" {
  ctr run -d --network none --name web --env A=1 --env B=2 --ulimit core=0 "$IMAGE" sleep 100
  D=4 run -0 ctr update --env B=3 -e C=x=y -e D --unsetenv A --ulimit nofile=100:200 web
  run -0 ctr exec web sh -c 'echo "$A" $B'
  assert_output ' 3'
  [ "$(ctr exec web sh -c "tr '\0' '\n' </proc/1/environ | grep B=")" = B=2 ]
  ctr restart -t 0 web
  run -0 ctr exec web sh -c 'echo "$A" $B $C $D $(ulimit -Sn) $(ulimit -Hn) $(ulimit -c)'
  assert_output ' 3 x=y 4 100 200 0'
  run -0 ctr inspect --format '{{json .Config.Env}}' web
  assert_contains '"B=3"'
  refute_contains '"A=1"'
}

@test "update changes the health check of what runs" {
  ctr run -d --network none --name web "$IMAGE" sh -c 'touch /well; sleep 100'
  run -125 ctr update --health-interval 1s web
  assert_contains 'the container has no health check whose settings could change'
  run -0 ctr update --health-cmd 'test -e /well' --health-interval 200ms --health-retries 1 web
  wait_for health_is healthy
  run -0 ctr ps --format '{{.Status}}'
  assert_match '^Up .* \((starting|healthy|unhealthy)\)$'
  run -0 ctr update --health-cmd 'test -e /nosuch' web
  wait_for health_is unhealthy
  run -0 ctr inspect --format '{{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}}' web
  assert_output '200000000 1'
  run -0 ctr update --health-on-failure kill web
  wait_for has_ended web
  run -125 ctr update --no-healthcheck --health-cmd true web
  assert_contains 'cannot specify both --no-healthcheck and --health-cmd'
  run -0 ctr update --no-healthcheck web
  run -0 ctr start web
  run -125 ctr healthcheck run web
  run -0 ctr ps --format '{{.Status}}'
  assert_match '^Up [^(]*$'
}
health_is() { [ "$(ctr inspect --format '{{.State.Health.Status}}' web)" = "$1" ]; }
has_ended() { [ "$(ctr inspect --format '{{.State.Status}}' "$1")" = exited ]; }

@test "update changes the restart policy of what runs" {
  ctr run -d --network none --name web --restart always "$IMAGE" sh -c 'echo started; cat' >/dev/null
  ctr run -d --network none --name once "$IMAGE" \
    sh -c 'trap "exit 3" USR1; echo started; while :; do sleep 0.1; done' >/dev/null
  wait_for started_often web 3
  ctr update --restart no web
  ctr update --restart on-failure:1 once
  wait_for has_ended web
  run -0 ctr inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' once
  assert_output 'on-failure 1'
  wait_for started_often once 1
  ctr kill -s USR1 once
  wait_for started_often once 2
  run -125 ctr update --restart sometimes once
  ctr run -d --rm --network none --name gone "$IMAGE" sleep 100
  run -125 ctr update --restart always gone
  assert_contains '--rm'
  run -125 ctr update --latest gone
  assert_contains '--latest and arguments cannot be used together'
}
started_often() { [ "$(ctr logs "$1" 2>/dev/null | grep -c started)" -ge "$2" ]; }
