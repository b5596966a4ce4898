#!/usr/bin/env bats
# ps: which containers, in which order, in which words.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

@test "an empty list still has its headings" {
  run -0 ctr ps
  assert_output 'CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES'
  run -0 ctr ps --noheading
  assert_output ''
  run -0 ctr ps --format json
  assert_output '[]'
}

@test "only running containers are listed without -a" {
  ctr create --name idle "$IMAGE" >/dev/null
  ctr run -d --name busy --network none "$IMAGE" sleep 100 >/dev/null
  run -0 ctr ps --format '{{.Names}} {{.State}}'
  assert_output 'busy running'
  run -0 ctr ps -a --format '{{.Names}} {{.Status}}'
  assert_line 'idle Created'
  assert_match 'busy Up .*second'
  run -0 ctr container ls -aq --no-trunc
  [ "$(grep -cE '^[0-9a-f]{64}$' <<<"$output")" -eq 2 ]
}

@test "a running container is listed from its row as from its own files" {
  ctr run -d --name web --label a=b --tmpfs /t --cidfile "$BATS_TEST_TMPDIR/cid" --network none "$IMAGE" sleep 100 >/dev/null
  ctr create --name idle "$IMAGE" >/dev/null
  local table=$XDG_DATA_HOME/ctr/running by_row by_files
  ctr run -d --name plain --network none "$IMAGE" sleep 100 >/dev/null
  local all='{{.ID}} {{.Image}} {{.ImageID}} {{.Command}} {{.CreatedAt}} {{.StartedAt}} {{.State}} {{.Pid}} {{.Names}} {{.Labels}} {{.Mounts}} {{.CIDFile}} {{.Restarts}}'
  grep -q '5:plain' "$table"
  grep -q '3:web' "$table"
  by_row=$(ctr ps -a --format "$all")
  mv "$table" "$table.away"
  by_files=$(ctr ps -a --format "$all")
  mv "$table.away" "$table"
  [ "$(wc -l <<<"$by_row")" -eq 3 ]
  [ "$by_row" = "$by_files" ]
  # Of a running container nothing else is read.
  mv "$XDG_DATA_HOME/ctr/containers/$(cat "$BATS_TEST_TMPDIR/cid")/container.json" "$BATS_TEST_TMPDIR/"
  run -0 ctr ps --format '{{.Names}}'
  assert_line web
  run -0 ctr ps --noheading
  assert_contains ' web'
  mv "$BATS_TEST_TMPDIR/container.json" "$XDG_DATA_HOME/ctr/containers/$(cat "$BATS_TEST_TMPDIR/cid")/"
}

@test "columns are as wide as what is listed" {
  ctr create --name wide --network none "$IMAGE" sleep 1000000000000000 >/dev/null
  ctr create --name last --network none "$IMAGE" true >/dev/null
  run -0 ctr ps -l
  assert_contains 'COMMAND     CREATED'
  run -0 ctr ps -a --ns --format '{{.CGROUPNS}}|' --filter name=last
  assert_output '|'
  ctr rm wide last >/dev/null
}

@test "commands are cut at 17 characters" {
  ctr create --name long "$IMAGE" sleep 1000000000000 >/dev/null
  run -0 ctr ps -a --format '{{.Command}}'
  assert_output 'sleep 10000000000...'
  run -0 ctr ps -a --no-trunc --format '{{.Command}}'
  assert_output 'sleep 1000000000000'
}

@test "filters of one key are alternatives, labels must all match" {
  ctr create --name a --label x=1 --label y=2 "$IMAGE" >/dev/null
  ctr create --name b --label x=1 "$IMAGE" >/dev/null
  ctr create --name c "$IMAGE" >/dev/null
  run -0 ctr ps -a --format '{{.Names}}' --filter name=a --filter name=c
  assert_output $'a\nc'
  run -0 ctr ps -a --format '{{.Names}}' --filter label=x=1 --filter label=y
  assert_output a
  run -0 ctr ps --format '{{.Names}}' --filter status=created --filter label=x
  assert_output $'a\nb'
  run -125 ctr ps --filter bogus=1
  assert_output 'Error: bogus is an invalid filter'
  run -125 ctr ps --filter since=nosuch
  assert_line 'Error: no container with name or ID "nosuch" found: no such container'
  run -125 ctr ps --filter bogus
  assert_output 'Error: invalid filter "bogus"'
}

@test "the last created, and the last N" {
  for name in one two three; do ctr create --name "$name" "$IMAGE" >/dev/null; done
  run -0 ctr ps -l --format '{{.Names}}'
  assert_output three
  run -0 ctr ps -n 2 --format '{{.Names}}'
  assert_output $'two\nthree'
  run -0 ctr ps -a -n 0 --format '{{.Names}}'
  assert_output $'one\ntwo\nthree'
  run -0 ctr ps -a --sort names --format '{{.Names}}'
  assert_output $'one\nthree\ntwo'
}

@test "the JSON list is one array with podman's fields" {
  ctr run -d --name busy --network none --label k=v "$IMAGE" sleep 100 >/dev/null
  run -0 ctr ps --format json
  [ "$(jq -r '.[0].Names[0]' <<<"$output")" = busy ]
  [ "$(jq -r '.[0].State' <<<"$output")" = running ]
  [ "$(jq -r '.[0].Labels.k' <<<"$output")" = v ]
  [ "$(jq -r '.[0].Id | length' <<<"$output")" = 64 ]
  [ "$(jq -r '.[0].Created | type' <<<"$output")" = number ]
  [ "$(jq -r '.[0].Pid > 1' <<<"$output")" = true ]
  run -0 ctr ps --ns --format '{{.USERNS}}'
  assert_match '^[0-9]+$'
}

@test "contradicting options are refused" {
  run -125 ctr ps -q -s
  assert_output 'Error: quiet conflicts with size and namespace'
  run -125 ctr ps -l -n 1
  assert_output 'Error: last and latest are mutually exclusive'
}

@test "prune removes what does not run" {
  ctr create --name idle "$IMAGE" >"$file_dir/idle"
  ctr run -d --name busy --network none "$IMAGE" sleep 100 >/dev/null
  run -0 ctr container prune -f
  assert_output "$(cat "$file_dir/idle")"
  run -0 ctr ps -a --format '{{.Names}}'
  assert_output busy
}

@test "--watch shows the list over and over until it is interrupted, and --external shows no more" {
  ctr create --name box --network none "$IMAGE" true
  ctr ps -a --external --watch 1 --format '{{.Names}} {{.State}}' >"$file_dir/watched" 3>&- &
  local ps=$!
  shown() { [ "$(grep -c 'box created' "$file_dir/watched")" -ge 2 ]; }
  wait_for shown
  kill -TERM "$ps"
  local code=0
  wait "$ps" || code=$?
  [ "$code" -eq 143 ] || fail "ended with $code"
  [[ $(cat "$file_dir/watched") == $'\e[H\e[J'* ]] || fail "$(cat "$file_dir/watched")"
}
