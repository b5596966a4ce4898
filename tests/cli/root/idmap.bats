#!/usr/bin/env bats
# The volume option idmap: root of the host may map the ids of its file systems.
# shellcheck disable=SC2154 # helpers set file_dir, IMAGE, output and others
load ../helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

shifted() { run -0 ctr run --rm --network none --uidmap 0:100000:5000 "$@"; }
owner() { stat -c %u:%g "$1"; }

@test "files are shown with the ids they have on the disk, and get them there" {
  mkdir "$file_dir/dir"
  echo hi >"$file_dir/dir/f"
  chown 5:6 "$file_dir/dir/f"
  shifted -v "$file_dir/dir:/x:idmap" "$IMAGE" sh -c 'stat -c %u:%g /x/f; touch /x/new; chown 7:8 /x/new'
  assert_output 5:6
  [ "$(owner "$file_dir/dir/new")" = 7:8 ]
  shifted -v "$file_dir/dir:/x:idmap=uids=5-100100-1;gids=6-100101-1" "$IMAGE" stat -c %u:%g /x/f
  assert_output 100:101
  shifted --mount "type=bind,src=$file_dir/dir,dst=/x,idmap=uids=@5-9-1;gids=@6-10-1" "$IMAGE" stat -c %u:%g /x/f
  assert_output 9:10
}

@test "a volume is filled with the image's files under the image's ids" {
  shifted -v filled:/etc:idmap "$IMAGE" sh -c 'stat -c %u:%g /etc/passwd; touch /etc/made'
  assert_output 0:0
  local data
  data=$(ctr volume inspect -f '{{.Mountpoint}}' filled)
  [ "$(owner "$data/passwd") $(owner "$data/made")" = '0:0 0:0' ]
  ctr volume rm filled >/dev/null
}
