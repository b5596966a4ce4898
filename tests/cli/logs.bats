#!/usr/bin/env bats
# logs: what containers have written.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() {
  start_test_file && pull_busybox
  ctr run --name talker --network none "$IMAGE" sh -c 'echo one; echo two >&2; sleep 0.1; printf three' >/dev/null 2>&1
}
teardown_file() { end_test_file; }

@test "output comes back on the stream it was written to" {
  run -0 --separate-stderr ctr logs talker
  assert_line one
  assert_contains three
  [ "$stderr" = two ] || fail "stderr: $stderr"
}

@test "--tail takes the last lines" {
  run -0 ctr logs --tail 1 talker
  assert_output three
  run -0 ctr logs --tail 0 talker
  assert_output ''
}

@test "-t puts the time in front" {
  run -0 ctr logs -t --tail 1 talker
  assert_match '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+\.[0-9]{9}Z three$'
}

@test "--since and --until cut the log" {
  run -0 ctr logs --since 1h talker
  assert_contains one
  run -0 ctr logs --until 1h talker
  assert_output ''
  run -125 ctr logs --since bogus talker
  assert_contains 'bogus'
}

@test "-n puts the name in front" {
  run -0 --separate-stderr ctr logs -n --tail 1 talker
  assert_output 'talker three'
}

@test "-f ends with the container" {
  ctr run -d --name slow --network none "$IMAGE" sh -c 'echo first; sleep 0.5; echo last' >/dev/null
  run -0 timeout 10 ctr logs -f slow
  assert_output $'first\nlast'
  ctr rm slow
}
