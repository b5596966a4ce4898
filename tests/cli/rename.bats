#!/usr/bin/env bats
# rename: the name in every listing and file, and what does not change.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { ctr rm -fa -t 0 >/dev/null; assert_nothing_left; }

events_of() { jq -r "select(.ID == \"$1\") | .Status + \" \" + .Name" "$XDG_DATA_HOME/ctr/events.jsonl"; }

@test "a container that does not run has the new name everywhere, and the former one is free" {
  # podman tells only privileged containers what they are.
  id=$(ctr create --name before --privileged --network none "$IMAGE" cat /run/.containerenv)
  run -0 ctr rename before after
  assert_output ''
  run -0 ctr ps -a --format '{{.Names}}'
  assert_output after
  [ "$(ctr inspect --format '{{.Id}} {{.Name}}' after)" = "$id after" ]
  [ "$(jq -r .name "$XDG_DATA_HOME/ctr/containers/$id/container.json")" = after ]
  run -0 ctr start -a after
  assert_line 'name="after"'
  run -125 ctr start before
  assert_contains 'no container with name or ID "before" found: no such container'
  ctr create --name before "$IMAGE"
}

@test "a running container is renamed, in its row, in listings and in what is recorded of its end" {
  id=$(ctr run -d --name before --network none "$IMAGE" sleep 100)
  run -0 ctr ps --format '{{.Names}}'
  assert_output before
  # By the first digits of the id, and by the words docker has for it.
  run -0 ctr container rename "${id:0:12}" after
  run -0 ctr ps --format '{{.Names}} {{.State}}'
  assert_output 'after running'
  run -0 ctr exec after echo in
  assert_output in
  ctr stop -t 0 after
  run -0 events_of "$id"
  assert_line 'start before'
  assert_line 'rename after'
  assert_line 'died after'
  refute_contains 'died before'
}

@test "a container that is removed at its end frees the name it has by then" {
  ctr run -d --rm --name before --network none "$IMAGE" sleep 100
  ctr rename before after
  ctr stop -t 0 after
  wait_for no_store_processes
  [ -z "$(ls -A "$XDG_DATA_HOME/ctr/names")" ]
}

@test "a row that shows a former name is gone after the next start" {
  ctr create --name one --network none "$IMAGE" sleep 100
  ctr rename one two
  ctr start two
  grep -q '3:two' "$XDG_DATA_HOME/ctr/running"
  run -0 ctr ps --format '{{.Names}}'
  assert_output two
}

@test "a name that is taken, wrong or its own" {
  id=$(ctr create --name one "$IMAGE")
  ctr create --name two "$IMAGE"
  run -125 ctr rename one two
  assert_contains "Error: renaming container $id: name two already in use, cannot rename container $id: container already exists"
  run -125 ctr rename one 'a b'
  assert_contains 'names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument'
  run -125 ctr rename nosuch three
  assert_contains 'Error: no container with name or ID "nosuch" found: no such container'
  run -125 ctr rename one
  assert_contains "See 'ctr rename --help'"
  run -0 ctr rename one one
  run -0 ctr ps -a --format '{{.Names}}'
  assert_line one
  assert_line two
}

@test "of two that want one name one gets it" {
  for i in 1 2 3 4; do ctr create --name "c$i" "$IMAGE" >/dev/null; done
  for i in 1 2 3 4; do
    (ctr rename "c$i" winner 2>/dev/null && echo "$i" >>"$BATS_TEST_TMPDIR/won") 3>&- &
  done
  wait
  [ "$(wc -l <"$BATS_TEST_TMPDIR/won")" -eq 1 ]
  [ "$(ctr ps -a --format '{{.Names}}' | grep -c '^winner$')" -eq 1 ]
  [ "$(ctr ps -aq | wc -l)" -eq 4 ]
}
