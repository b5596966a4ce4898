#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# What is set up for a program because of what it is, or because its image says so: systemd, seccomp, personality.

load helpers

setup_file() {
  start_test_file
  pull_busybox
  push_image test/profile:1 '{"layers": [{"busybox": true}], "config": {"Env": ["PATH=/bin:/usr/bin"], "Labels": {
    "io.containers.seccomp.profile": "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mkdir\", \"mkdirat\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 95}]}"}}}' >/dev/null
  push_image test/agent:1 '{"layers": [{"busybox": true}], "config": {"Cmd": ["true"], "Labels": {
    "io.containers.seccomp.profile": "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/run/agent\", \"syscalls\": [{\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}"}}}' >/dev/null
  PROFILE=$REGISTRY/test/profile:1
  export PROFILE
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

@test "the seccomp profile of an image is taken when it is asked for, and must be there" {
  run ctr run --rm --network none --seccomp-policy image "$PROFILE" mkdir /tmp/x
  [ "$status" -ne 0 ]
  assert_contains 'not supported'
  run -0 ctr run --rm --network none "$PROFILE" mkdir /tmp/x
  run -125 ctr run --rm --network none --seccomp-policy image "$IMAGE" true
  assert_contains 'no seccomp policy defined by image'
  # An image does not choose who on the host decides.
  run -125 ctr run --rm --network none --seccomp-policy image "$REGISTRY/test/agent:1"
  assert_contains 'the seccomp profile of the image names an agent'
}

@test "--personality is what the program sees" {
  run -0 ctr run --rm --network none --personality linux32 "$IMAGE" uname -m
  [ "$output" != "$(uname -m)" ] || fail "$output"
  run -125 ctr run --personality bsd "$IMAGE" true
  assert_contains 'invalid personality'
}

@test "systemd finds what it needs but a cgroup, where a user has none" {
  [ "$(ctr info --format '{{.Host.CgroupsVersion}}')" != v2 ] || skip 'this host has cgroup v2'
  run -0 ctr create --name s --network none "$IMAGE" /sbin/init
  assert_contains "systemd in a container needs a cgroup of the container's own"
  run ctr inspect --format '{{.Config.SystemdMode}} {{.Config.StopSignal}}' s
  assert_output 'true SIGRTMIN+3'
  ctr create --name plain --network none "$IMAGE" sh
  run ctr inspect --format '{{.Config.SystemdMode}} {{.Config.StopSignal}}' plain
  assert_output 'false SIGTERM'
  run -125 ctr run --rm --network none --systemd always "$IMAGE" true
  assert_contains "systemd in a container needs a cgroup of the container's own"
  run -0 ctr create --name no --network none --systemd=false "$IMAGE" /sbin/init
  refute_contains cgroup
  run ctr inspect --format '{{.Config.SystemdMode}}' no
  assert_output false
}
