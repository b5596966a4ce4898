#!/usr/bin/env bats
# config show, and what configuration files do to other commands.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
setup() { conf=$XDG_CONFIG_HOME/containers/containers.conf; }
teardown() {
  rm -rf "$conf" "$conf.d"
  assert_nothing_left
}

@test "what the files come to, and where each value comes from" {
  mkdir -p "$conf.d"
  printf '[containers]\numask = "0077"\n\nenv = ["A=b"]\n' >"$conf"
  printf '[engine]\nstop_timeout = 3\n' >"$conf.d/10.conf"
  run -0 ctr config show
  assert_line '[containers]'
  assert_line 'umask = "0077"'
  assert_line 'env = ["A=b"]'
  assert_line 'stop_timeout = 3'
  assert_line '# userns ='
  run -0 ctr config show --origin
  assert_match "umask = \"0077\" +# $conf:2"
  assert_match "env = \[\"A=b\"\] +# $conf:4"
  assert_match "stop_timeout = 3 +# $conf.d/10.conf:2"
  assert_match 'pids_limit = 2048 +# default'
  run -0 ctr config show --origin --format json
  [ "$(jq -r '.containers.umask | .value + " " + .origin' <<<"$output")" = "0077 $conf:2" ]
  # What is printed can be read again, and comes to the same.
  ctr config show >"$file_dir/shown"
  CONTAINERS_CONF=$file_dir/shown ctr config show | cmp - "$file_dir/shown"
}

@test "an unknown key is one warning with file and line, and stops nothing" {
  printf '[containers]\nlog_driver = "none"\nlog_drvier = "x"\nnum = 1\n[engine]\nnum_locks = 5\n' >"$conf"
  run -0 --separate-stderr ctr run --rm --network none "$IMAGE" echo hello
  assert_output hello
  [ "$(grep -c "unknown key" <<<"$stderr")" = 2 ]
  [ "$(grep -c "$conf:3: unknown key containers.log_drvier" <<<"$stderr")" = 1 ]
}

@test "options that are not given have the values of the files" {
  printf '[containers]\noom_score_adj = 321\nenv_host = true\n[engine]\nruntime = "nosuch-runtime"\n' >"$conf"
  run -125 ctr run --rm --network none "$IMAGE" true
  assert_contains nosuch-runtime
  FROM_HOST=yes run -0 ctr run --runtime ctr --rm --network none "$IMAGE" sh -c 'cat /proc/self/oom_score_adj; echo $FROM_HOST'
  assert_output $'321\nyes'
}

@test "keys that would change something and do not are one warning for each file and table" {
  printf '[containers]\nhooks_dir = ["/x"]\ninterface_name = "y"\n[engine]\nnum_locks = 5\ncompression_level = 3\n' >"$conf"
  run -0 --separate-stderr ctr config show --origin
  [ "$(grep -c 'level=warning' <<<"$stderr")" = 2 ] || fail "$stderr"
  [[ $stderr == *"$conf: without effect in ctr: containers.hooks_dir, containers.interface_name"* ]] || fail "$stderr"
  [[ $stderr == *"$conf: without effect in ctr: engine.compression_level"* ]] || fail "$stderr"
}

@test "events_logger must be a backend that there is" {
  printf '[engine]\nevents_logger = "syslog"\n' >"$conf"
  run -125 ctr config show
  assert_contains 'engine.events_logger is not file, journald or none'
}

@test "label = false is --security-opt label=disable" {
  printf '[containers]\nlabel = false\n' >"$conf"
  ctr create --name unlabelled "$IMAGE" >/dev/null
  run -0 ctr inspect --format '{{.HostConfig.SecurityOpt}}' unlabelled
  assert_contains label=disable
}
