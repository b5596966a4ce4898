#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Health checks: by the monitor and by hand, what they add up to, and what is done about it.

load helpers

setup_file() {
  start_test_file
  pull_busybox
  push_image test/checked:latest '{"layers": [{"busybox": true}], "config": {"Cmd": ["sh"], "Env": ["PATH=/bin:/usr/bin"],
    "Healthcheck": {"Test": ["CMD-SHELL", "echo of the image"], "Interval": 200000000, "Retries": 2}}}' >/dev/null
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

health() { ctr inspect --format '{{.State.Health.Status}}' "$1"; }
is() { [ "$(health "$1")" = "$2" ]; }
state() { ctr inspect --format '{{.State.Status}}' "$1"; }

@test "a container is starting, healthy and unhealthy, and ps says so" {
  ctr run -d --name h --network none --health-cmd 'echo looked; test -e /ok' --health-interval 200ms --health-retries 3 "$IMAGE" sleep 100
  run ctr ps --format '{{.Status}}'
  assert_match '\((starting|unhealthy)\)$'
  wait_for is h unhealthy
  run ctr ps --format '{{.Status}}'
  assert_match '^Up .* \(unhealthy\)$'
  ctr exec h touch /ok
  wait_for is h healthy
  run ctr ps -q --filter health=healthy
  [ -n "$output" ]
  run ctr ps -q --filter health=unhealthy
  assert_output ''
  run ctr inspect --format '{{.State.Health.FailingStreak}} {{len .State.Health.Log}} {{(index .State.Health.Log 0).Output}}' h
  assert_match '^0 [1-5] looked$'
}

@test "healthcheck run: 0, 1 with a word, 125" {
  ctr run -d --name h --network none --health-cmd 'test -e /ok' --health-interval disable --health-retries 2 "$IMAGE" sleep 100
  sleep 0.3
  [ "$(health h)" = starting ]
  run ctr healthcheck run h
  assert_status 1
  assert_output unhealthy
  [ "$(health h)" = starting ]
  run ctr healthcheck run --ignore-result h
  assert_status 0
  assert_output unhealthy
  [ "$(health h)" = unhealthy ]
  ctr exec h touch /ok
  run ctr healthcheck run h
  assert_status 0
  assert_output ''
  [ "$(health h)" = healthy ]
  ctr stop -t 0 h
  run ctr healthcheck run h
  assert_status 125
  assert_contains 'is not running'
  run ctr healthcheck run nosuch
  assert_status 125
  assert_contains 'unable to look up nosuch to perform a health check: no container with name or ID "nosuch" found: no such container'
  ctr run -d --name none --network none "$IMAGE" sleep 100
  run ctr healthcheck run none
  assert_status 125
  assert_contains 'has no defined healthcheck'
}

@test "a check that takes too long is killed and has failed" {
  ctr run -d --name h --network none --health-cmd '["sleep", "50"]' --health-timeout 300ms --health-interval disable "$IMAGE" sleep 100
  run ctr healthcheck run h
  assert_status 125
  assert_contains 'healthcheck command exceeded timeout of 0.3s'
  run ctr inspect --format '{{(index .State.Health.Log 0).ExitCode}} {{.State.Health.FailingStreak}}' h
  assert_output '-1 1'
  run ctr top h comm
  refute_contains 'sleep 50'
  [ "$(ctr exec h sh -c 'ps | grep -c "[s]leep 50"')" = 0 ]
}

@test "of the results five are kept, of their output 500 bytes" {
  ctr run -d --name h --network none --health-cmd 'head -c 100000 /dev/zero | tr "\0" x' --health-interval disable "$IMAGE" sleep 100
  for _ in 1 2 3 4 5 6; do ctr healthcheck run h; done
  run ctr inspect --format '{{len .State.Health.Log}} {{len (index .State.Health.Log 4).Output}}' h
  assert_output '5 500'
  ctr run -d --name few --network none --health-cmd 'echo abcdef' --health-interval disable --health-max-log-count 1 --health-max-log-size 3 "$IMAGE" sleep 100
  ctr healthcheck run few
  ctr healthcheck run few
  run ctr inspect --format '{{len .State.Health.Log}} {{(index .State.Health.Log 0).Output}}' few
  assert_output '1 abc'
}

@test "the image's check is run, changed or left out" {
  ctr run -d --name image --network none "$REGISTRY/test/checked" sleep 100
  wait_for is image healthy
  run ctr inspect --format '{{json .Config.Healthcheck}}' image
  assert_output '{"Test":["CMD-SHELL","echo of the image"],"Interval":200000000,"Timeout":30000000000,"Retries":2}'
  ctr run -d --name other --network none --health-retries 7 --health-interval disable "$REGISTRY/test/checked" sleep 100
  run ctr inspect --format '{{json .Config.Healthcheck}}' other
  assert_output '{"Test":["CMD-SHELL","echo of the image"],"Timeout":30000000000,"Retries":7}'
  ctr run -d --name without --network none --no-healthcheck "$REGISTRY/test/checked" sleep 100
  sleep 0.5
  [ "$(health without)" = '' ]
  run ctr ps --filter name=without --format '{{.Status}}'
  refute_contains '('
}

@test "on failure a container is killed, stopped or restarted" {
  ctr run -d --name kill --network none --health-cmd false --health-interval 100ms --health-retries 2 --health-on-failure kill "$IMAGE" sleep 100
  ctr run -d --name stop --network none --restart always --health-cmd false --health-interval 100ms --health-retries 2 --health-on-failure stop --stop-timeout 0 "$IMAGE" sleep 100
  ctr run -d --name restart --network none --health-cmd 'test -e /ok || { touch /ok; false; }' --health-interval 100ms --health-retries 1 --health-on-failure restart --stop-timeout 0 "$IMAGE" sleep 100
  [ "$(ctr wait kill)" = 137 ]
  ctr wait stop
  wait_for eval '[ "$(ctr inspect --format "{{.State.Status}} {{.RestartCount}} {{.State.Health.Status}}" restart)" = "running 1 healthy" ]'
  [ "$(state kill) $(state stop)" = 'exited exited' ]
  run ctr inspect --format '{{.Config.HealthcheckOnFailureAction}}' stop
  assert_output stop
}

@test "killed when unhealthy, the restart policy holds" {
  ctr run -d --name h --network none --restart on-failure:1 --health-cmd false --health-interval 100ms --health-retries 1 --health-on-failure kill "$IMAGE" sleep 100
  wait_for eval '[ "$(ctr inspect --format "{{.State.Status}} {{.RestartCount}} {{.State.Restarting}}" h)" = "exited 1 false" ]'
}

@test "failures in the start period do not count" {
  ctr run -d --name h --network none --health-cmd false --health-interval 100ms --health-retries 1 --health-start-period 60s "$IMAGE" sleep 100
  wait_for eval '[ "$(ctr inspect --format "{{len .State.Health.Log}}" h)" -ge 2 ]'
  run ctr inspect --format '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' h
  assert_output 'starting 0'
}

@test "the startup check comes first" {
  ctr run -d --name h --network none --health-startup-cmd 'echo startup; test -e /up' --health-startup-interval 100ms \
    --health-cmd 'echo regular' --health-interval 100ms "$IMAGE" sleep 100
  wait_for eval '[ "$(ctr inspect --format "{{len .State.Health.Log}}" h)" -ge 2 ]'
  run ctr inspect --format '{{.State.Health.Status}} {{(index .State.Health.Log 1).Output}}' h
  assert_output 'starting startup'
  ctr exec h touch /up
  wait_for is h healthy
  ctr run -d --name again --network none --health-startup-cmd false --health-startup-interval 100ms --health-startup-retries 2 \
    --health-cmd true --stop-timeout 0 "$IMAGE" sleep 100
  wait_for eval '[ "$(ctr inspect --format "{{.RestartCount}}" again)" -ge 1 ]'
}

@test "wait --condition" {
  ctr run -d --name h --network none --health-cmd 'test -e /ok' --health-interval 100ms --health-retries 1 "$IMAGE" sleep 100
  run ctr wait --condition unhealthy h
  assert_output -1
  ctr exec h touch /ok
  run ctr wait -i 20ms --condition healthy,stopped h
  assert_output -1
  ctr stop -t 0 h
  run ctr wait --condition healthy h
  assert_status 125
  assert_contains 'container is stopped'
  ctr create --name c --network none "$IMAGE" sleep 100
  run ctr wait --condition configured c c
  assert_output $'-1\n-1'
  run ctr wait --condition healthy c
  assert_status 125
  assert_contains 'has no defined healthcheck'
  run ctr wait --condition foo c
  assert_status 125
  assert_contains 'unknown container state: foo: invalid argument'
  ( sleep 0.3; ctr rm c ) &
  run ctr wait --condition removing c
  assert_output -1
}

@test "results go to a directory or into the events as well" {
  mkdir -p "$file_dir/logs"
  id=$(ctr run -d --name h --network none --health-cmd 'echo seen' --health-interval disable \
    --health-log-destination "$file_dir/logs" "$IMAGE" sleep 100)
  ctr healthcheck run h
  [ "$(jq -r '[.Status, .Log[0].Output, .Log[0].ExitCode] | join(" ")' "$file_dir/logs/$id-healthcheck.log")" = 'healthy seen 0' ]
  run ctr inspect --format '{{.Config.HealthLogDestination}} {{len .State.Health.Log}}' h
  assert_output "$file_dir/logs 1"
  ctr run -d --name e --network none --health-cmd 'echo seen' --health-interval disable \
    --health-log-destination events_logger "$IMAGE" sleep 100
  ctr healthcheck run e
  run -0 ctr events --stream=false --filter container=e --filter event=health_status --format json
  [ "$(jq -r '.health_log | fromjson | .Log[0].Output' <<<"$output")" = seen ]
}

@test "wrong options are refused in podman's words" {
  local options line
  while IFS='|' read -r options line; do
    # shellcheck disable=SC2086
    run ctr create $options "$IMAGE"
    assert_status 125
    assert_contains "$line"
  done <<'END'
--health-cmd true --health-interval x|invalid healthcheck-interval: time: invalid duration "x"
--health-cmd true --health-retries 0|healthcheck-retries must be greater than 0
--health-cmd true --health-timeout 0s|healthcheck-timeout must be at least 1 second
--health-cmd true --health-timeout x|invalid healthcheck-timeout: time: invalid duration "x"
--health-cmd true --health-start-period=-1s|healthcheck-start-period must be 0 seconds or greater
--health-cmd true --no-healthcheck|cannot specify both --no-healthcheck and --health-cmd
--health-cmd true --health-on-failure foo|invalid on-failure action "foo" for health check: supported actions are none,kill,restart,stop
--health-on-failure kill|cannot set on-failure action to kill without a health check
--health-startup-cmd true|cannot set a startup health check without a health check
--health-cmd true --health-log-destination /nosuch|--health-log-destination '/nosuch'
END
}
