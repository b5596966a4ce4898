#!/usr/bin/env bats
# User namespaces of containers: maps of the user's choice, automatic ones, and joined ones.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() {
  start_test_file && pull_busybox
  first_subid=$(awk -F: -v me="$(id -un)" '$1 == me { print $2; exit }' /etc/subuid)
  export first_subid
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

runs() { run -0 ctr run --rm --network none "$@"; }
make() {
  local how=$1 name=$2
  shift 2
  case $how in
    running) ctr run -d --name "$name" --network none "$@" "$IMAGE" sleep 100 >/dev/null ;;
    *) ctr create --name "$name" --network none "$@" "$IMAGE" true >/dev/null ;;
  esac
}
maps='tr -s " " </proc/self/uid_map | sed "s/^ //"; tr -s " " </proc/self/gid_map | sed "s/^ //"'

@test "--uidmap maps ids as it says, for groups too, and the image's files have their owners" {
  runs --uidmap 0:1:1000 --uidmap 2000:0 "$IMAGE" sh -c "$maps; stat -c %u:%g /bin/sh; touch /x && stat -c %u /x"
  # Seen from within, they are those of the user's own namespace.
  assert_output $'0 1 1000\n2000 0 1\n0 1 1000\n2000 0 1\n0:0\n0'
  runs --gidmap "+g7:@$((first_subid + 99)):1" -u 7:7 "$IMAGE" sh -c 'id -u; id -g; grep -c : /proc/self/gid_map; wc -l </proc/self/gid_map'
  assert_line 7
  # A part of the usual map needs no other mount than the usual one.
  runs --uidmap 0:0:1000 "$IMAGE" sh -c 'grep -c " / overlay" /proc/mounts; wc -l </proc/self/uid_map'
  assert_output $'1\n2'
}

@test "maps that cannot be are refused with what there is" {
  for words in '--uidmap 0:x' '--uidmap 0:1:10,5:20:10' '--gidmap 1:1:10' '--uidmap 0:70000:10' '--uidmap 0:@5:1' \
    '--subuidname nosuch' '--userns keep-id --uidmap 0:1:1' '--userns auto:foo=1' '--userns container:nosuch' \
    '--uidmap 0:0:1 -u 5'; do
    # shellcheck disable=SC2086
    run ctr create --name c $words "$IMAGE" true
    if [ "$words" = '--uidmap 0:0:1 -u 5' ]; then
      assert_status 0
      run ctr start -a c
    fi
    assert_status 125
    ctr rm -f c >/dev/null 2>&1 || true
  done
  run ctr create --uidmap 0:70000:10 "$IMAGE" true
  assert_contains 'Error: --uidmap: uids 70000-70009 are not among those of this user: 0-65536'
  run ctr create --uidmap 0:@5:1 "$IMAGE" true
  assert_contains "uid 5 is not among those of this user: $(id -u), $first_subid-$((first_subid + 65535)) of the host"
}

@test "--userns ns: joins a namespace that a process of the user has made" {
  unshare --user --map-root-user sleep 100 &
  local holder=$!
  wait_for grep -q . "/proc/$holder/uid_map"
  runs --userns "ns:/proc/$holder/ns/user" "$IMAGE" sh -c "$maps; readlink /proc/self/ns/user; id -u"
  assert_output "$(printf '0 %s 1\n0 %s 1' "$(id -u)" "$(id -g)")"$'\n'"$(readlink "/proc/$holder/ns/user")"$'\n0'
  run -0 ctr create --name c --userns "ns:/proc/$holder/ns/user" --network none "$IMAGE" true
  run -0 ctr inspect -f '{{.HostConfig.UsernsMode}}' c
  assert_output "ns:/proc/$holder/ns/user"
  run -0 ctr run --rm --userns "ns:/proc/$holder/ns/user" "$IMAGE" ip -o addr show eth0
  assert_contains '10.0.2.100/24'
  kill "$holder"
  wait "$holder" || true
  run -125 ctr start c
  assert_contains 'cannot find specified user namespace path'
  ctr rm c >/dev/null
  for place in /proc/self/ns/net /proc/self/ns/user /proc/1/status relative; do
    run -125 ctr run --rm --network none --userns "ns:$place" "$IMAGE" true
  done
  run -125 ctr run --rm --network none --userns ns:/proc/self/ns/user "$IMAGE" true
  assert_contains 'it is the user namespace that ctr runs in'
  run -125 ctr pod create --userns "ns:/proc/self/ns/user"
  assert_contains '--userns ns: is not supported for a pod'
}

@test "--subuidname takes the ranges of a name" {
  runs --subuidname "$(id -un)" "$IMAGE" sh -c "$maps"
  assert_output $'0 1 65536\n0 1 65536'
}

@test "nomap leaves the user out" {
  runs --userns nomap "$IMAGE" sh -c "$maps; stat -c %u /bin/sh"
  assert_output $'0 1 65536\n0 1 65536\n0'
}

@test "the private network is there for containers whose root is another user of the host" {
  for how in '--userns keep-id' '--userns auto'; do
    # shellcheck disable=SC2086
    run -0 ctr run --rm $how "$IMAGE" grep -c eth0 /proc/net/dev
    assert_output 1
  done
}

@test "automatic maps are disjoint, also those made at the same time, and free when their container is removed" {
  local pids=() i
  for i in 1 2 3 4; do ctr create --name "c$i" --network none --userns auto "$IMAGE" true >/dev/null & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i"; done
  run ctr inspect -f '{{index .HostConfig.IDMappings.UidMap 0}} {{.HostConfig.UsernsMode}}' c1 c2 c3 c4
  assert_status 0
  [ "$(sort <<<"$output")" = "$(printf '0:%d:1024 private\n' 1 1025 2049 3073 | sort)" ] || fail "$output"
  ctr rm c1 c2 c3 >/dev/null
  run ctr create --name big --userns auto:size=65000 "$IMAGE" true
  assert_status 125
  assert_contains 'the container needs 65000 uids, and 64512 of the 65536 subordinate ones are free'
  make created explicit --uidmap "0:1:60000"
  make created small --userns auto:size=5,uidmapping=1000:0:1
  run ctr inspect -f '{{.HostConfig.IDMappings.UidMap}}' small
  assert_output '[0:60001:5 1000:0:1]'
}

@test "volumes and directories of the host belong to the ids of the container, and overlays that cannot be are refused" {
  mkdir -m 700 "$BATS_TEST_TMPDIR/private" && mkdir "$BATS_TEST_TMPDIR/private/given" "$BATS_TEST_TMPDIR/private/kept"
  runs --userns auto -u 7:8 -w / -v "$BATS_TEST_TMPDIR/private/given:/given:U" -v "$BATS_TEST_TMPDIR/private/kept:/kept" -v filled:/tmp \
    "$IMAGE" stat -c '%u:%g' /given /kept /tmp
  assert_output $'7:8\n65534:65534\n0:0'
  for how in "-v $BATS_TEST_TMPDIR/private/kept:/kept:O" "--mount type=image,src=$IMAGE,dst=/image"; do
    # shellcheck disable=SC2086
    run ctr run --rm --userns auto --network none $how "$IMAGE" true
    assert_status 125
    assert_match 'needs a user namespace that has|cannot be mounted with this user namespace'
  done
  runs --uidmap 0:0:1000 --mount "type=image,src=$IMAGE,dst=/image" "$IMAGE" stat -c %u /image/bin/sh
  assert_output 0
  unshare --map-auto --map-root-user rm -r "$BATS_TEST_TMPDIR/private/given"
}

@test "PODMAN_USERNS and containers.conf choose the user namespace" {
  mkdir -p "$XDG_CONFIG_HOME/containers"
  printf '[containers]\nuserns = "auto"\nuserns_size = 77\n' >"$XDG_CONFIG_HOME/containers/containers.conf"
  runs "$IMAGE" sh -c 'read -r _ _ size </proc/self/uid_map; echo "$size"'
  rm "$XDG_CONFIG_HOME/containers/containers.conf"
  assert_output 77
  PODMAN_USERNS=keep-id runs "$IMAGE" id -u
  assert_output "$(id -u)"
  PODMAN_USERNS=keep-id runs --userns host "$IMAGE" id -u
  assert_output 0
  PODMAN_USERNS=keep-id runs --uidmap 0:1:5 "$IMAGE" id -u
  assert_output 0
}

@test "keep-id with a size leaves the container so many ids" {
  runs --userns keep-id:uid=5,gid=5,size=10 "$IMAGE" sh -c 'id -u; sum=0; while read -r _ _ n; do sum=$((sum + n)); done </proc/self/uid_map; echo $sum'
  assert_output $'5\n10'
}

@test "a user namespace is joined, with the usual ids and with others" {
  local kind
  for kind in '' '--userns keep-id' '--uidmap 0:1:1000'; do
    # shellcheck disable=SC2086
    make running one $kind
    make running two --userns container:one
    [ "$(ctr exec one readlink /proc/self/ns/user)" = "$(ctr exec two readlink /proc/self/ns/user)" ] || fail "$kind"
    [ "$(ctr exec -u 0 two stat -c %u /bin/sh)" = 0 ]
    run ctr exec -u 0 two sh -c 'echo x >/made && cat /made'
    assert_output x
    run ctr rm -f -t 0 one
    assert_status 125
    assert_contains 'has dependent containers'
    ctr stop -t 0 one two >/dev/null
    # What is needed is started, too.
    ctr start two >/dev/null
    [ "$(ctr exec one readlink /proc/self/ns/user)" = "$(ctr exec two readlink /proc/self/ns/user)" ] || fail "$kind"
    run ctr inspect -f '{{.HostConfig.UsernsMode}}' two
    assert_output "container:$(ctr inspect -f '{{.Id}}' one)"
    ctr rm -f -t 0 --depend one >/dev/null
  done
}

@test "who joins a user namespace has a network of its own, the network of that container, or none" {
  make running one
  local option
  for option in userns pid ipc uts; do
    run -0 ctr run --rm "--$option" container:one "$IMAGE" sh -c 'ip -4 -o addr show eth0; ip route; readlink /proc/self/ns/net'
    assert_contains 10.0.2.100/24
    assert_contains 'default via 10.0.2.2'
    refute_contains "$(ctr exec one readlink /proc/self/ns/net)"
    run -0 ctr run --rm "--$option" container:one --network container:one "$IMAGE" readlink /proc/self/ns/net
    assert_output "$(ctr exec one readlink /proc/self/ns/net)"
  done
  [ "$(ctr ps -aq | wc -l)" = 1 ]
}

@test "processes, memory and the host name are shared with another container" {
  local kind id
  for kind in '' '--userns keep-id'; do
    # shellcheck disable=SC2086
    make running one --hostname first $kind
    ctr run -d --name two --network none --pid container:one --ipc container:one --uts container:one "$IMAGE" \
      sleep 100 >/dev/null
    for space in user pid ipc uts; do
      [ "$(ctr exec one readlink /proc/self/ns/$space)" = "$(ctr exec two readlink /proc/self/ns/$space)" ] ||
        fail "$space $kind"
    done
    [ "$(ctr exec one readlink /proc/self/ns/net)" != "$(ctr exec two readlink /proc/self/ns/net)" ]
    run -0 ctr exec two sh -c 'hostname; cat /etc/hostname; ps -o args | grep -c "^sleep 100"; echo $HOSTNAME'
    assert_output $'first\nfirst\n2\nfirst'
    ctr exec one sh -c 'echo seen >/dev/shm/file'
    run -0 ctr exec two cat /dev/shm/file
    assert_output seen
    id=$(ctr inspect -f '{{.Id}}' one)
    run -0 ctr inspect -f '{{.HostConfig.PidMode}} {{.HostConfig.IpcMode}} {{.HostConfig.UTSMode}} {{.Config.Hostname}}' two
    assert_output "container:$id container:$id container:$id first"
    run -125 ctr rm -f -t 0 one
    assert_contains 'has dependent containers'
    # What is needed is started first; and processes end with the namespace they are in.
    ctr stop -t 0 one two >/dev/null
    ctr start two >/dev/null
    run -0 ctr exec two cat /proc/1/comm
    [ "$(ctr exec one readlink /proc/self/ns/pid)" = "$(ctr exec two readlink /proc/self/ns/pid)" ]
    ctr kill one >/dev/null
    wait_for is_not_running two
    ctr rm -f -t 0 --depend one >/dev/null
  done
}

@test "what namespaces of other containers do not go with is refused" {
  make created one
  make created other
  make created closed --ipc private
  local option
  for option in pid ipc uts; do
    run -125 ctr create --$option container:nosuch "$IMAGE"
    assert_contains "looking up container to share $option namespace with: no container with name or ID \"nosuch\" found"
    run -125 ctr create --$option container:one --userns auto "$IMAGE"
    assert_contains "--$option container:one and another --userns"
    run -125 ctr create --$option container:one --network container:other "$IMAGE"
    assert_contains 'the two are in different user namespaces'
    run -125 ctr create --$option container:one --network none --runtime crun "$IMAGE"
    assert_contains "--$option container: is not supported with --runtime"
  done
  run -125 ctr create --ipc container:closed --network none "$IMAGE"
  assert_match 'joining IPC of container [0-9a-f]{64} is not allowed: non-shareable IPC'
  run -125 ctr create --uts container:one --hostname x --network none "$IMAGE"
  assert_contains 'cannot set hostname when running in the host UTS namespace'
  run -125 ctr create --cgroupns container:one --network none "$IMAGE"
  assert_contains '--cgroupns container:'
  run -125 ctr create --pid container:one --init --network none "$IMAGE"
  assert_contains "cannot add init binary as PID 1 (PID namespace isn't private)"
  # What is in the user namespace of the one can share with both.
  make created friend --userns container:one
  ctr create --name both --network none --pid container:one --ipc container:friend "$IMAGE" >/dev/null
  ctr rm both friend one other closed >/dev/null
}

is_not_running() { [ "$(ctr inspect -f '{{.State.Running}}' "$1")" = false ]; }

@test "what is done with containers is done with those whose ids are mapped" {
  ctr run -d --name c --network none --uidmap 0:1:1000 --uidmap 1000:0 -v data:/data "$IMAGE" \
    sh -c 'echo made >/made; chown 7:8 /made; chown 1000 /data; rm -r /home; sleep 100' >/dev/null
  wait_for ctr exec c test ! -e /home
  run -0 ctr exec -u 7 c id -u
  assert_output 7
  run -0 ctr top c user huser
  assert_contains "$first_subid"
  run -0 ctr diff c
  assert_line 'A /made'
  run -0 ctr commit -q c made:1
  runs made:1 stat -c %u:%g /made
  assert_output 7:8
  ctr export c | tar -tv --numeric-owner -f - made >"$BATS_TEST_TMPDIR/list"
  grep -q ' 7/8 ' "$BATS_TEST_TMPDIR/list"
  ctr inspect c | jq -e '.[0].HostConfig.IDMappings == {UidMap: ["0:1:1000", "1000:0:1"], GidMap: ["0:1:1000", "1000:0:1"]}'
  [ "$(stat -c %u "$(ctr volume inspect -f '{{.Mountpoint}}' data)")" = "$(id -u)" ]
  # The container starts again after its monitor is gone; until the kernel has taken that apart it still runs.
  kill -9 "$(ctr inspect -f '{{.State.ConmonPid}}' c)"
  wait_for is_not_running c
  ctr start c >/dev/null
  wait_for ctr exec c test -e /made
  run -0 ctr container clone --run c
  run -0 ctr exec c-clone sh -c 'grep -c : /etc/passwd; tail -n 1 /proc/self/uid_map | tr -s " "'
  assert_contains ' 1000 '
}
