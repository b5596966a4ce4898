#!/usr/bin/env bats
# exec: further commands in a running container.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
setup() { ctr run -d --name box --network none -e A=1 -w /tmp "$IMAGE" sleep 1000 >/dev/null; }
teardown() { assert_nothing_left; }

@test "the exit code and both streams are the command's" {
  run -7 --separate-stderr ctr exec box sh -c 'echo out; echo err >&2; exit 7'
  assert_output out
  [ "$stderr" = err ] || fail "stderr: $stderr"
}

@test "variables, user and directory come from the container, or from options" {
  run -0 ctr exec box sh -c 'echo $A; pwd'
  assert_output $'1\n/tmp'
  run -0 ctr exec -e A=2 -w / -u 33 box sh -c 'echo $A; pwd; id -u'
  assert_output $'2\n/\n33'
}

@test "stdin is joined with -i only" {
  run -0 ctr exec -i box cat <<<hello
  assert_output hello
  run -0 ctr exec box cat <<<hello
  assert_output ''
}

@test "a command that is not there or cannot run" {
  run -127 ctr exec box nosuchcommand
  run -126 ctr exec box /etc
}

@test "a container that does not run ends with 255" {
  ctr create --name idle "$IMAGE" >/dev/null
  run -255 ctr exec idle true
  assert_contains 'can only create exec sessions on running containers: container state improper'
}

@test "--privileged lifts the filter and gives all capabilities, to root alone" {
  run -0 ctr exec --privileged box grep -E '^(CapEff|Seccomp):' /proc/self/status
  assert_match $'CapEff:\t0+[137]?f+\n'
  assert_line $'Seccomp:\t0'
  run -0 ctr exec box grep Seccomp: /proc/self/status
  assert_output $'Seccomp:\t2'
  run -0 ctr exec -d --privileged box touch /tmp/detached
  wait_for ctr exec box test -e /tmp/detached
}

@test "a detached command goes on by itself" {
  run -0 ctr exec -d box touch /tmp/done
  assert_match '^[0-9a-f]{64}$'
  wait_for ctr exec box test -e /tmp/done
}

@test "options end at the container" {
  run -0 ctr exec box echo -e --user x
  assert_output '--user x'
}

@test "--cidfile says where a command runs, and leaves all words to it" {
  ctr run -d --cidfile "$file_dir/cid" --network none "$IMAGE" sleep 100
  run -0 ctr exec --cidfile "$file_dir/cid" echo in
  assert_output in
  run -125 ctr exec --cidfile "$file_dir/nosuch" true
  assert_contains 'reading CIDFile'
  run -125 ctr exec --cidfile "$file_dir/cid" --latest true
  assert_contains '--cidfile and --latest cannot be used together'
}

@test "the clean-up of a session that exec has ended finds nothing to do" {
  ctr run -d --name cleaned --network none "$IMAGE" sleep 100
  run -0 ctr container cleanup --exec 0123456789ab cleaned
  assert_output cleaned
  run -0 ctr exec cleaned true
  run -125 ctr container cleanup --exec 0123456789ab nosuch
  run -125 ctr container cleanup --exec 0123456789ab --all
  assert_output 'Error: --exec goes with exactly one container'
  run -125 ctr container cleanup --exec 0123456789ab --rmi cleaned
  ctr rm -f -t 0 cleaned
}
