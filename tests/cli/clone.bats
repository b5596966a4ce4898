#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# container clone, and mounts of containers and images inside of ctr unshare.

load helpers

setup_file() {
  start_test_file
  pull_busybox
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

inside() { run ctr unshare "$@"; }

@test "a clone has the options, the image and the volumes of its model" {
  ctr create --name model --env A=1 -v /data -v named:/n --label l=x --pidfile "$BATS_TEST_TMPDIR/pid" --network none \
    "$IMAGE" sh -c 'echo $A; cat /data/f' >/dev/null
  run ctr container clone model
  assert_match '^[0-9a-f]{64}$'
  run -0 ctr container clone model
  run -0 ctr container clone model other
  run ctr ps -a --format '{{.Names}}'
  for name in model model-clone model-clone1 other; do assert_line "$name"; done
  run ctr inspect --format '{{.Config.Labels.l}} {{.PidFile}}.' other
  assert_output 'x .'
  anonymous='{{range .Mounts}}{{.Name}} {{end}}'
  [ "$(ctr inspect --format "$anonymous" model)" = "$(ctr inspect --format "$anonymous" other)" ]
  ctr run --rm --volumes-from model --network none "$IMAGE" sh -c 'echo shared >/data/f'
  run ctr start -a model-clone
  assert_output $'1\nshared'
}

@test "a clone can take the place of its model, and start" {
  ctr run -d --name model --network none "$IMAGE" sleep 100 >/dev/null
  run ctr container clone --destroy model
  assert_status 125
  assert_contains 'running or paused containers cannot be removed without force'
  run ctr ps -aq
  [ "${#lines[@]}" -eq 1 ]
  run ctr container clone --force model
  assert_status 125
  assert_contains 'cannot set --force without --destroy'
  run -0 ctr container clone --destroy --force --run --name second model
  run ctr ps -a --format '{{.Names}} {{.State}}'
  assert_output 'second running'
  run ctr container clone nosuch
  assert_status 125
  assert_contains 'no container with name or ID "nosuch" found: no such container'
}

@test "roots are mounted inside of ctr unshare only" {
  ctr create --name c --network none "$IMAGE" cat /made >/dev/null
  for verb in mount 'image mount'; do
    # shellcheck disable=SC2086
    run ctr $verb
    assert_status 125
    assert_contains "cannot run command \"ctr $verb\" in rootless mode, must execute \`ctr unshare\` first"
  done
  inside sh -c 'set -e; m=$(ctr mount c); echo made >"$m/made"; ctr mount | grep -c "$m"; ctr umount c; ls -A "$m"'
  assert_status 0
  assert_output $'1\nc'
  run ctr start -a c
  assert_output made
  inside ctr umount c
  assert_status 125
  assert_contains 'layer is not mounted'
}

@test "an image is mounted read-only" {
  inside sh -c 'set -e; m=$(ctr image mount "$IMAGE"); ls "$m/bin/sh"; touch "$m/x" || ctr image mount; ctr image umount -a'
  assert_status 0
  assert_contains /bin/sh
  assert_contains 'Read-only file system'
  assert_contains "$IMAGE"
  assert_match '[0-9a-f]{64}$'
}

@test "the root of a container that runs is what the container sees" {
  ctr run -d --name c --network none --tmpfs /tmp "$IMAGE" sh -c 'echo made >/made; sleep 100' >/dev/null
  wait_for ctr exec c test -e /made
  inside sh -c 'set -e; m=$(ctr mount c); cat "$m/made"; echo >"$m/answer"; ctr mount; ctr umount c; ls -A "$m"'
  assert_status 0
  assert_line made
  assert_contains "/rootfs"
  assert_match $'\nc$'
  run -0 ctr exec c sh -c 'test -e /answer'
}

# mounted_elsewhere COMMAND...: runs it while `ctr unshare` has the root of container c mounted.
mounted_elsewhere() {
  mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/ready"
  ctr unshare sh -c 'ctr mount c >/dev/null && echo ready >"$0/ready" && read -r _ <"$0/go"' "$BATS_TEST_TMPDIR" 3>&- &
  local sharer=$!
  read -r _ <"$BATS_TEST_TMPDIR/ready"
  run "$@"
  echo >"$BATS_TEST_TMPDIR/go"
  wait "$sharer"
  rm "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/ready"
}

@test "a container does not start on a root that is mounted elsewhere, and does once it is not" {
  ctr create --name c --network none "$IMAGE" cat /etc/passwd >/dev/null
  mounted_elsewhere ctr start -a c
  assert_status 125
  assert_match 'is mounted by `ctr mount`, where process [0-9]+ is'
  mounted_elsewhere ctr cp "$BATS_TEST_FILENAME" c:/tmp/x
  assert_status 125
  assert_contains 'is mounted by'
  run -0 ctr start -a c
  ctr rm c >/dev/null
  ctr run -d --name c --network none "$IMAGE" sleep 100 >/dev/null
  mounted_elsewhere ctr restart -t 0 c
  assert_status 125
  [ "$(ctr inspect -f '{{.State.Status}}' c)" = running ]
  # Who may not look at the other mounts takes them away.
  ctr stop -t 0 c >/dev/null
  mounted_elsewhere ctr unshare sh -c 'm=$(ctr mount c) && ls "$m/bin/sh"'
  assert_status 0
  run -0 ctr start c
}

@test "a root that fuse-overlayfs serves is mounted with the owners that the container sees" {
  ctr create --name c --network none --userns keep-id "$IMAGE" stat -c %u:%g /made >/dev/null
  inside sh -c 'set -e; m=$(ctr mount c); stat -c %u "$m/bin/sh"; echo made >"$m/made"; ctr umount c; ls -A "$m"; ctr mount c >/dev/null'
  assert_status 0
  assert_output $'1\nc'
  run -0 ctr start -a c
  assert_output "$(id -u):$(id -g)"
  ctr rm c >/dev/null
  ctr run -d --name c --network none --userns keep-id "$IMAGE" sleep 100 >/dev/null
  inside ctr mount c
  assert_status 125
  assert_contains 'is served by fuse-overlayfs, while it runs to the container alone'
}

@test "generate spec tells a container or a pod as podman's API makes one" {
  ctr create --name told --env A=1 --label l=x -v named:/n --cap-add net_raw --network none "$IMAGE" echo hi >/dev/null
  run -0 ctr generate spec told
  [ "$(jq -r '[.name, .env.A, .labels.l, .volumes[0].Name, .volumes[0].Dest, .cap_add[0], .netns.nsmode, .command[1]] |
    join(" ")' <<<"$output")" = 'told-clone 1 x named /n CAP_NET_RAW none hi' ]
  run -0 ctr generate spec --compact --name=false told
  [ "${#lines[@]}" = 1 ]
  [ "$(jq -r .name <<<"$output")" = told ]
  run -0 ctr generate spec -f "$BATS_TEST_TMPDIR/spec" told
  assert_output "$BATS_TEST_TMPDIR/spec"
  [ "$(jq -r .image "$BATS_TEST_TMPDIR/spec")" = "$IMAGE" ]
  ctr pod create --name p --network none --hostname h >/dev/null
  [ "$(ctr generate spec p | jq -r '.name + " " + .hostname')" = 'p-clone h' ]
  run -125 ctr generate spec nosuch
  assert_contains 'could not find a pod or container with the id nosuch'
  ctr pod rm p >/dev/null
  ctr rm told >/dev/null
  ctr volume rm named >/dev/null
}
