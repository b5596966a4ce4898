#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Options of run and create that tie a container to others and to the caller: --requires, files of numbers, descriptors,
# accounts, /etc/hosts.

load helpers

setup_file() {
  start_test_file
  pull_busybox
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

runs() { run ctr run --rm --network none "$@"; }

@test "what a container requires is started before it, and stays as long as it does" {
  ctr create --name base --network none "$IMAGE" sleep 100 >/dev/null
  ctr create --name middle --requires base --network none "$IMAGE" sleep 100 >/dev/null
  ctr create --name top --requires base,middle --network none "$IMAGE" true >/dev/null
  run -0 ctr start -a top
  run ctr ps --format '{{.Names}}' --sort names
  assert_output $'base\nmiddle'
  run ctr inspect --format '{{len .Dependencies}} {{index .Dependencies 0}}' top
  assert_output "2 $(ctr inspect --format '{{.Id}}' base)"
  run ctr rm -f -t 0 base
  assert_status 125
  assert_contains 'has dependent containers which must be removed before it: '
  assert_contains 'container already exists'
  run ctr ps --format '{{.Names}}' --sort names
  assert_output $'base\nmiddle'
  top=$(ctr inspect --format '{{.Id}}' top)
  run ctr container prune -f
  assert_output "$top"
  run -0 ctr rm -f -t 0 --depend base
  run ctr ps -aq
  assert_output ''
}

@test "a container cannot require what is not there" {
  runs --requires nosuch "$IMAGE" true
  assert_status 125
  assert_contains 'no container with name or ID "nosuch" found: no such container'
  run ctr ps -aq
  assert_output ''
}

@test "all containers go at once, whoever requires whom" {
  ctr create --name base --network none "$IMAGE" true >/dev/null
  ctr create --name top --requires base --network none "$IMAGE" true >/dev/null
  run -0 ctr rm -a
  run ctr ps -aq
  assert_output ''
}

@test "the numbers of program and monitor are in files" {
  ctr run -d --name c --pidfile "$BATS_TEST_TMPDIR/pid" --conmon-pidfile "$BATS_TEST_TMPDIR/monitor" --network none \
    "$IMAGE" sleep 100 >/dev/null
  run ctr inspect --format '{{.State.Pid}} {{.State.ConmonPid}} {{.PidFile}}' c
  assert_output "$(cat "$BATS_TEST_TMPDIR/pid") $(cat "$BATS_TEST_TMPDIR/monitor") $BATS_TEST_TMPDIR/pid"
  runs --pidfile /nonexistent/pid "$IMAGE" true
  assert_status 125
  assert_contains /nonexistent/pid
  # What cannot be told runs no longer.
  run -125 ctr run -d --name told --pidfile /dev/full --network none "$IMAGE" sleep 100
  assert_contains "write the pid file '/dev/full': No space left on device"
  run -1 ctr container exists told
}

@test "descriptors of the caller are passed on, and no others" {
  echo three >"$BATS_TEST_TMPDIR/3"
  echo five >"$BATS_TEST_TMPDIR/5"
  runs --preserve-fds 1 "$IMAGE" sh -c 'cat <&3' 3<"$BATS_TEST_TMPDIR/3" 5<"$BATS_TEST_TMPDIR/5"
  assert_output three
  runs --preserve-fd 5 "$IMAGE" sh -c 'cat <&5; ls /proc/self/fd/3 /proc/self/fd/4' 5<"$BATS_TEST_TMPDIR/5"
  assert_contains five
  [ "$(grep -c 'No such file' <<<"$output")" -ge 1 ]
  run bash -c 'ctr run --rm --network none --preserve-fds 2 "$IMAGE" true 3<"$BATS_TEST_TMPDIR/3" 4<&-'
  assert_status 125
  assert_contains 'file descriptor 4 is not available - the preserve-fds option requires that file descriptors must be passed'
  ctr run -d --name c --network none "$IMAGE" sleep 100 >/dev/null
  run ctr exec --preserve-fd 5 c sh -c 'cat <&5' 5<"$BATS_TEST_TMPDIR/5"
  assert_output five
  run bash -c 'ctr exec --preserve-fds 1 c true 3<&-'
  assert_status 125
  assert_contains 'file descriptor 3 is not available'
}

@test "the lines of accounts are the caller's choice" {
  runs --user 1234 --passwd-entry '$USERNAME:x:$UID:$GID:mine:/:/bin/no' "$IMAGE" grep mine /etc/passwd
  assert_output '1234:x:1234:0:mine:/:/bin/no'
  runs --user 1234:77 --group-entry 'crowd$GID:x:$GID:$USERLIST' "$IMAGE" grep crowd /etc/group
  assert_output 'crowd77:x:77:1234'
  runs --user 1234 --passwd=false "$IMAGE" sh -c 'cat /etc/passwd 2>/dev/null | grep -c 1234'
  assert_output 0
  me=$(id -un)
  runs --hostuser "$me" "$IMAGE" sh -c "grep -c '^$me:' /etc/passwd"
  assert_output 1
  runs --hostuser nosuchuser "$IMAGE" true
  assert_status 125
  assert_contains 'user: unknown user nosuchuser'
}

@test "an image that was only needed once goes with its container" {
  ctr tag "$IMAGE" once
  runs --rmi once true
  assert_status 0
  run ctr image exists localhost/once
  assert_status 1
  run -0 ctr image exists "$IMAGE"
}

@test "variables can be made from those of the image" {
  runs --env-merge 'PATH=/extra:${PATH}' --env-merge 'X=${NO:-none}' "$IMAGE" /bin/sh -c 'echo $PATH $X'
  assert_output '/extra:/bin:/usr/bin none'
  runs --env-merge bad "$IMAGE" true
  assert_status 125
  assert_contains 'missing `=` for --env-merge substitution bad'
}

@test "/etc/hosts begins with what the caller says, also for a root below the root" {
  echo '10.1.2.3 mine' >"$BATS_TEST_TMPDIR/hosts"
  runs --hosts-file "$BATS_TEST_TMPDIR/hosts" "$IMAGE" cat /etc/hosts
  assert_contains '10.1.2.3'
  runs --hosts-file none --chrootdirs /jail "$IMAGE" sh -c 'cmp /etc/hosts /jail/etc/hosts && cat /jail/etc/hosts'
  assert_status 0
  refute_contains '10.1.2.3'
  runs --hosts-file none --no-hosts "$IMAGE" true
  assert_status 125
}

@test "--init runs the program that is named" {
  runs --init --init-path /nonexistent "$IMAGE" true
  assert_status 125
  assert_contains "--init-path '/nonexistent' does not exist"
}
