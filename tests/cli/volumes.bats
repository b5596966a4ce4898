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
