#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Bind mounts, volumes and tmpfs.

load helpers

setup_file() {
  start_test_file
  pull_busybox
  push_image test/volume:1 '{"layers": [{"busybox": true, "entries": [{"path": "data", "type": "dir", "uid": 7, "mode": "0750"},
    {"path": "data/seed", "content": "seed\n", "uid": 7}]}], "config": {"Volumes": {"/data": {}}, "Env": ["PATH=/bin"]}}' >/dev/null
  export VOLUME_IMAGE=$REGISTRY/test/volume:1
  ctr pull -q "$VOLUME_IMAGE" >/dev/null
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

runs() { run ctr run --rm --network none "$@"; }

@test "a bind mount shows the host's directory, and ro keeps it as it is" {
  echo hello >"$BATS_TEST_TMPDIR/file"
  runs -v "$BATS_TEST_TMPDIR:/mnt" "$IMAGE" sh -c 'cat /mnt/file; echo new >/mnt/other'
  assert_output hello
  [ "$(cat "$BATS_TEST_TMPDIR/other")" = new ]
  runs -v "$BATS_TEST_TMPDIR:/mnt:ro" "$IMAGE" touch /mnt/x
  [ "$status" -ne 0 ]
  [ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "a missing source and a repeated destination are refused in podman's words" {
  runs -v /nonexistent:/x "$IMAGE" true
  assert_status 125
  assert_contains 'statfs /nonexistent: no such file or directory'
  runs -v /tmp:/x -v /var:/x "$IMAGE" true
  assert_status 125
  assert_contains '/x: duplicate mount destination'
}

@test "a named volume keeps its content between containers" {
  runs -v keep:/k "$IMAGE" sh -c 'echo kept >/k/f'
  assert_status 0
  runs -v keep:/k "$IMAGE" cat /k/f
  assert_output kept
}

@test "a fresh volume takes over what the image has, owners included" {
  runs "$VOLUME_IMAGE" sh -c 'cat /data/seed; ls -nd /data | { read -r mode _ uid _; echo "$mode $uid"; }'
  assert_output $'seed\ndrwxr-x--- 7'
  runs -v named:/data "$VOLUME_IMAGE" cat /data/seed
  assert_output seed
}

@test "anonymous volumes go with the container" {
  before=$(ls "$XDG_DATA_HOME/ctr/volumes")
  runs "$VOLUME_IMAGE" true
  [ "$(ls "$XDG_DATA_HOME/ctr/volumes")" = "$before" ]
}

@test "a tmpfs is empty, bounded, and not for programs" {
  runs --tmpfs /scratch:size=1m "$IMAGE" sh -c 'grep " /scratch " /proc/mounts'
  assert_status 0
  assert_contains noexec
  assert_contains size=1024k
}

@test "a volume that was made before takes over what the image has, once" {
  ctr volume create made >/dev/null
  runs -v made:/data "$VOLUME_IMAGE" sh -c 'cat /data/seed; ls -nd /data | { read -r mode _ uid _; echo "$mode $uid"; }'
  assert_output $'seed\ndrwxr-x--- 7'
  run ctr volume inspect --format '{{.NeedsCopyUp}} {{.NeedsChown}}' made
  assert_output 'false false'
  runs -v made:/data "$VOLUME_IMAGE" sh -c 'rm /data/seed'
  runs -v made:/data "$VOLUME_IMAGE" ls -A /data
  assert_output ''
}

@test "copy-up leaves alone what has content, and nocopy what has none" {
  runs -v full:/x "$IMAGE" touch /x/mine
  runs -v full:/data "$VOLUME_IMAGE" ls -A /data
  assert_output mine
  runs -v bare:/data:nocopy "$VOLUME_IMAGE" ls -A /data
  assert_output ''
  # The next one that does not say nocopy fills it.
  runs -v bare:/data "$VOLUME_IMAGE" ls -A /data
  assert_output seed
}

@test "links of an image are copied as links, and lead nowhere else" {
  push_image test/links:1 '{"layers": [{"busybox": true, "entries": [{"path": "data", "type": "dir"},
    {"path": "data/passwd", "type": "symlink", "link": "/etc/passwd"},
    {"path": "data/up", "type": "symlink", "link": "../../../../etc"},
    {"path": "linked", "type": "symlink", "link": "/../../../../data"}]}], "config": {"Env": ["PATH=/bin"]}}' >/dev/null
  ctr pull -q "$REGISTRY/test/links:1" >/dev/null
  runs -v links:/linked "$REGISTRY/test/links:1" sh -c 'readlink /linked/passwd; readlink /linked/up'
  assert_output $'/etc/passwd\n../../../../etc'
}

@test "copy-up sees an image of many layers as one" {
  push_image test/layers:1 '{"layers": [{"busybox": true, "entries": [{"path": "data", "type": "dir"}, {"path": "data/a", "content": "1"},
    {"path": "data/b", "content": "1"}]}, {"entries": [{"path": "data/b", "content": "2"}]}, {"entries": [{"path": "data/.wh.a"}]},
    {"entries": [{"path": "data/c", "content": "4"}]}, {"entries": [{"path": "data/d", "content": "5"}]}],
    "config": {"Env": ["PATH=/bin"]}}' >/dev/null
  ctr pull -q "$REGISTRY/test/layers:1" >/dev/null
  runs -v layers:/data "$REGISTRY/test/layers:1" sh -c 'cd /data && ls && cat b'
  assert_output $'b\nc\nd\n2'
}

@test "a volume without a place in the image belongs to the container's user" {
  runs --user 1000:1001 -v mine:/nowhere "$IMAGE" sh -c 'touch /nowhere/x && ls -nd /nowhere'
  assert_status 0
  assert_match '^drwxr-xr-x +2 1000 +1001 '
}

@test "two containers that start at once fill a volume once" {
  for i in 1 2 3; do
    ctr run --rm --network none -v "twice$i:/data" "$VOLUME_IMAGE" cat /data/seed >"$BATS_TEST_TMPDIR/a" &
    ctr run --rm --network none -v "twice$i:/data" "$VOLUME_IMAGE" cat /data/seed >"$BATS_TEST_TMPDIR/b" &
    wait
    [ "$(cat "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b")" = $'seed\nseed' ]
  done
}

@test "a copy that was broken off is made again, one that was whole is finished" {
  ctr volume create broken >/dev/null
  mkdir "$XDG_DATA_HOME/ctr/volumes/broken/.filling"
  echo half >"$XDG_DATA_HOME/ctr/volumes/broken/.filling/seed"
  runs -v broken:/data "$VOLUME_IMAGE" sh -c 'ls -A /data; cat /data/seed'
  assert_output $'seed\nseed'
  ctr volume create whole >/dev/null
  mkdir "$XDG_DATA_HOME/ctr/volumes/whole/.filled"
  echo other >"$XDG_DATA_HOME/ctr/volumes/whole/.filled/rest"
  runs -v whole:/data "$VOLUME_IMAGE" sh -c 'ls -A /data; cat /data/rest'
  assert_output $'rest\nother'
  [ -z "$(find "$XDG_DATA_HOME/ctr/volumes" -name '.fill*')" ]
}
