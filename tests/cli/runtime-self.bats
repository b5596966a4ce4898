#!/usr/bin/env bats
# ctr runtime: the engine's own program is out of reach of containers (CVE-2019-5736), features and spec.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; commands of the container are meant literally
load helpers
load runtime

# A copy of the program that the container's root could write to: the user's own.
setup_file() {
  start_runtime_file
  cp "$CTR" "$file_dir/bin/ctr-own"
  chmod 755 "$file_dir/bin/ctr-own"
  mkdir "$file_dir/own"
  mv "$file_dir/bin/ctr-own" "$file_dir/own/ctr-runtime"
}
teardown_file() { end_runtime_file; }
setup() { new_bundle; }
teardown() { assert_no_containers; }

own() { "$file_dir/own/ctr-runtime" --root "$RUNTIME_ROOT" "$@"; }

# The container makes the engine execute itself as a program of the container, holds the file of that process, and writes
# to it when the process has ended and the file is not busy any more.
@test "a container that executes the engine's program cannot write to it" {
  local before
  before=$(sha256sum <"$file_dir/own/ctr-runtime")
  mkfifo rootfs/tmp/fifo
  cat >rootfs/bin/attack <<'A'
#!/bin/sh
for p in /proc/[0-9]*; do
  case "$(readlink "$p/exe")" in
    /bin/busybox | '') ;;
    *) exec 3<"$p/exe" && echo held ;;
  esac
done
cat /tmp/fifo >/dev/null
sleep 1
{ echo overwritten >>/proc/self/fd/3; } 2>/dev/null && echo written
echo done
A
  chmod 755 rootfs/bin/attack
  script 'sleep 1000'
  own run -d box
  # It waits for a reader of its log, and is the engine's program meanwhile.
  own exec -d box /proc/self/exe runtime --log /tmp/fifo state nosuch
  # Detached: on the host, too, no process may keep the file busy.
  own exec -d box sh -c 'attack >/tmp/result'
  wait_for grep -q 'done' rootfs/tmp/result
  run -0 cat rootfs/tmp/result
  assert_output $'held\ndone'
  [ "$before" = "$(sha256sum <"$file_dir/own/ctr-runtime")" ]
  own delete --force box
}

@test "features is JSON that names what is accepted" {
  run -0 rt features
  printf '%s' "$output" >features.json
  run -0 jq -r '[.ociVersionMin, .ociVersionMax, (.hooks | length), .linux.seccomp.enabled, .linux.cgroup.v1] | map(tostring) | join(" ")' features.json
  assert_output '1.0.0 1.3.0 6 true false'
  # Every capability, and of seccomp every flag and the architectures of this byte order, are accepted.
  jq --slurpfile f features.json '.process.capabilities.bounding = $f[0].linux.capabilities
    | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: [$f[0].linux.seccomp.archs[] | select(test("X86"))],
        flags: ($f[0].linux.seccomp.supportedFlags - ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])}' config.json >new.json
  mv new.json config.json
  run -0 rt run box
}

@test "spec writes a configuration that runs, and never over one that is there" {
  rm config.json
  rt spec
  run -1 rt spec
  assert_contains 'config.json'
  [ "$(jq -r '.process.args[0]' config.json)" = sh ]
  rm config.json
  rt spec --rootless
  jq '.process.terminal = false | .process.args = ["true"] | .root.readonly = false' config.json >new.json
  mv new.json config.json
  [ "$(jq -c '.linux.uidMappings' config.json)" = "[{\"containerID\":0,\"hostID\":$(id -u),\"size\":1}]" ]
  run -0 rt run box
  mkdir other
  rt spec -b other
  [ -e other/config.json ]
}

@test "compiled filters are kept between containers" {
  config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["getcwd"], action: "SCMP_ACT_ERRNO", errnoRet: 99}]}'
  run -0 rt run box
  [ -n "$(ls "$RUNTIME_ROOT/.filters")" ]
  run -0 rt run box
}
