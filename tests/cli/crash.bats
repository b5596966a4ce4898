#!/usr/bin/env bats
# kill -9 in the middle of real commands, at the system calls that change files: the next commands work, an image or
# container is there as a whole or not at all, and nothing is left. What the store does by itself is killed at each of its
# calls in tests/unit/storage/fault_test.cc.
# shellcheck disable=SC2154 # helpers set file_dir and more
load helpers
load faults

# A command is killed at no more than so many of its calls, spread evenly.
PLACES=10

setup_file() {
  start_test_file && start_registry
  STRIKE=$(dirname "$CTR")/strike
  [ -x "$STRIKE" ] || STRIKE=$(dirname "$CTR")/../tests/strike
  [ -x "$STRIKE" ] || { echo "no program at $STRIKE" >&2; return 1; }
  IMAGE=$REGISTRY/test/small:1
  export STRIKE IMAGE PLACES
  push_image test/small:1 '{"layers": [{"busybox": true}, {"compress": "none", "entries": [
    {"path": "d", "type": "dir"}, {"path": "d/f", "content": "whole", "uid": 7}, {"path": "d/l", "type": "symlink",
    "link": "f"}]}], "config": {"Cmd": ["cat", "/d/f"]}}' >/dev/null
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

strike() { "$STRIKE" "$file_dir/report" "$@" >"$file_dir/struck.out" 2>"$file_dir/struck.err"; }

# for_each_kill MODE COMMAND...: calls `prepare`, kills the command at one of its calls, and calls `check`; then the same
# for the next of the places.
for_each_kill() {
  local mode=$1 calls step at
  shift
  prepare
  strike "$mode" 1000000000 "$@"
  calls=$(sed -n 's/^ended after \([0-9]*\) calls$/\1/p' "$file_dir/report")
  check || { fail "after the command itself"; return 1; }
  [ "$calls" -ge 5 ] || { fail "only $calls calls that change files"; return 1; }
  step=$(((calls + PLACES - 1) / PLACES))
  for ((at = 1; at <= calls; at += step)); do
    prepare
    strike "$mode" "$at" "$@" || true
    if ! wait_for no_store_processes || ! check; then
      fail "killed at call $at of $calls: $(cat "$file_dir/report")"
      return 1
    fi
  done
}

# The image is there as a whole, or not at all; either way a pull makes it whole.
image_is_whole_or_absent() {
  local listed
  listed=$(ctr images -q --no-trunc) && ctr ps -aq >/dev/null || return 1
  if [ -n "$listed" ]; then [ "$(ctr run --rm --network none "$IMAGE")" = whole ] || return 1; fi
}
pull_makes_it_whole() {
  ctr pull -q "$IMAGE" >/dev/null && [ "$(ctr images -q | wc -l)" -eq 1 ] || return 1
  [ "$((at % 4))" -ne 1 ] || [ "$(ctr run --rm --network none "$IMAGE")" = whole ]
}
store_is_empty() {
  ctr rmi -af >/dev/null && ctr image prune -f >/dev/null && assert_clean_store || return 1
  is_empty_dir "$XDG_DATA_HOME/ctr/images/blobs/sha256" && is_empty_dir "$XDG_DATA_HOME/ctr/layers/.locks" &&
    is_empty_dir "$XDG_DATA_HOME/ctr/names" && [ -z "$(ctr images -aq)" ]
}

@test "pull, with all of its processes killed" {
  prepare() { ctr rmi -af >/dev/null 2>&1 || true; }
  check() { image_is_whole_or_absent && pull_makes_it_whole && store_is_empty; }
  for_each_kill all "$CTR" pull -q "$IMAGE"
}

@test "pull, with the one process killed that makes the call" {
  prepare() { ctr rmi -af >/dev/null 2>&1 || true; }
  check() {
    # Whoever is left says so in one line.
    [ "$(grep -c . "$file_dir/struck.err")" -le 1 ] && image_is_whole_or_absent && pull_makes_it_whole && store_is_empty
  }
  for_each_kill one "$CTR" pull -q "$IMAGE"
}

@test "rmi" {
  prepare() { ctr pull -q "$IMAGE" >/dev/null; }
  check() { image_is_whole_or_absent && pull_makes_it_whole && store_is_empty; }
  for_each_kill all "$CTR" rmi "$IMAGE"
}

@test "tag" {
  prepare() { ctr rmi -f "localhost/other:1" >/dev/null 2>&1 || true; ctr pull -q "$IMAGE" >/dev/null; }
  check() {
    [ "$(ctr run --rm --network none "$IMAGE")" = whole ] && ctr tag "$IMAGE" other:1 &&
      [ "$(ctr images -q other:1 | wc -l)" -eq 1 ]
  }
  for_each_kill all "$CTR" tag "$IMAGE" other:1
  ctr rmi -af >/dev/null
}

# Every name belongs to a container.
names_fit() {
  local -a names=("$XDG_DATA_HOME"/ctr/names/*)
  [ "$(ctr ps -aq | wc -l)" -eq "${#names[@]}" ]
}

@test "create" {
  ctr pull -q "$IMAGE" >/dev/null
  prepare() { ctr rm -f -i web >/dev/null; }
  check() {
    ctr ps -a >/dev/null && ctr rm -f -i web >/dev/null && ctr create --name web --network none "$IMAGE" >/dev/null &&
      names_fit && [ "$(ctr start -a web)" = whole ] && ctr rm web >/dev/null && assert_clean_store
  }
  for_each_kill all "$CTR" create --name web --network none "$IMAGE"
}

@test "create of a container that gets a name" {
  prepare() { :; }
  check() {
    ctr rm -a >/dev/null && ctr create --network none "$IMAGE" >/dev/null && names_fit && ctr rm -a >/dev/null &&
      assert_clean_store
  }
  for_each_kill all "$CTR" create --network none "$IMAGE"
}

@test "rm" {
  prepare() { ctr create --name web --network none "$IMAGE" >/dev/null; }
  check() {
    ctr ps -a >/dev/null && ctr rm -f -i web >/dev/null && ctr create --name web --network none "$IMAGE" >/dev/null &&
      names_fit && ctr rm web >/dev/null && assert_clean_store
  }
  for_each_kill all "$CTR" rm web
}

@test "commit" {
  ctr pull -q "$IMAGE" >/dev/null
  ctr run --name web --network none "$IMAGE" sh -c 'echo more >>/d/f' >/dev/null
  commit() { ctr commit -q -c 'CMD ["cat", "/d/f"]' web made:1; }
  prepare() { ctr rmi -f localhost/made:1 >/dev/null 2>&1 || true; }
  check() {
    local made
    made=$(ctr images -q made:1) && { [ -z "$made" ] || [ "$(ctr run --rm --network none made:1)" = 'wholemore' ]; } &&
      commit >/dev/null && [ "$(ctr run --rm --network none made:1)" = 'wholemore' ] &&
      [ "$(ctr run --rm --network none "$IMAGE")" = whole ]
  }
  for_each_kill all "$CTR" commit -q -c 'CMD ["cat", "/d/f"]' web made:1
  ctr rm web >/dev/null
  ctr rmi -af >/dev/null && ctr image prune -f >/dev/null
  is_empty_dir "$XDG_DATA_HOME/ctr/images/blobs/sha256" && is_empty_dir "$XDG_DATA_HOME/ctr/layers/.locks"
  # Each try had a configuration of its own, with its time: those of killed ones go with the old partial blobs.
  run find "$XDG_DATA_HOME/ctr/images/.partial" -type f -size +8k
  assert_output ''
  rm -rf "$XDG_DATA_HOME/ctr/images/.partial"
}
