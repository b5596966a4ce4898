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

@test "a word that is nearly right is recognised" {
  run -125 ctr run --nam x "$IMAGE"
  assert_output $'Error: unknown flag: --nam\nhint: Did you mean \'--name\'? See \'ctr run --help\''
  run -125 ctr pul
  assert_output $'Error: unrecognized command `ctr pul`\nhint: Did you mean \'ctr pull\'? Try \'ctr --help\' for more information'
  run -125 ctr volume lst
  assert_contains "Did you mean 'ctr volume ls'?"
}

@test "commands that ctr does not have are refused with the reason" {
  run -125 ctr buildx build .
  assert_contains 'ctr buildx: images cannot be built yet'
  run -125 ctr system service
  assert_contains 'ctr system service: there is no API socket yet'
}

@test "--error-format json tells each failure as one object with its exit code" {
  run -125 --separate-stderr ctr --error-format=json run --nam x "$IMAGE"
  [ -z "$output" ]
  [ "$(jq -r '.level + " " + .code + " " + .message + " " + (.exitCode | tostring)' <<<"$stderr")" = \
    'error invalid unknown flag: --nam 125' ] || fail "$stderr"
  [ "$(jq -r .hint <<<"$stderr")" = "Did you mean '--name'? See 'ctr run --help'" ] || fail "$stderr"
  run -127 --separate-stderr ctr run --error-format json --rm --network none "$IMAGE" nosuchcommand
  [ "$(jq -r '.code + " " + (.errno | tostring) + " " + (.exitCode | tostring)' <<<"$stderr")" = \
    'command_not_found 2 127' ] || fail "$stderr"
  run -126 --separate-stderr ctr --error-format json run --rm --network none "$IMAGE" /etc
  [ "$(jq -r .exitCode <<<"$stderr")" = 126 ] || fail "$stderr"
  CTR_ERROR_FORMAT=json run -1 --separate-stderr ctr rm nosuch other
  [ "$(jq -sc 'map(.exitCode)' <<<"$stderr")" = '[1,1]' ] || fail "$stderr"
  CTR_ERROR_FORMAT=json run -125 --separate-stderr ctr pull -q "$REGISTRY/no/such:1"
  [ "$(jq -r '.code + " " + (.causes | length > 1 | tostring)' <<<"$stderr")" = 'not_found true' ] || fail "$stderr"
  CTR_ERROR_FORMAT=json run -125 --separate-stderr ctr --error-format text nosuch
  [[ $stderr == 'Error: unrecognized command'* ]] || fail "$stderr"
  # What belongs to the program in the container is its own.
  run -125 ctr run --nosuch "$IMAGE" program --error-format=json
  assert_contains 'Error: unknown flag: --nosuch'
}

@test "warnings are objects of the same kind" {
  run -0 --separate-stderr ctr --error-format json run --rm -it --network none "$IMAGE" true </dev/null
  [ "$(jq -r .level <<<"$stderr")" = warning ] || fail "$stderr"
}

@test "a word for the format of errors that is none is refused" {
  run -125 ctr --error-format xml ps
  assert_output 'Error: --error-format xml: choose text or json'
  CTR_ERROR_FORMAT=xml run -125 ctr ps
  assert_output 'Error: CTR_ERROR_FORMAT xml: choose text or json'
}

# Everything that a container could leave in the store.
traces() {
  ctr ps -aq --no-trunc
  ctr volume ls -q
  find "$XDG_DATA_HOME/ctr/containers" "$XDG_DATA_HOME/ctr/names" "$XDG_RUNTIME_DIR/ctr/containers" -mindepth 1 \
    -maxdepth 1 ! -name .staging 2>/dev/null | sort
}

@test "run and create that fail leave nothing behind" {
  ctr create --name taken "$IMAGE" >/dev/null
  ctr volume create kept >/dev/null
  local before words volumes
  before=$(traces)
  while IFS= read -r words; do
    eval "words=($words)"
    # Each would make an anonymous volume, and a named one; that stays where a container came to be, as after any run.
    volumes=(-v /anonymous -v fresh:/fresh)
    [ "${words[1]}" != --rm ] || volumes=(-v /anonymous)
    status=0
    output=$(ctr "${words[0]}" "${volumes[@]}" --cidfile "$file_dir/failed.cid" --network none "${words[@]:1}" 2>&1) || status=$?
    [ "$status" -ge 125 ] && [ "$status" -le 127 ] || fail "exit code $status of: ${words[*]}" "$output"
    [ "$(traces)" = "$before" ] || fail "left by: ${words[*]}" "$(traces)"
    [ ! -e "$file_dir/failed.cid" ] || fail "an id file is left by: ${words[*]}"
  done <<'END'
create --name taken "$IMAGE"
run --name taken "$IMAGE" true
run --pull=never nosuch/image true
run "$REGISTRY/no/such:1" true
create -v /nosuch/dir:/x "$IMAGE"
create -v kept:relative "$IMAGE"
create --secret nosuch "$IMAGE"
create --user nosuch "$IMAGE"
create --workdir /nosuch "$IMAGE"
create --cap-add NOSUCH "$IMAGE"
create --requires nosuch "$IMAGE"
create --volumes-from nosuch "$IMAGE"
run --rm --sysctl kernel.hostname_of_nobody=1 "$IMAGE"
create --security-opt seccomp=/nosuch "$IMAGE"
create --init --init-path /nosuch "$IMAGE"
create --runtime nosuch "$IMAGE"
create --log-driver nosuch "$IMAGE"
create --log-driver journald "$IMAGE"
create --device /dev/nosuch "$IMAGE"
create --device /etc/passwd "$IMAGE"
create -v /x: "$IMAGE"
create --env-file /nosuch "$IMAGE"
create --mount type=image,src=nosuch,dst=/i "$IMAGE"
create --tz No/Where "$IMAGE"
create --name 'a b' "$IMAGE"
run --rm "$IMAGE" nosuchcommand
run --rm "$IMAGE" /etc
run --rm --device /dev/nosuch "$IMAGE" true
END
  ctr volume rm kept
}

@test "a store that may not be opened is named with a way out" {
  mkdir -p "$file_dir/closed/ctr"
  chmod 0 "$file_dir/closed/ctr"
  XDG_DATA_HOME=$file_dir/closed run -125 ctr ps
  chmod 755 "$file_dir/closed/ctr"
  assert_contains "Error: open the store: open '$file_dir/closed/ctr': Permission denied"
  assert_contains 'hint: the store must belong to the user who calls ctr'
}

@test "a refused bind mount names the owner, the container and a way out" {
  mkdir -p "$file_dir/barred/inner"
  chmod 0 "$file_dir/barred"
  run -125 ctr run --rm --network none -v "$file_dir/barred/inner:/x" "$IMAGE" true
  chmod 755 "$file_dir/barred"
  assert_contains "bind '$file_dir/barred/inner': '$file_dir/barred' belongs to uid $(id -u) and gid $(id -g) with mode 0000"
  assert_contains "the container is uid $(id -u)"
  assert_contains "hint: let uid $(id -u) in"
}

@test "options that ctr does not have are refused in one line" {
  run -125 ctr unshare --rootless-netns true
  assert_output 'Error: --rootless-netns: there is no namespace that all networks share; each is one of its own'
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

@test "a run that fails to start leaves no container, and a start leaves the one that was created" {
  run -127 ctr run --rm --name gone --network none "$IMAGE" nosuchcommand
  run -1 ctr container exists gone
  run -127 ctr run --name gone -v /anonymous --network none "$IMAGE" nosuchcommand
  run -1 ctr container exists gone
  run -126 ctr run -d --name gone --cidfile "$file_dir/gone.cid" --network none "$IMAGE" /etc
  [ ! -e "$file_dir/gone.cid" ]
  run -1 ctr container exists gone
  run -0 ctr volume ls -q
  assert_output ''
  ctr create --name kept --network none "$IMAGE" nosuchcommand >/dev/null
  run ctr start kept
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
