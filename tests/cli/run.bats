#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# What `ctr run` and `ctr create` make of an image and their options.

load helpers

setup_file() { start_test_file; pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

runs() { run ctr run --rm --network none "$@"; }

@test "a container prints what its program prints, and ends with its code" {
  runs "$IMAGE" sh -c 'echo out; echo err >&2; exit 7'
  assert_status 7
  assert_line out
  assert_line err
}

@test "a code over 128 is passed on as it is" {
  runs "$IMAGE" sh -c 'sleep 100 & kill -9 $!; wait $!'
  assert_status 137
}

@test "a command that does not exist is 127, one that cannot be executed 126" {
  runs "$IMAGE" nosuchcmd
  assert_status 127
  assert_contains 'not found in $PATH'
  runs "$IMAGE" /etc
  assert_status 126
}

@test "files of variables and labels may be pipes" {
  runs --env-file <(echo A=1) --label-file <(echo l=m) "$IMAGE" sh -c 'echo $A'
  assert_output 1
  runs --env-file /dev/null "$IMAGE" true
  assert_status 0
}

@test "an image that is unknown and not to be pulled is an engine error" {
  run ctr run --rm --pull never nosuchimage true
  assert_status 125
  assert_contains 'nosuchimage: image not known'
}

@test "an image in the store is not pulled again, and one by id is found" {
  id=$(ctr images -q --no-trunc | head -1)
  runs "${id#sha256:}" echo by-id
  assert_status 0
  assert_output by-id
}

@test "the name of a container can be had once" {
  ctr create --name once --network none "$IMAGE" true
  run ctr create --name once --network none "$IMAGE" true
  assert_status 125
  assert_contains 'the container name "once" is already in use by'
  run ctr create --name once --replace --network none "$IMAGE" true
  assert_status 0
  ctr rm once
}

@test "the environment holds the image's, ours and --env, and nothing of the host's" {
  SECRET=x runs -e A=1 -e B -e '' "$IMAGE" env
  assert_status 0
  assert_line A=1
  assert_line container=podman
  assert_line PATH=/bin:/usr/bin
  assert_match 'HOME=/'
  assert_match 'HOSTNAME=[0-9a-f]{12}'
  refute_contains SECRET
}

@test "the host name is the short id, or what --hostname says" {
  runs "$IMAGE" hostname
  assert_match '^[0-9a-f]{12}$'
  runs --hostname box "$IMAGE" sh -c 'hostname; cat /etc/hostname; grep -c box /etc/hosts'
  assert_output $'box\nbox\n1'
}

@test "the working directory is --workdir's, and one that does not exist is refused" {
  runs -w /bin "$IMAGE" pwd
  assert_output /bin
  runs -w /nosuch "$IMAGE" pwd
  [ "$status" -ne 0 ]
  assert_contains 'workdir "/nosuch" does not exist on container'
}

@test "the entrypoint can be replaced" {
  runs --entrypoint /bin/echo "$IMAGE" hello
  assert_output hello
}

@test "stdin reaches the program with -i and is empty without" {
  run bash -c 'echo hello | ctr run --rm -i --network none "$IMAGE" cat'
  assert_output hello
  run bash -c 'echo hello | ctr run --rm --network none "$IMAGE" cat'
  assert_output ''
}

@test "a file for the id is made, never overwritten, and goes with the container" {
  file=$BATS_TEST_TMPDIR/cid
  id=$(ctr run -d --cidfile "$file" --network none "$IMAGE" sleep 100)
  [ "$(cat "$file")" = "$id" ]
  run ctr run -d --cidfile "$file" --network none "$IMAGE" true
  assert_status 125
  ctr rm -f -t 0 "$id"
  [ ! -e "$file" ]
}

@test "limits and the file mode mask are those asked for" {
  runs --ulimit nofile=64:128 "$IMAGE" sh -c 'ulimit -n; ulimit -Hn; umask'
  assert_output $'64\n128\n0022'
  runs --ulimit host "$IMAGE" sh -c 'ulimit -n; ulimit -Hn'
  assert_output "$(ulimit -n; ulimit -Hn)"
  run -125 ctr run --rm --ulimit host --ulimit nofile=1 "$IMAGE" true
  assert_output 'Error: --ulimit host stands alone'
}

@test "a read-only container has a read-only root and writable scratch places" {
  runs --read-only "$IMAGE" sh -c 'touch /x 2>/dev/null && echo root; touch /tmp/x && echo tmp; touch /run/x && echo run'
  assert_output $'tmp\nrun'
}

@test "a container whose scratch places are read-only, too, has its devices" {
  runs --read-only --read-only-tmpfs=false --tmpfs /a:ro -v /etc:/a/etc "$IMAGE" \
    sh -c 'echo >/dev/null; test -f /a/etc/passwd; touch /dev/x /a/x /tmp/x 2>/dev/null || mount | grep -E " /(dev|a) .*\(ro" | wc -l'
  assert_output 2
}

@test "--init puts an init before the program" {
  runs --init "$IMAGE" sh -c 'echo $$'
  assert_status 0
  [ "$output" != 1 ]
}

@test "--shm-size and --sysctl reach the kernel" {
  runs --shm-size 1m "$IMAGE" sh -c 'df -k /dev/shm | tail -1 | { read -r _ size _; echo $size; }'
  assert_output 1024
  runs --sysctl net.ipv4.ip_forward=1 "$IMAGE" cat /proc/sys/net/ipv4/ip_forward
  assert_output 1
}

@test "without a network there is loopback only, and the host's network is the host's" {
  runs "$IMAGE" ls /sys/class/net
  assert_output lo
  run ctr run --rm --network host "$IMAGE" readlink /proc/self/ns/net
  assert_output "$(readlink /proc/self/ns/net)"
}

@test "--explain prints the steps and changes nothing" {
  run ctr run --explain --network none "$IMAGE" true
  assert_status 0
  assert_contains pivot
  [ -z "$(ctr ps -aq)" ]
}

@test "--rootfs runs a directory" {
  mkdir -p "$BATS_TEST_TMPDIR/root/bin"
  cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/bin/sh"
  run ctr run --rm --network none --rootfs "$BATS_TEST_TMPDIR/root" /bin/sh -c 'echo in-root'
  assert_output in-root
}

@test "--tz sets the time zone, by a link where the image has the zone" {
  runs --tz Asia/Tokyo "$IMAGE" sh -c 'date +%Z; [ -L /etc/localtime ] || echo file'
  assert_output $'JST\nfile'
  push_image test/zones '{"layers": [{"busybox": true}, {"entries": [
    {"path": "usr/share/zoneinfo/Asia/Tokyo", "content": "TZif2"},
    {"path": "etc/localtime", "type": "symlink", "link": "/usr/share/zoneinfo/UTC"}]}]}' >/dev/null
  runs -q --tz Asia/Tokyo "$REGISTRY/test/zones" readlink /etc/localtime
  assert_output ../usr/share/zoneinfo/Asia/Tokyo
  runs --tz local "$IMAGE" date +%Z
  assert_output "$(date +%Z)"
}

@test "a time zone that the host does not have is refused before anything is created" {
  for zone in Foo/Bar America ../../../etc/passwd /etc/passwd; do
    run ctr create --name zoned --tz "$zone" "$IMAGE" true
    assert_status 125
    assert_contains 'finding timezone'
  done
  run ctr container exists zoned
  assert_status 1
}

@test "options of a new container that once had no effect have one" {
  runs --ipc none "$IMAGE" test -e /dev/shm
  assert_status 1
  runs --dns none "$IMAGE" test -e /etc/resolv.conf
  assert_status 1
  runs --dns nonsense "$IMAGE" true
  assert_output 'Error: nonsense is not an ip address'
  run ctr create --attach nonsense "$IMAGE" true
  assert_status 125
  assert_contains 'invalid stream "nonsense" for --attach'
  ctr create --name unchecked --no-healthcheck "$IMAGE" true >/dev/null
  run ctr inspect --format '{{json .Config.Healthcheck}}' unchecked
  assert_output '{"Test":["NONE"]}'
}

@test "containers.conf says what options that are not given mean" {
  printf '[containers]\nread_only = true\ntz = "Asia/Tokyo"\nannotations = ["a=b"]\nnetns = "none"\nvolumes = ["/etc:/host:ro"]\n' \
    >"$BATS_TEST_TMPDIR/conf"
  CONTAINERS_CONF=$BATS_TEST_TMPDIR/conf run ctr run --rm "$IMAGE" sh -c 'touch /x 2>/dev/null || echo frozen; ls /sys/class/net; date +%Z; test -d /host && echo mounted'
  assert_output $'frozen\nlo\nJST\nmounted'
  CONTAINERS_CONF=$BATS_TEST_TMPDIR/conf run ctr run --rm --read-only=false --tz UTC -v /tmp:/host "$IMAGE" sh -c 'touch /x && date +%Z; ls -d /host/passwd 2>/dev/null'
  assert_output UTC
}
