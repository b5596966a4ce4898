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

@test "a fresh volume at /etc has the image's accounts, and its own ones later" {
  runs -v accounts:/etc -u daemon "$IMAGE" id -u
  assert_output 1
  runs -v accounts:/etc "$IMAGE" sh -c 'echo me:x:77:77::/:/bin/sh >>/etc/passwd'
  assert_status 0
  runs -v accounts:/etc -u me "$IMAGE" id -u
  assert_output 77
  ctr volume rm accounts >/dev/null
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

owner() { stat -c '%u %g' "$1"; }

@test "U gives files to the container's user, by links and never through them" {
  mkdir -p "$BATS_TEST_TMPDIR/src/sub"
  touch "$BATS_TEST_TMPDIR/src/sub/file" "$BATS_TEST_TMPDIR/outside"
  ln -s "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/src/link"
  runs --user 1000:1001 -v "$BATS_TEST_TMPDIR/src:/src:U" "$IMAGE" sh -c 'ls -ln /src/sub/file; touch /src/new'
  assert_status 0
  assert_match '^-rw.* 1000 +1001 '
  [ "$(owner "$BATS_TEST_TMPDIR/outside")" = "$(id -u) $(id -g)" ]
  [ "$(stat -c %u "$BATS_TEST_TMPDIR/src/link")" != "$(id -u)" ]
  runs -v "$BATS_TEST_TMPDIR/src:/src:U" "$IMAGE" true
  [ "$(owner "$BATS_TEST_TMPDIR/src/new")" = "$(id -u) $(id -g)" ]
  runs --user 7 --mount "type=volume,src=given,dst=/v,U=true" "$IMAGE" sh -c 'touch /v/x; ls -nd /v'
  assert_match ' 7 '
  ln -s "$HOME" "$BATS_TEST_TMPDIR/home"
  for kept in "$HOME" "$BATS_TEST_TMPDIR/home" /etc; do
    runs -v "$kept:/h:U" "$IMAGE" true
    assert_status 125
    assert_contains "chowning host path \"$kept\" is not allowed"
  done
  runs --user 7:8 --mount type=tmpfs,dst=/t,chown "$IMAGE" ls -nd /t
  assert_match ' 7 +8 '
}

@test "labels of SELinux are taken and mean nothing here" {
  runs -v "$BATS_TEST_TMPDIR:/a:z" -v "$BATS_TEST_TMPDIR:/b:ro,Z" "$IMAGE" true
  assert_status 0
  assert_output ''
}

@test "ids of the host's file systems are mapped for root alone, and who may not is told" {
  run -125 ctr run --rm --network none -v "$BATS_TEST_TMPDIR:/a:idmap" "$IMAGE" true
  assert_contains "map its ids: Operation not permitted"
  assert_contains 'hint: only root of the host may map the ids'
  run -125 ctr run --rm --network none --mount "type=volume,src=ids,dst=/a,idmap=uids=0-1" "$IMAGE" true
  assert_contains "'0-1' is not three numbers"
  ctr volume rm -f ids >/dev/null
}

@test "flags of a mount hold in the container" {
  runs -v "$BATS_TEST_TMPDIR:/a:noexec,nosuid,nodev" -v flags:/b:exec,dev,suid "$IMAGE" grep -E ' /(a|b) ' /proc/mounts
  assert_match ' /a [^ ]+ rw,nosuid,nodev,noexec'
  refute_contains ' /b nosuid'
  runs -v "$BATS_TEST_TMPDIR:/a:ro,rw" "$IMAGE" true
  assert_status 125
  assert_contains "can only specify 1 'rw' or 'ro' option"
  runs -v "$BATS_TEST_TMPDIR:/a:nosuch" "$IMAGE" true
  assert_status 125
  assert_contains "invalid mount option 'nosuch'"
}

@test "--mount knows podman's keys, each for its type" {
  runs --mount "type=bind,src=$BATS_TEST_TMPDIR,dst=/m,bind-nonrecursive,bind-propagation=rprivate,relabel=shared,consistency=cached,readonly" \
    "$IMAGE" sh -c 'touch /m/x'
  [ "$status" -ne 0 ]
  runs --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770,notmpcopyup "$IMAGE" sh -c 'stat -c %a /t; grep " /t " /proc/mounts'
  assert_line 1770
  assert_contains size=1024k
  runs --mount type=devpts,dst=/p,mode=0600 "$IMAGE" sh -c 'ls /p; grep " /p " /proc/mounts'
  assert_line ptmx
  assert_contains mode=600
  runs --mount type=tmpfs,src=/x,dst=/t "$IMAGE" true
  assert_status 125
  assert_contains '"src" option not supported for "tmpfs" mount types'
  runs --mount type=volume,dst=/t,bind-propagation=shared "$IMAGE" true
  assert_status 125
  assert_contains '"bind-propagation" option not supported for "volume" mount types'
  runs --mount type=bind,dst=/t,nosuch=1 "$IMAGE" true
  assert_status 125
  assert_contains 'nosuch: invalid mount option'
}

@test "a glob mounts each match" {
  mkdir "$BATS_TEST_TMPDIR/g"
  echo one >"$BATS_TEST_TMPDIR/g/a1"
  echo two >"$BATS_TEST_TMPDIR/g/a2"
  echo no >"$BATS_TEST_TMPDIR/g/b"
  runs --mount "type=glob,src=$BATS_TEST_TMPDIR/g/a*,dst=/g,ro" "$IMAGE" sh -c 'cat /g/a1 /g/a2; ls /g'
  assert_output $'one\ntwo\na1\na2'
  runs --mount "type=glob,src=$BATS_TEST_TMPDIR/g/x*,dst=/g" "$IMAGE" true
  assert_status 125
  assert_contains 'no file paths matching glob'
}

@test "rm -v takes anonymous volumes, rm leaves them" {
  id=$(ctr create "$VOLUME_IMAGE" true)
  ctr rm "$id" >/dev/null
  [ "$(ctr volume ls -q -f anonymous=true | wc -l)" = 1 ]
  id=$(ctr create -v kept:/k "$VOLUME_IMAGE" true)
  ctr rm -v "$id" >/dev/null
  [ "$(ctr volume ls -q -f anonymous=true | wc -l)" = 1 ]
  ctr volume exists kept
  ctr volume prune -f >/dev/null
}

@test "a volume can be a file system of its own" {
  ctr volume create -o type=tmpfs -o device=tmpfs -o o=size=2m,noexec memory >/dev/null
  runs -v memory:/m "$IMAGE" sh -c 'grep " /m " /proc/mounts; touch /m/x'
  assert_match 'tmpfs /m tmpfs rw,nosuid,nodev,noexec.*size=2048k'
  mkdir "$BATS_TEST_TMPDIR/elsewhere"
  ctr volume create -o type=none -o "device=$BATS_TEST_TMPDIR/elsewhere" -o o=bind bound >/dev/null
  runs -v bound:/b "$IMAGE" touch /b/x
  [ -e "$BATS_TEST_TMPDIR/elsewhere/x" ]
  ctr volume create -o type=nfs -o device=192.0.2.1:/x -o o=addr=192.0.2.1 remote >/dev/null
  runs -v remote:/r "$IMAGE" true
  [ "$status" -ne 0 ]
  assert_contains "'/r'"
  ctr volume create -o type=nosuchfs -o device=none odd >/dev/null
  runs -v odd:/o "$IMAGE" true
  assert_status 125
  assert_contains nosuchfs
  run ctr volume create -o type=bind -o device=/nonexistent x
  assert_status 125
  ctr volume create -o type=none -o device=relative -o o=bind lost >/dev/null
  runs -v lost:/l "$IMAGE" true
  assert_status 125
  assert_contains 'the volume lost binds "relative", must be an absolute path'
}

@test "a container that cannot be created leaves no volume behind" {
  before=$(ctr volume ls -q)
  runs -v never:/x -v /anonymous --cidfile "$BATS_TEST_TMPDIR/nosuch/cid" "$IMAGE" true
  assert_status 125
  runs -v never:/x --workdir /nosuch/dir "$IMAGE" true
  [ "$status" -ne 0 ]
  [ "$(ctr volume ls -q -f name=never)" = '' ] || ctr volume rm never >/dev/null
  [ "$(ctr volume ls -q -f anonymous=true)" = "$(grep -E '^[0-9a-f]{64}$' <<<"$before" || true)" ]
}

@test "another container's volumes and directories are mounted at the same places" {
  echo host >"$BATS_TEST_TMPDIR/file"
  ctr create --name source -v given:/given -v /anonymous -v "$BATS_TEST_TMPDIR:/host:ro" --tmpfs /memory "$IMAGE" >/dev/null
  runs --volumes-from source "$IMAGE" sh -c 'cat /host/file; ls -d /memory; echo a >/given/f; echo b >/anonymous/f; touch /host/x'
  assert_contains host
  assert_contains 'ls: /memory: No such file or directory'
  [ "$status" -ne 0 ]
  [ ! -e "$BATS_TEST_TMPDIR/x" ]
  runs --volumes-from source:ro "$IMAGE" sh -c 'cat /given/f /anonymous/f; touch /given/g'
  assert_contains $'a\nb'
  assert_contains 'Read-only file system'
  ctr create --name heir --volumes-from source -v /given "$IMAGE" true >/dev/null
  run ctr inspect --format '{{json .HostConfig.VolumesFrom}} {{len .Mounts}}' heir
  assert_output '["source"] 3'
  ctr rm -v source >/dev/null
  runs --volumes-from heir "$IMAGE" cat /anonymous/f
  assert_output b
}

@test "what --volumes-from cannot give is refused in podman's words" {
  runs --volumes-from nosuch "$IMAGE" true
  assert_status 125
  assert_contains 'looking up container "nosuch" for volumes-from: no container with name or ID "nosuch" found'
  runs --volumes-from nosuch:U "$IMAGE" true
  assert_status 125
  assert_contains 'invalid option "U" specified - volumes from another container can only use z,ro,rw options'
  run ctr ps -aq
  assert_output ''
}

@test "what is written to an overlay is not in the source, and gone at the next start" {
  mkdir -p "$BATS_TEST_TMPDIR/source"
  chmod 751 "$BATS_TEST_TMPDIR/source"
  echo below >"$BATS_TEST_TMPDIR/source/f"
  ctr create --name over -v "$BATS_TEST_TMPDIR/source:/x:O" "$IMAGE" \
    sh -c 'cat /x/f; ls /x/new 2>&1; stat -c %a /x; echo above >/x/f; echo n >/x/new; cat /x/f' >/dev/null
  for _ in 1 2; do
    run ctr start -a over
    assert_output $'below\nls: /x/new: No such file or directory\n751\nabove'
  done
  [ "$(cat "$BATS_TEST_TMPDIR/source/f")" = below ]
  [ ! -e "$BATS_TEST_TMPDIR/source/new" ]
  run bash -c 'ctr cp over:/x/f - | tar -xO'
  assert_output below
  runs -v "$BATS_TEST_TMPDIR/source/f:/x:O" "$IMAGE" true
  assert_status 125
  assert_contains "the option 'O' of the mount at '/x' needs a directory"
}

@test "an overlay keeps what is written where the user says" {
  mkdir -p "$BATS_TEST_TMPDIR"/{source,upper,work}
  options=O,upperdir=$BATS_TEST_TMPDIR/upper,workdir=$BATS_TEST_TMPDIR/work
  runs -v "$BATS_TEST_TMPDIR/source:/x:$options" "$IMAGE" sh -c 'echo kept >/x/f'
  assert_status 0
  [ ! -e "$BATS_TEST_TMPDIR/source/f" ]
  [ "$(cat "$BATS_TEST_TMPDIR/upper/f")" = kept ]
  runs -v "$BATS_TEST_TMPDIR/source:/x:$options" "$IMAGE" cat /x/f
  assert_output kept
  remove_tree "$BATS_TEST_TMPDIR/work"
}

@test "an image is mounted as it is, and stays as long as a container has it" {
  runs --mount "type=image,src=$VOLUME_IMAGE,dst=/i" "$IMAGE" sh -c 'cat /i/data/seed; touch /i/x'
  assert_contains seed
  assert_contains 'Read-only file system'
  ctr create --name reader --mount "type=image,src=$VOLUME_IMAGE,dst=/i,rw=true" "$IMAGE" \
    sh -c 'ls /i/x; touch /i/x && ls /i/x' >/dev/null
  run ctr start -a reader
  assert_output $'ls: /i/x: No such file or directory\n/i/x'
  run ctr start -a reader
  assert_output $'ls: /i/x: No such file or directory\n/i/x'
  run ctr inspect --format '{{range .Mounts}}{{.Type}} {{.Source}} {{.RW}}{{end}}' reader
  assert_output "image $VOLUME_IMAGE true"
  runs --mount "type=image,src=$VOLUME_IMAGE,dst=/i,subpath=data" "$IMAGE" cat /i/seed
  assert_output seed
  runs --mount "type=image,src=$VOLUME_IMAGE,dst=/i,subpath=../nosuch" "$IMAGE" true
  assert_status 125
  assert_contains "there is no '../nosuch'"
  run ctr rmi "$VOLUME_IMAGE"
  assert_status 2
  assert_contains 'image is in use by a container'
  runs --mount type=image,src=nosuch,dst=/i "$IMAGE" true
  assert_status 125
  assert_contains 'nosuch: image not known'
}

@test "the image's volumes can be in memory or left out, and memory can be without a limit" {
  runs --image-volume tmpfs "$VOLUME_IMAGE" sh -c 'grep -c "^tmpfs /data tmpfs" /proc/mounts; cat /data/seed'
  assert_output $'1\nseed'
  runs --image-volume ignore "$VOLUME_IMAGE" sh -c 'grep " /data " /proc/mounts; cat /data/seed'
  assert_output seed
  runs --mount type=ramfs,dst=/r,tmpfs-mode=701 "$IMAGE" sh -c 'grep -c " /r ramfs" /proc/mounts; stat -c %a /r'
  assert_output $'1\n701'
}

@test "a part of a volume is mounted, and links in the volume lead nowhere else" {
  runs -v parts:/v "$IMAGE" sh -c 'mkdir -p /v/a/b /v/etc; echo part >/v/a/b/f; echo own >/v/etc/passwd
    ln -s /etc /v/link; ln -s ../../../../../../etc /v/up'
  runs --mount src=parts,dst=/x,volume-subpath=a/b "$IMAGE" sh -c 'cat /x/f; echo more >/x/g'
  assert_output part
  runs --mount src=parts,dst=/x,subpath=a/b/g,ro "$IMAGE" cat /x
  assert_output more
  for link in link up ../../../../../../../../../etc; do
    runs --mount "src=parts,dst=/x,subpath=$link" "$IMAGE" cat /x/passwd
    assert_output own
  done
  run ctr run --name broken --network none --mount src=parts,dst=/x,subpath=nosuch "$IMAGE" true
  [ "$status" -ne 0 ]
  assert_contains "bind 'nosuch' of"
  assert_contains 'No such file or directory'
  ctr create --name stopped --mount src=parts,dst=/x,subpath=link "$IMAGE" true >/dev/null
  run bash -c 'ctr cp stopped:/x/passwd - | tar -xO'
  assert_output own
}
