#!/usr/bin/env bats
# ctr runtime exec: one more process in a container.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; commands of the container are meant literally
load helpers
load runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() {
  new_bundle
  script 'sleep 1000'
}
teardown() { assert_no_containers; }

start_box() { rt run -d box; }

@test "exec runs in the container's namespaces, passes the exit code on, and leaves the container" {
  start_box
  run -0 rt exec box sh -c 'hostname; test -e /proc/1/cmdline && tr "\0" " " </proc/1/cmdline 2>/dev/null; pwd'
  assert_contains box
  assert_contains /
  run -7 rt exec box sh -c 'exit 7'
  run -137 rt exec box sh -c 'kill -9 $$'
  [ "$(state_of box)" = running ]
}

@test "what exec itself cannot do ends it with 255" {
  start_box
  run -255 rt exec box nosuch
  assert_contains 'executable file `nosuch` not found'
  run -255 rt exec nosuch true
  assert_contains "container 'nosuch' does not exist"
  run -255 rt exec box
  assert_contains 'needs a command'
  run -255 rt exec -u abc box true
  assert_contains "user 'abc' is not a number"
  run -255 rt exec -u 1: box true
  assert_contains 'is not a number'
}

@test "options change the process: env, cwd, user, no_new_privs, capabilities" {
  config '.process.env += ["KEPT=1"]'
  start_box
  run -0 rt exec -e ADDED=2 --cwd /etc box sh -c 'echo $KEPT $ADDED; pwd'
  assert_output $'1 2\n/etc'
  run -0 rt exec --no-new-privs box grep NoNewPrivs /proc/self/status
  assert_contains 1
  run -0 rt exec -c CAP_KILL box grep CapEff /proc/self/status
  assert_contains 0000000000000020
  run -0 rt exec box grep CapEff /proc/self/status
  assert_contains 0000000000000000
  # No inheritable set is made (CVE-2022-29162).
  run -0 rt exec -c CAP_KILL box grep CapInh /proc/self/status
  assert_contains 0000000000000000
}

@test "a process file is run as it is, and excludes options that change the process" {
  start_box
  jq -n '{user: {uid: 0, gid: 0}, args: ["sh", "-c", "echo $MARK; pwd"], env: ["PATH=/bin", "MARK=here"], cwd: "/etc"}' \
    >process.json
  run -0 rt exec --process process.json box
  assert_output $'here\n/etc'
  run -255 rt exec --process process.json --cwd / box
  assert_contains '--process and --cwd exclude each other'
  run -255 rt exec --process process.json box true
  assert_contains '--process and a command exclude each other'
}

@test "exec as conmon calls it: detached, with a pid file, descriptors and a terminal's socket" {
  start_box
  jq -n '{user: {uid: 0, gid: 0}, args: ["sh", "-c", "cat <&3 >/tmp/three; sleep 1000"], env: ["PATH=/bin"], cwd: "/"}' \
    >process.json
  echo three >three
  rt exec --pid-file "$bundle/pid" --process process.json --detach --preserve-fds 1 box 3<three
  [ -d "/proc/$(cat pid)" ]
  wait_for grep -q three rootfs/tmp/three
  jq '.terminal = true | .args = ["sh", "-c", "tty && echo done"]' process.json >terminal.json
  run -255 rt exec --process terminal.json --detach box
  assert_contains 'use --console-socket with --detach when a terminal is used'
  "$cli_dir/receive-descriptor" "$bundle/console" >received 2>&1 3>&- &
  local receiver=$!
  wait_for test -S console
  rt exec --pid-file "$bundle/pid2" --process terminal.json --detach --console-socket "$bundle/console" box
  wait "$receiver"
  run -0 cat received
  assert_contains 'done'
}

@test "exec in the foreground with a terminal though the caller has none" {
  start_box
  run -0 rt exec -t box sh -c 'test -t 0 && test -t 1 && echo terminal' </dev/null
  assert_contains terminal
}

@test "exec is refused in a container that has ended" {
  start_box
  rt kill box KILL
  wait_for has_status box stopped
  run -255 rt exec box true
  assert_contains "cannot execute in container 'box': it is stopped"
}

@test "the process that joins cannot be looked into by the container" {
  # Whoever it is, the container sees it only as the program it has become: no process whose exe is the engine's.
  script 'while :; do for p in /proc/[0-9]*; do readlink $p/exe; done; done >/tmp/seen 2>/dev/null'
  start_box
  for _ in 1 2 3 4 5 6 7 8; do rt exec box true; done
  rt kill box KILL
  grep -q '^/bin/busybox$' rootfs/tmp/seen
  run ! grep -v '^/bin/busybox$' rootfs/tmp/seen
}

@test "signals that reach exec and run in the foreground reach the program" {
  start_box
  ctr-runtime --root "$RUNTIME_ROOT" exec box sh -c 'trap "echo got >/tmp/got; exit 3" USR1; echo up >/tmp/up; while :; do sleep 0.1; done' 3>&- &
  local pid=$! code=0
  wait_for test -e rootfs/tmp/up
  kill -USR1 "$pid"
  wait "$pid" || code=$?
  [ "$code" = 3 ]
  rt kill box KILL
  wait_for has_status box stopped
  rt delete box
  script 'trap "exit 4" USR1; echo up >/tmp/up2; while :; do sleep 0.1; done'
  ctr-runtime --root "$RUNTIME_ROOT" run box 3>&- &
  pid=$!
  wait_for test -e rootfs/tmp/up2
  kill -USR1 "$pid"
  code=0
  wait "$pid" || code=$?
  [ "$code" = 4 ]
}

@test "kill and delete take a regular expression for whole names" {
  rt run -d box1
  rt run -d box2
  rt run -d other
  rt kill --regex 'box[12]' KILL
  wait_for has_status box1 stopped
  wait_for has_status box2 stopped
  [ "$(state_of other)" = running ]
  rt delete --regex 'box.*'
  run -0 rt list -q
  assert_output other
  run -1 rt kill --regex '(' KILL
  assert_contains 'is not a regular expression'
}

@test "a container that waits to be started takes more processes, in all its namespaces" {
  config '.linux.namespaces += [{type: "cgroup"}, {type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000}}'
  script 'echo run >>/tmp/marker; sleep 1000'
  rt create box
  run -0 rt exec box sh -c 'hostname; cd /proc/self/ns; for n in cgroup ipc mnt net pid time user uts; do readlink $n; done'
  printf '%s\n' "$output" >first
  [ "$(head -n 1 first)" = box ]
  run -7 rt exec box sh -c 'test -e /tmp/marker || exit 7'
  [ "$(state_of box)" = created ]
  rt start box
  wait_for test -e rootfs/tmp/marker
  run -0 rt exec box sh -c 'hostname; cd /proc/self/ns; for n in cgroup ipc mnt net pid time user uts; do readlink $n; done'
  assert_output "$(cat first)"
  run -0 sh -c 'grep -c : first'
  assert_output 8
}

@test "processes that were executed before the start are held by the filter, and cannot look into what waits" {
  config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
  rt create box
  run -1 rt exec box mkdir /tmp/made
  assert_contains 'Operation not permitted'
  # As root without a user namespace it is a matter of its capabilities, of which it has none here.
  run -1 rt exec box readlink /proc/1/exe
  run -1 rt exec box sh -c 'readlink /proc/1/fd/*'
}

@test "the state of a container that was never started can be executed in after a failed start as well" {
  config '.process.args = ["/bin/late"]'
  printf '#!/nosuch\n' >rootfs/bin/late
  chmod +x rootfs/bin/late
  rt create box
  run -0 rt exec box true
  run -1 rt start box
  assert_contains 'No such file or directory'
  wait_for has_status box stopped
  run -255 rt exec box true
  assert_contains 'it is stopped'
}
