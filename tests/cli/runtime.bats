#!/usr/bin/env bats
# ctr runtime: the life of a container, by the words of crun and runc.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; commands of the container are meant literally
load helpers
load runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() { new_bundle; }
teardown() { assert_no_containers; }

@test "run gives output and exit code, and leaves nothing" {
  script 'echo out; echo err >&2; exit 7'
  run -7 --separate-stderr rt run box
  assert_output out
  [ "$stderr" = err ] || fail "stderr: $stderr"
}

@test "the exit code of a program that a signal ended is 128 and the signal" {
  # The first process of a pid namespace ignores what it sends to itself: its child tells.
  script 'sh -c "kill -TERM \$\$"; exit $?'
  run -143 rt run box
}

@test "the program of a created container does not run before the start" {
  script 'echo run >>/tmp/marker; sleep 1000'
  rt create --pid-file pid box
  [ "$(pid_of box)" = "$(cat pid)" ] || fail "pid file: $(cat pid)"
  [ "$(tail -c 1 pid)" != '' ] || fail 'the pid file ends in a newline'
  [ "$(state_of box)" = created ] || fail "$(state_of box)"
  [ ! -e rootfs/tmp/marker ] || fail 'it runs already'
  rt start box
  [ "$(state_of box)" = running ] || fail "$(state_of box)"
  wait_for test -e rootfs/tmp/marker
  rt kill box KILL
  wait_for has_status box stopped
  [ "$(pid_of box)" = 0 ] || fail "pid $(pid_of box)"
  [ "$(wc -l <rootfs/tmp/marker)" = 1 ] || fail 'it ran more than once'
}

@test "the state is the specification's" {
  config '.annotations = {"org.example": "yes"}'
  rt create box
  run -0 rt state box
  jq -e --arg bundle "$bundle" '.ociVersion == "1.0.2" and .id == "box" and .status == "created" and .bundle == $bundle
    and .annotations["org.example"] == "yes" and (.pid | type) == "number" and .rootfs == $bundle + "/rootfs"' <<<"$output"
}

@test "changes of the configuration after create have no effect" {
  script 'echo first >/tmp/which'
  rt create box
  script 'echo second >/tmp/which'
  rt start box
  wait_for has_status box stopped
  [ "$(cat rootfs/tmp/which)" = first ] || fail "$(cat rootfs/tmp/which)"
}

@test "the program has the standard streams and no other descriptor" {
  script 'ls /proc/self/fd'
  run -0 rt run box 7</etc/passwd 9</dev/null
  # The fourth is of ls itself.
  assert_output $'0\n1\n2\n3'
}

@test "start is refused unless the container is created" {
  run -1 rt start box
  assert_contains "container 'box' does not exist"
  script 'sleep 1000'
  rt run -d box
  run -1 rt start box
  assert_contains 'cannot start container'
  [ "$(state_of box)" = running ] || fail "$(state_of box)"
  rt kill box KILL
  wait_for has_status box stopped
  run -1 rt start box
}

@test "ids: missing, invalid, taken, and free again" {
  run -1 rt create
  run -1 rt create ''
  for id in .. ../box a/b 'a b' .a; do
    run -1 rt create "$id"
    assert_contains 'invalid container id'
  done
  rt create box
  run -1 rt create box
  assert_contains "container 'box' already exists"
  [ "$(state_of box)" = created ] || fail "$(state_of box)"
  rt delete box
  run -1 rt state box
  rt create box
}

@test "a create that fails leaves nothing behind" {
  mkdir "$file_dir/other"
  run -1 rt create --bundle "$file_dir/other" box
  assert_contains 'No such file or directory'
  config '.root.path = "nosuch"'
  run -1 rt create box
  config '.root.path = "rootfs" | .process.args = ["nosuch"]'
  run -1 rt create box
  assert_contains 'executable file `nosuch` not found in $PATH: No such file or directory'
  config '.process.args = ["true"] | .mounts += [{destination: "/x", type: "bind", source: "/nosuch", options: ["bind"]}]'
  run -1 rt create --pid-file pid box
  [ ! -e pid ] || fail 'a pid file is left'
  [ -z "$(ls -A "$RUNTIME_ROOT")" ] || fail "left: $(ls -A "$RUNTIME_ROOT")"
}

@test "a program that cannot be executed is reported by start" {
  printf '#!/nosuch/interpreter\n' >rootfs/bin/broken
  chmod +x rootfs/bin/broken
  config '.process.args = ["broken"]'
  rt create box
  run -1 rt start box
  assert_contains 'the interpreter or loader of `broken` is missing: No such file or directory'
  wait_for has_status box stopped
}

@test "kill sends the signal that is named, by name or number" {
  script 'trap "echo term >>/tmp/got" TERM; trap "echo usr1 >>/tmp/got" USR1; trap "echo rt >>/tmp/got" 35
    echo ready >/tmp/got; while :; do sleep 0.05; done'
  rt run -d box
  wait_for test -s rootfs/tmp/got
  local signal count=1
  for signal in '' TERM SIGTERM 15 SIGUSR1 10 RTMIN+1; do
    # shellcheck disable=SC2086 # no signal is no word
    rt kill box $signal
    count=$((count + 1))
    wait_for has_lines rootfs/tmp/got "$count"
  done
  [ "$(tr '\n' ' ' <rootfs/tmp/got)" = 'ready term term term term usr1 usr1 rt ' ] || fail "$(cat rootfs/tmp/got)"
  run -1 rt kill box NOSUCH
  rt kill box KILL
  wait_for has_status box stopped
  run -1 rt kill box
  assert_contains 'container not running'
  run -1 rt kill nosuch
}

has_lines() { [ "$(wc -l <"$1")" = "$2" ]; }

@test "delete takes what has ended or waits; with force also what runs or is not there" {
  run -1 rt delete box
  rt delete --force box
  rt create box
  rt delete box
  script 'sleep 1000'
  rt run -d box
  run -1 rt delete box
  assert_contains 'it is running'
  rt delete --force box
  run -1 rt state box
}

@test "list shows ids, tables and JSON, and nothing for a root that is not there" {
  script 'sleep 1000'
  rt create one
  rt run -d two
  run -0 rt list -q
  assert_output $'one\ntwo'
  run -0 rt list
  assert_match '^ID +PID +STATUS +BUNDLE +CREATED +OWNER'
  assert_match "two +[0-9]+ +running +$bundle"
  run -0 rt list --format json
  jq -e 'map(.id + " " + .status) == ["one created", "two running"]' <<<"$output"
  run -0 ctr-runtime --root "$file_dir/nosuch" list -q
  assert_output ''
}

@test "messages go to the log as JSON, one object a line" {
  run -1 rt --log "$file_dir/log" --log-format json state nosuch
  run -1 rt --log "$file_dir/log" --log-format json nosuch
  jq -e -s 'map(.level) == ["error", "error"] and (map(.time | fromdateiso8601) | length) == 2
    and .[0].msg == "container '"'nosuch'"' does not exist"' "$file_dir/log"
}

@test "words that are wrong are named" {
  run -1 rt nosuch
  assert_contains "unknown command 'nosuch'"
  run -1 rt --nosuch
  assert_contains "unknown option '--nosuch'"
  run -1 rt state a b
  assert_contains "does not take the argument 'b'"
  run -125 ctr --root /x runtime list
  assert_contains 'do not stand before'
}

@test "the version of the specification is 1.x" {
  for version in 1.3.0 1.0.2-dev 1.0.0; do
    config --arg version "$version" '.ociVersion = $version'
    rt run box
  done
  for version in 2.0.0 abc 10.0.0 ''; do
    config --arg version "$version" '.ociVersion = $version'
    run -1 rt run box
    assert_contains ociVersion
  done
}

@test "properties that are not known are ignored" {
  config '.foo = 1 | .process.foo = {} | .linux.foo = [1] | .mounts[0].foo = "x"'
  rt run box
}

@test "the program is called by the names of other runtimes" {
  ln -s "$CTR" crun
  ln -s "$CTR" runc
  run -0 ./crun --version
  assert_match '^crun version [0-9]'
  assert_match 'spec: 1\.[0-9]'
  run -0 ./runc start --help
  assert_match '^Usage: runc \[OPTION...\] start CONTAINER'
  run -0 ctr runtime --help
  assert_match '^Usage: ctr runtime'
}

@test "the manager of cgroups is one of three" {
  run -1 rt --cgroup-manager other create box
  assert_contains "--cgroup-manager is cgroupfs, systemd or disabled, not 'other'"
  config '.linux.cgroupsPath = "/a/b"'
  # Without a systemd that reason comes first.
  run -1 rt --systemd-cgroup create box
  assert_match 'needs cgroup v2|needs a systemd|slice:prefix:name'
}

@test "intelRdt is an error that names it on a host without resctrl" {
  ! grep -q ' - resctrl ' /proc/self/mountinfo || skip 'this host has one'
  config '.linux.intelRdt = {l3CacheSchema: "L3:0=f"}'
  run -1 rt create box
  assert_contains 'linux.intelRdt: no resctrl file system is mounted'
  config 'del(.linux.intelRdt)'
  rt create box
  run -1 rt update --mem-bw-schema MB:0=20 box
  assert_contains "cannot update container 'box': it was created without linux.intelRdt"
}

@test "without a cgroup limits are refused, and what works on one says so" {
  config '.linux.resources = {pids: {limit: 3}}'
  run -1 rt --cgroup-manager disabled create box
  assert_contains 'the number of processes cannot be limited'
  config 'del(.linux.resources)'
  rt --cgroup-manager disabled create box
  for verb in pause resume ps events; do
    run -1 rt "$verb" box
    assert_contains "container 'box': it has no cgroup of its own"
  done
  run -1 rt update --pids-limit 3 box
  assert_contains "cannot update container 'box': it has no cgroup of its own"
  run -1 rt update box
  assert_contains 'update: no limit is named'
  rt kill --all box KILL
  wait_for has_status box stopped
  rt delete box
}
