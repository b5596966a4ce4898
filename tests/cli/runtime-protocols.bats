#!/usr/bin/env bats
# ctr runtime: what it hands to its callers and to the program: terminals, descriptors, pidfds.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; commands of the container are meant literally
load helpers
load runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() { new_bundle; }
teardown() { assert_no_containers; }

# receive SOCKET: in the background; what it prints is in $bundle/received.
receive() {
  "$cli_dir/receive-descriptor" "$1" >"$bundle/received" 2>&1 3>&- &
  receiver=$!
  wait_for test -S "$1"
}

@test "the terminal's master goes to the console socket, also through a long path" {
  config '.process.terminal = true'
  script 'test -t 0 && test -t 1 && tty && stat -c %a /dev/console && echo done'
  local long
  long=$bundle/$(printf 'd%.0s' {1..120})
  mkdir "$long"
  receive "$long/console"
  rt create --console-socket "$long/console" box
  rt start box
  wait "$receiver"
  run -0 cat received
  assert_output $'/dev/ptmx\n/dev/pts/0\n620\ndone'
}

@test "a terminal without a socket to send it to is refused, and a socket without a terminal" {
  run -1 rt create --console-socket "$bundle/nosuch" box
  assert_contains 'process.terminal is false'
  config '.process.terminal = true'
  run -1 rt create box
  assert_contains 'use --console-socket with --detach when a terminal is used'
  run -1 rt run -d box
  assert_contains 'use --console-socket with --detach when a terminal is used'
  run -1 rt create --console-socket "$bundle/nosuch" box
  assert_contains 'No such file or directory'
}

@test "run in the foreground gives the program a terminal though the caller has none" {
  config '.process.terminal = true'
  script 'test -t 1 && echo terminal; exit 5'
  run -5 rt run box </dev/null
  assert_output terminal
}

@test "a pidfd of the first process goes to its socket" {
  script 'sleep 1000'
  receive "$bundle/pidfd"
  rt run -d --pidfd-socket "$bundle/pidfd" box
  wait_for grep -q pidfd received
  rt kill box KILL
  wait "$receiver"
  run -0 cat received
  assert_output $'pidfd\nended'
}

@test "descriptors that are to be preserved reach the program, others do not" {
  echo three >three
  echo four >four
  script 'cat <&3; cat <&4; test ! -e /proc/self/fd/5 && echo closed'
  run -0 rt run --preserve-fds 2 box 3<three 4<four 5<four
  assert_output $'three\nfour\nclosed'
  run -1 rt run --preserve-fds 1000 box
  assert_contains preserve-fds
}

@test "a descriptor that is to be preserved and is not open is an error" {
  run -1 rt run --preserve-fds 3 box 3</dev/null 4</dev/null 5<&-
  assert_contains 'descriptor 5 is to be passed to the container, but is not open'
}

@test "listening sockets are counted for the program" {
  script 'echo $LISTEN_FDS $LISTEN_PID; cat <&3; cat <&4'
  echo three >three
  echo four >four
  run -0 env LISTEN_FDS=1 ctr-runtime --root "$RUNTIME_ROOT" run --preserve-fds 1 box 3<three 4<four
  assert_output $'1 1\nthree\nfour'
}

@test "a pidfd goes to the receiver that an annotation names" {
  script 'sleep 1000'
  receive "$bundle/pidfd"
  config --arg path "$bundle/pidfd" '.annotations = {"run.oci.pidfd_receiver": $path}'
  rt create box
  wait_for grep -q pidfd received
  rt kill box KILL
  wait "$receiver"
  run -0 cat received
  assert_output $'pidfd\nended'
  rt delete box
  run -1 rt create box
  assert_contains 'annotation run.oci.pidfd_receiver'
}

@test "terminals of run and exec leave line feeds as they are" {
  config '.process.terminal = true'
  script 'stty -a'
  receive "$bundle/console"
  rt create --console-socket "$bundle/console" box
  rt start box
  wait "$receiver"
  run -0 cat received
  assert_contains '-onlcr'
  rt delete box
  config '.process.terminal = false'
  script 'sleep 1000'
  rt run -d box
  run -0 rt exec -t box stty -a </dev/null
  assert_contains '-onlcr'
}
