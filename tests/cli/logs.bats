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

@test "who ends a command that goes on and on is not told so" {
  ctr run -d --name slow --network none "$IMAGE" sleep 100 >/dev/null
  for words in 'logs -f slow' 'events --since 0s' 'wait slow'; do
    # shellcheck disable=SC2086 # several words
    run -130 --separate-stderr timeout --preserve-status -s INT 0.5 "$CTR" $words
    [ -z "$stderr" ] || fail "$words: $stderr"
  done
  ctr rm -f -t 0 slow
}

@test "several containers are told apart by id or name, each in a colour of its own" {
  ctr run --name other --network none "$IMAGE" echo else >/dev/null
  run -0 --separate-stderr ctr logs talker other
  assert_line "$(ctr inspect --format '{{.Id}}' talker | cut -c 1-12) one"
  assert_line "$(ctr inspect --format '{{.Id}}' other | cut -c 1-12) else"
  run -0 --separate-stderr ctr logs -n --color --tail 1 talker other
  assert_output $'\e[37mtalker\e[0m three\n\e[31mother\e[0m else'
  ctr rm other
}

@test "several containers are followed side by side until all of them have ended" {
  mkdir "$file_dir/steps"
  step='while [ ! -e /steps/$1 ]; do sleep 0.02; done; echo $1'
  ctr run -d --name first -v "$file_dir/steps:/steps" --network none "$IMAGE" sh -c "$step" sh a >/dev/null
  ctr run -d --name second -v "$file_dir/steps:/steps" --network none "$IMAGE" sh -c "$step" sh b >/dev/null
  timeout 20 "$CTR" logs -f -n first second >"$file_dir/followed" 2>&1 &
  pid=$!
  touch "$file_dir/steps/b"
  wait_for grep -qx 'second b' "$file_dir/followed"
  touch "$file_dir/steps/a"
  wait "$pid"
  [ "$(cat "$file_dir/followed")" = $'second b\nfirst a' ]
  ctr rm -f first second
}

@test "a log that reaches its size starts anew, and the last lines stay" {
  ctr run --name much --network none --log-opt max-size=4k "$IMAGE" sh -c 'seq 1 1000' >/dev/null
  run -0 ctr logs much
  [ "${lines[-1]}" = 1000 ]
  refute_contains $'\n1\n'
  run -0 ctr logs --tail 2 much
  assert_output $'999\n1000'
  log=$(ctr inspect --format '{{.HostConfig.LogConfig.Path}}' much)
  [ "$(stat -c %s "$log")" -le 4096 ] && [ "$(stat -c %s "$log.1")" -le 4096 ]
  ctr rm much
}

@test "a container without a log says so" {
  ctr run --name silent --network none --log-driver none "$IMAGE" echo hello
  run -125 ctr logs silent
  assert_contains "this container is using the 'none' log driver, cannot read logs"
  ctr rm silent
  run -125 ctr run --log-driver journald --network none "$IMAGE" true
  assert_contains 'journald'
}

@test "journald is refused where none runs, before anything is made" {
  [ ! -e /run/systemd/journal/socket ] || return 0
  run -125 ctr create --name j --log-driver journald "$IMAGE"
  assert_contains 'the log driver journald needs systemd-journald, which does not run here'
  assert_contains 'hint: choose --log-driver k8s-file'
  run -1 ctr container exists j
  # What only the configuration of a distribution says is no demand.
  mkdir -p "$XDG_CONFIG_HOME/containers"
  printf '[containers]\nlog_driver = "journald"\n' >"$file_dir/journald.conf"
  CONTAINERS_CONF=$file_dir/journald.conf run -0 ctr run --name k --network none "$IMAGE" echo hello
  run -0 ctr logs k
  assert_output hello
}

@test "options of the journal are checked wherever the log goes" {
  run -125 ctr create --log-opt tag='{{.Nosuch}}' "$IMAGE"
  assert_contains "--log-opt tag: '{{.Nosuch}}' is not known"
  run -125 ctr create --log-opt label=_bad=x "$IMAGE"
  assert_contains "--log-opt label: '_bad=x' is not NAME=VALUE"
  run -0 ctr create --log-opt tag='{{.Name}}' --log-opt label=unit=x "$IMAGE"
}

@test "passthrough-tty is a word for passthrough" {
  run -0 ctr run --name p --log-driver passthrough-tty --network none "$IMAGE" echo straight
  assert_output straight
  [ "$(ctr inspect --format '{{.HostConfig.LogConfig.Type}}' p)" = passthrough-tty ]
  run -125 ctr logs p
  assert_contains "this container is using the 'passthrough-tty' log driver, cannot read logs"
}
