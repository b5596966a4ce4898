#!/usr/bin/env bats
# diff of containers and images.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; the containers' commands are meant literally
load helpers

LAYERS='{"layers": [{"busybox": true},
                    {"entries": [{"path": "d/e/f", "content": "1"}, {"path": "gone/a", "content": "2"},
                                 {"path": "etc/z", "content": "3"}]},
                    {"entries": [{"path": "etc/.wh.z"}, {"path": "top", "content": "4"}]}],
         "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]}}'

setup_file() {
  start_test_file && start_registry
  IMAGE=$REGISTRY/test/layers:1
  export IMAGE
  push_image test/layers:1 "$LAYERS" >/dev/null
  ctr pull -q "$IMAGE" >/dev/null
}
teardown_file() { end_test_file; }
teardown() {
  ctr rm -f -a -t 0 >/dev/null
  assert_nothing_left
}

# change NAME: a container that has added, changed and removed files, and written to what is not listed.
change() {
  ctr run --name "$1" --network none -v data:/mnt/v "$IMAGE" sh -c \
    'touch /etc/new /run/made /mnt/v/inside; rm -r /gone; rm -r /d/e; mkdir /d/e; echo k >/d/e/k; echo more >>/top'
}
CHANGES='C /d
C /d/e
D /d/e/f
A /d/e/k
C /etc
A /etc/new
D /gone
A /mnt
A /mnt/v
A /run/made
C /top'

@test "the changes of a container are listed by path, also while it runs" {
  change web
  run -0 ctr diff web
  assert_output "$CHANGES"
  run -0 ctr container diff web
  assert_output "$CHANGES"
  ctr run -d --name busy --network none "$IMAGE" sh -c 'touch /made; exec sleep 100' >/dev/null
  wait_for ctr exec busy test -e /made
  run -0 ctr diff -l
  # /etc: the start has put /etc/hosts and others there, which are not listed themselves.
  assert_output $'C /etc\nA /made'
}

@test "a container that has changed nothing has no changes" {
  ctr create --name idle --network none "$IMAGE" >/dev/null
  run -0 ctr diff idle
  assert_output ''
  run -0 ctr diff --format json idle
  assert_output '{}'
}

@test "--format json has lists of paths" {
  change web
  run -0 ctr diff --format json web
  [ "$(jq -c .deleted <<<"$output")" = '["/d/e/f","/gone"]' ]
  [ "$(jq -c .changed <<<"$output")" = '["/d","/d/e","/etc","/top"]' ]
  [ "$(jq -r '.added[0]' <<<"$output")" = /d/e/k ]
  run -125 ctr diff --format '{{.}}' web
  assert_output "Error: only supported value for '--format' is 'json'"
}

@test "an image is compared with its layers below, or with what is named" {
  run -0 ctr diff "$IMAGE"
  assert_output $'C /etc\nD /etc/z\nA /top'
  run -0 ctr image diff "$IMAGE"
  assert_output $'C /etc\nD /etc/z\nA /top'
  run -0 ctr image diff "$IMAGE" "$IMAGE"
  assert_output ''
  change web
  run -0 ctr diff web "$IMAGE"
  assert_output "$CHANGES"
  run -0 ctr diff "$IMAGE" web
  assert_line 'D /etc/new'
  assert_line 'A /gone'
}

@test "names of a container never command the terminal" {
  ctr run --name evil --network none "$IMAGE" sh -c 'touch "$(printf "/a\033[2Jb\nc")"; ln -s /etc /link'
  run -0 ctr diff evil
  assert_output $'A /a\\x1b[2Jb\\x0ac\nC /etc\nA /link'
}

@test "who cannot be compared is told why" {
  run -125 ctr diff nosuch
  assert_output 'Error: nosuch not found: layer not known'
  run -125 ctr container diff "$IMAGE"
  assert_output "Error: $IMAGE not found: container not known"
  run -125 ctr image diff nosuch
  assert_output 'Error: nosuch not found: image not known'
  run -125 ctr diff
  assert_contains 'requires a name, id, or the "--latest" flag'
  mkdir -p "$file_dir/root/bin"
  cp "$(command -v busybox)" "$file_dir/root/bin/sh"
  ctr create --name plain --network none --rootfs "$file_dir/root" sh >/dev/null
  run -125 ctr diff plain
  assert_contains 'is a directory (--rootfs), which keeps no record of changes'
  assert_contains 'ctr diff CONTAINER IMAGE'
}
