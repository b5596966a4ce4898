#!/usr/bin/env bats
# Exit codes and texts that scripts look for.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

@test "an unknown command is named and ends with 125" {
  run -125 --separate-stderr ctr nosuch
  [ -z "$output" ]
  [ "$stderr" = $'Error: unrecognized command `ctr nosuch`\nTry \'ctr --help\' for more information' ] || fail "$stderr"
}

@test "a wrong option is named with the command whose help knows more" {
  run -125 ctr run --nosuch "$IMAGE"
  assert_output $'Error: unknown flag: --nosuch\nSee \'ctr run --help\''
  run -125 ctr ps -Z
  assert_line "Error: unknown shorthand flag: 'Z' in -Z"
  run -125 ctr run --name
  assert_line 'Error: flag needs an argument: --name'
  run -125 ctr run
  assert_line "See 'ctr run --help'"
}

@test "options of a later version are refused in one line" {
  run -125 ctr run -p 80:80 "$IMAGE"
  assert_output 'Error: -p: ports cannot be published yet; use --network host'
  run -125 ctr create --pod x "$IMAGE"
  assert_output 'Error: --pod: pods are not supported yet'
  run -125 ctr run --network mynet "$IMAGE"
  assert_line 'Error: --network mynet: named networks are not supported yet'
}

@test "verbs on containers name the one that does not exist" {
  for verb in start stop kill wait logs exec attach restart; do
    words=(nosuch)
    [ "$verb" != exec ] || words+=(true)
    run -125 ctr "$verb" "${words[@]}"
    assert_contains 'no container with name or ID "nosuch" found: no such container'
  done
}

@test "rm of a missing container ends with 1, of a running one with 2" {
  run -1 ctr rm nosuch
  assert_output 'Error: no container with ID or name "nosuch" found: no such container'
  run -0 ctr rm -f nosuch
  assert_output ''
  run -0 ctr rm --ignore nosuch
  assert_output ''
  ctr run -d --name busy --network none "$IMAGE" sleep 100
  run -2 ctr rm busy
  assert_contains 'as it is running - running or paused containers cannot be removed without force'
  run -0 ctr rm -f -t 0 busy
  assert_output busy
}

@test "rmi of a missing image ends with 1, of one in use with 2" {
  run -1 ctr rmi nosuch
  assert_contains 'nosuch: image not known'
  run -0 ctr rmi -f nosuch
  ctr create --name user "$IMAGE" >/dev/null
  run -2 ctr rmi "$IMAGE"
  assert_contains 'image is in use by a container'
}

@test "a name that is taken is refused" {
  ctr create --name twice "$IMAGE" >/dev/null
  run -125 ctr create --name twice "$IMAGE"
  assert_contains 'the container name "twice" is already in use'
  run -0 ctr create --name twice --replace "$IMAGE"
  assert_match '^[0-9a-f]{64}$'
}

@test "run ends with the code of the program, 126 or 127 when it cannot start" {
  run -42 ctr run --rm --network none "$IMAGE" sh -c 'exit 42'
  ctr run -d --name killed --network none "$IMAGE" sleep 100 >/dev/null
  ctr kill killed
  run -0 ctr wait killed
  assert_output 137
  run -127 ctr run --rm --network none "$IMAGE" nosuchcommand
  assert_contains 'not found in $PATH'
  run -126 ctr run --rm --network none "$IMAGE" /etc
  run -127 ctr run --rm --network none "$IMAGE" /nosuch/file
}

@test "a failed start removes the container only with --rm" {
  run -127 ctr run --rm --name gone --network none "$IMAGE" nosuchcommand
  run -1 ctr container exists gone
  run -127 ctr run --name kept --network none "$IMAGE" nosuchcommand
  run -0 ctr container exists kept
}

@test "exists answers with 0 and 1 and prints nothing" {
  ctr create --name here "$IMAGE" >/dev/null
  run -0 ctr container exists here
  assert_output ''
  run -1 ctr container exists nosuch
  assert_output ''
  run -0 ctr image exists "$IMAGE"
  run -1 ctr image exists nosuch
  assert_output ''
}

@test "a signal that does not exist is named" {
  ctr create --name sig "$IMAGE" >/dev/null
  run -125 ctr kill -s NOSUCH sig
  assert_output 'Error: invalid signal: NOSUCH'
}

@test "--pull=never does not ask a registry" {
  run -125 ctr run --pull=never "$REGISTRY/no/such:1"
  assert_contains 'image not known'
}

@test "a mount source that does not exist is named" {
  run -125 ctr run --rm -v /nosuch/dir:/x "$IMAGE" true
  assert_contains '/nosuch/dir'
  assert_contains 'no such file or directory'
}

@test "an id file is written once and refused afterwards" {
  ctr create --cidfile "$file_dir/cid" "$IMAGE" >"$file_dir/id"
  [ "$(cat "$file_dir/cid")" = "$(cat "$file_dir/id")" ]
  run -125 ctr create --cidfile "$file_dir/cid" "$IMAGE"
  assert_contains 'container id file exists'
  run -0 ctr rm --cidfile "$file_dir/cid"
  rm -f "$file_dir/cid"
}

@test "-t without a terminal warns and goes on" {
  run -0 --separate-stderr ctr run --rm -it --network none "$IMAGE" true </dev/null
  [[ $stderr == *'The input device is not a TTY'* ]] || fail "stderr: $stderr"
}
