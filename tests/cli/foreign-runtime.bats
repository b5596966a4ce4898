#!/usr/bin/env bats
# ctr run --runtime: containers that crun makes, with everything else as ever.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() {
  assert_nothing_left
  local left
  left=$(find "$XDG_RUNTIME_DIR" -name 'tty-*' -o -name crun -o -path '*/containers/*') || true
  [ -z "$left" ] || fail "left in the runtime directory: $left"
}

runs() { run ctr run --rm --network none --runtime crun "$@"; }
is_gone() { ! [ -e "/proc/$1" ]; }
log_has() { ctr logs "$1" | grep -qx "$2"; }

@test "a container of crun prints what its program prints, and ends with its code" {
  runs "$IMAGE" sh -c 'echo out; echo err >&2; exit 7'
  assert_status 7
  assert_line out
  assert_line err
  run ctr run --rm -i --network none --runtime /usr/bin/crun "$IMAGE" cat <<<'through crun'
  assert_output 'through crun'
}

@test "what crun runs is what the options say" {
  mkdir -p "$file_dir/v"
  echo data >"$file_dir/v/f"
  runs --user 1000:100 --workdir /tmp -e A=b --hostname box1 --read-only -v "$file_dir/v:/v:ro" --cap-drop all \
    --add-host other:10.0.0.9 --umask 077 --init "$IMAGE" sh -c 'echo "$(id -u):$(id -g) $(pwd) $A $(hostname) $(umask)"
      cat /v/f; grep 10.0.0.9 /etc/hosts; grep -E "^(CapBnd|Seccomp):" /proc/self/status; touch /x; ps'
  assert_status 0
  assert_line '1000:100 /tmp b box1 0077'
  assert_line data
  assert_contains '10.0.0.9'
  assert_match 'CapBnd:.0000000000000000'
  assert_match 'Seccomp:.2'
  assert_contains 'Read-only file system'
  assert_contains '/run/podman-init -- sh'
}

@test "the ids and the network are the same as without crun" {
  runs "$IMAGE" sh -c 'cat /proc/self/uid_map; ls /sys/class/net'
  local with=$output
  run ctr run --rm --network none "$IMAGE" sh -c 'cat /proc/self/uid_map; ls /sys/class/net'
  [ "$output" = "$with" ] || fail "$with" "$output"
  run ctr run --rm --runtime crun "$IMAGE" ls /sys/class/net
  assert_line eth0
  run ctr run --rm --network host --runtime crun "$IMAGE" ls -l /proc/self/ns/net
  assert_contains "$(readlink /proc/self/ns/net)"
}

@test "a detached container of crun is listed, logged, executed in, stopped, started again and removed" {
  ctr run -d --name box --network none --runtime crun "$IMAGE" \
    sh -c 'trap "echo bye; exit 3" TERM; echo hello; while :; do sleep 0.1; done'
  wait_for log_has box hello
  run ctr ps --format '{{.Names}} {{.State}}'
  assert_output 'box running'
  run ctr inspect --format '{{.OCIRuntime}} {{.State.Status}}' box
  assert_output '/usr/bin/crun running'
  grep -q crun "$(ctr inspect --format '{{.OCIConfigPath}}' box | sed 's/config.json$/launch.json/')"
  run ctr exec -e Q=r -w /tmp box sh -c 'echo "$Q $(pwd) $(readlink /proc/1/ns/pid)"; exit 5'
  assert_status 5
  assert_line "r /tmp $(ctr exec box readlink /proc/self/ns/pid)"
  run ctr exec box ps
  assert_match '1 +root +sh -c trap'
  ctr stop box
  [ "$(ctr wait box)" = 3 ]
  run ctr logs box
  assert_output "$(printf 'hello\nbye')"
  ctr start box
  wait_for ctr exec box true
  ctr kill --signal KILL box
  [ "$(ctr wait box)" = 137 ]
  ctr rm box
  [ -z "$(ctr ps -aq)" ]
}

@test "create and start are two steps with crun too" {
  ctr create --name box --network none --runtime crun "$IMAGE" sh -c 'echo started; exit 4'
  run ctr start --attach box
  assert_status 4
  assert_output started
}

@test "run -it with crun is a terminal" {
  run -3 "$cli_dir/on-terminal" 'expect:# ' 'send:tty; stty size; exit 3\r' -- \
    ctr run --rm -it --network none --runtime crun "$IMAGE"
  assert_line /dev/pts/0
  assert_line '24 80'
}

@test "a command that crun does not find is 127, one it cannot execute 126" {
  run -127 ctr run --rm --network none --runtime crun "$IMAGE" nosuchcmd
  assert_output 'Error: crun: executable file `nosuchcmd` not found in $PATH: No such file or directory'
  runs "$IMAGE" /etc/passwd
  assert_status 126
}

@test "a runtime that is missing, or is none, is an error before anything is made" {
  run ctr run --rm --network none --runtime nosuchruntime "$IMAGE" true
  assert_status 125
  assert_output 'Error: OCI runtime "nosuchruntime" not found'
  run ctr run --network none --runtime "$file_dir" "$IMAGE" true
  assert_status 125
  run ctr run --network none --name left --runtime /bin/false "$IMAGE" true
  assert_status 125
  assert_output "Error: false: 'create' failed with exit code 1"
  printf 'no program' >"$file_dir/none"
  chmod +x "$file_dir/none"
  run ctr run --rm --network none --runtime "$file_dir/none" "$IMAGE" true
  assert_status 125
  assert_contains 'does not run'
  run -1 ctr container exists left
}

@test "what another runtime would ignore is refused by name" {
  runs --pid host "$IMAGE" true
  assert_status 125
  assert_contains '--pid host'
  runs --userns keep-id "$IMAGE" true
  assert_status 125
  assert_contains '--userns'
  [ -z "$(ctr ps -aq)" ]
}

@test "--runtime ctr is ctr itself" {
  ctr run --name box --network none --runtime ctr "$IMAGE" true
  run ctr inspect --format '{{.OCIRuntime}}' box
  assert_output ctr
}

@test "a container of crun outlives a killed monitor, and can be stopped, started again and removed" {
  ctr run -d --name box --network none --runtime crun "$IMAGE" sleep 100
  local monitor
  monitor=$(ctr inspect --format '{{.State.ConmonPid}}' box)
  kill -KILL "$monitor"
  wait_for is_gone "$monitor"
  run ctr ps --format '{{.Names}} {{.State}}'
  assert_output 'box running'
  ctr stop -t 0 box
  ctr start box
  wait_for ctr exec box true
  ctr rm -f -t 0 box
}

@test "update of a container whose monitor is gone counts from the next start on" {
  ctr run -d --name box --network none --runtime crun "$IMAGE" sleep 100 >/dev/null
  monitor=$(ctr inspect --format '{{.State.ConmonPid}}' box)
  kill -9 "$monitor"
  wait_for is_gone "$monitor"
  run -0 --separate-stderr ctr update --restart on-failure:3 --health-cmd true box
  assert_match '^[0-9a-f]{64}$'
  [[ $stderr == *'is gone: the change counts from its next start on'* ]] || fail "$stderr"
  run -0 ctr inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.Config.Healthcheck.Test}}' box
  assert_output 'on-failure [CMD-SHELL true]'
  ctr rm -f -t 0 box
}
