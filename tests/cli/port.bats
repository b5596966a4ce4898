#!/usr/bin/env bats
# port: podman's words where nothing is published.
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { ctr rm -fa -t 0 >/dev/null; assert_nothing_left; }

@test "a container without published ports has nothing to list" {
  ctr create --name web "$IMAGE"
  for words in web 'web 80' 'web 80/udp' -l '-l 80' -a; do
    # shellcheck disable=SC2086 # words are words
    run -0 ctr port $words
    assert_output ''
  done
  run -0 ctr container port web
  assert_output ''
}

@test "what is no container or no port is an error" {
  ctr create --name web "$IMAGE"
  run -125 ctr port nosuch
  assert_contains 'Error: no container with name or ID "nosuch" found: no such container'
  run -125 ctr port
  assert_contains 'Error: you must supply a running container name or id'
  run -125 ctr port -a web
  assert_contains 'Error: no arguments are needed with --all'
  run -125 ctr port -a -l
  assert_contains '--all and --latest cannot be used together'
  run -125 ctr port web 80/tcp/x
  assert_contains "Error: port formats are port/protocol. '80/tcp/x' is invalid"
  for port in http 0x50 65536 ''; do run -125 ctr port web "$port"; done
  run -125 ctr port web 80 81
  assert_contains 'give one port only'
}
