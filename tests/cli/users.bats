#!/usr/bin/env bats
# Who programs run as: names and homes of users, keep-id, groups, and account files that change.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

runs() { run -0 ctr run --rm --network none "$@"; }
me=$(id -un)
my_uid=$(id -u)
my_gid=$(id -g)

@test "a number without a name gets one, with the working directory as its home" {
  runs -u 1234 -w /tmp "$IMAGE" sh -c 'whoami; echo $HOME; tail -n 1 /etc/passwd; tail -n 1 /etc/group; id -g'
  assert_output $'1234\n/tmp\n1234:*:1234:0:container user:/tmp:/bin/sh\n1234:x:1234:1234\n0'
  runs -u 1234:55 "$IMAGE" sh -c 'tail -n 1 /etc/passwd; tail -n 1 /etc/group'
  assert_output $'1234:*:1234:55:container user:/:/bin/sh\n55:x:55:1234'
}

@test "a user of the image keeps its entry, and its home is HOME" {
  runs -u 1000 "$IMAGE" sh -c 'whoami; echo $HOME; grep -c : /etc/passwd'
  assert_output $'user\n/home\n3'
  runs -u user -e HOME=/elsewhere "$IMAGE" sh -c 'echo $HOME'
  assert_output /elsewhere
}

@test "with keep-id the caller has its name, its group and a home" {
  runs --userns keep-id "$IMAGE" sh -c 'id -u; id -g; whoami; echo $HOME'
  assert_output "$my_uid"$'\n'"$my_gid"$'\n'"$me"$'\n/'
  runs --userns keep-id -v "$file_dir/home:$file_dir/home" -v "/home:/home" "$IMAGE" sh -c 'echo $HOME'
  assert_output "$(getent passwd "$me" | cut -d: -f6)"
  runs --userns keep-id -u 0 "$IMAGE" sh -c 'whoami; echo $HOME; id -G'
  assert_output $'root\n/root\n'"0 $my_gid"
  runs --userns keep-id:uid=200,gid=210 "$IMAGE" sh -c 'id -u; id -g; tail -n 2 /etc/passwd | cut -d: -f1'
  assert_output $'200\n210\n'"$me"$'\n200'
}

@test "a keep-id that changes nothing takes the mount of every other container" {
  local kind='while read -r _ place type _; do [ "$place" != / ] || echo "$type"; done </proc/mounts' usual
  usual=$(ctr run --rm --network none "$IMAGE" sh -c "$kind")
  runs --userns keep-id:uid=0,gid=0 "$IMAGE" sh -c "id -u; $kind"
  assert_output "0"$'\n'"$usual"
  runs --userns keep-id "$IMAGE" sh -c "$kind"
  assert_contains fuse
}

@test "the entries are the container's own: the image and a root of the user's choice with --read-only stay as they are" {
  runs -u 1234 "$IMAGE" whoami
  runs "$IMAGE" grep -c : /etc/passwd
  assert_output 3
  mkdir -p "$BATS_TEST_TMPDIR/root/bin" "$BATS_TEST_TMPDIR/root/etc"
  cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/bin/sh"
  runs -u 1234 --read-only --rootfs "$BATS_TEST_TMPDIR/root" sh -c 'echo ran'
  [ ! -e "$BATS_TEST_TMPDIR/root/etc/passwd" ]
  runs --read-only -u 1234 "$IMAGE" whoami
  assert_output 1234
}

@test "account files that are mounted count, and are left alone" {
  printf 'root:x:0:0::/:/bin/sh\nguest:x:77:78::/guest:/bin/sh\n' >"$BATS_TEST_TMPDIR/passwd"
  runs -u guest -v "$BATS_TEST_TMPDIR/passwd:/etc/passwd" "$IMAGE" sh -c 'id -u; echo $HOME'
  assert_output $'77\n/guest'
  runs -u 1234 -v "$BATS_TEST_TMPDIR/passwd:/etc/passwd" "$IMAGE" id -u
  assert_output 1234
  [ "$(wc -l <"$BATS_TEST_TMPDIR/passwd")" -eq 2 ]
}

@test "a user that was added in a running container can be used by exec" {
  ctr run -d --name box --network none "$IMAGE" sleep 100 >/dev/null
  run -125 ctr exec -u late box true
  assert_contains 'unable to find user late: no matching entries in passwd file'
  # As adduser does it: a new file takes the place of the old one.
  ctr exec box sh -c 'cp /etc/passwd /etc/passwd.new; echo late:x:4321:4321::/late:/bin/sh >>/etc/passwd.new; mv /etc/passwd.new /etc/passwd'
  run -0 ctr exec -u late box sh -c 'id -u; echo $HOME'
  assert_output $'4321\n/late'
}

@test "a user is looked up anew at every start" {
  ctr create --name box -u user --network none "$IMAGE" sh -c 'id -u; echo $HOME' >/dev/null
  run -0 ctr start -a box
  assert_output $'1000\n/home'
  upper=$(ctr inspect --format '{{.GraphDriver.Data.UpperDir}}' box)
  mkdir -p "$upper/etc"
  printf 'root:x:0:0::/:/bin/sh\nuser:x:2000:2000::/moved:/bin/sh\n' >"$upper/etc/passwd"
  run -0 ctr start -a box
  assert_output $'2000\n/moved'
  printf 'root:x:0:0::/:/bin/sh\n' >"$upper/etc/passwd"
  run -125 ctr start -a box
  assert_contains 'unable to find user user: no matching entries in passwd file'
}

@test "an account file of the image cannot lead out, and one that is no file is refused" {
  push_image test/leads-out '{"layers": [{"busybox": true}, {"entries": [
    {"path": "etc/passwd", "type": "symlink", "link": "../../../../../../etc/passwd-of-nobody"},
    {"path": "etc/group", "type": "symlink", "link": "/../../etc/hostname"}]}]}' >/dev/null
  run -0 ctr run --rm -q --network none -u 1234 "$REGISTRY/test/leads-out" sh -c 'id -u; cat /etc/passwd-of-nobody'
  assert_output $'1234\n1234:*:1234:0:container user:/:/bin/sh'
  push_image test/fifo '{"layers": [{"busybox": true}, {"entries": [{"path": "etc/passwd", "type": "fifo"}]}]}' >/dev/null
  run -125 timeout 20 ctr run --rm -q --network none -u 1234 "$REGISTRY/test/fifo" true
  assert_contains "is not a regular file"
}

@test "keep-groups keeps the caller's groups, and stands alone" {
  run -0 ctr run --rm --network none --group-add keep-groups "$IMAGE" sh -c 'grep ^Groups: /proc/self/status | wc -w'
  assert_output "$(grep ^Groups: /proc/self/status | wc -w)"
  run -0 ctr run --explain --network none --group-add keep-groups "$IMAGE" true
  refute_contains 'set the additional groups'
  run -125 ctr run --rm --group-add keep-groups --group-add 5 "$IMAGE" true
  assert_contains "the '--group-add keep-groups' option is not allowed with any other --group-add options"
}
