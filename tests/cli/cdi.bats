#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Devices of the Container Device Interface: --device vendor.com/class=name and --gpus.

load helpers

setup_file() {
  start_test_file
  pull_busybox
  mkdir -p "$file_dir/cdi" "$file_dir/later"
  printf '[engine]\ncdi_spec_dirs = ["%s", "%s"]\n' "$file_dir/cdi" "$file_dir/later" >"$file_dir/cdi.conf"
  export CONTAINERS_CONF_OVERRIDE=$file_dir/cdi.conf
  echo tools >"$file_dir/tools"
  hook() { jq -n --arg name "$1" --arg to "$file_dir/$2" \
    '{hookName: $name, path: "/bin/sh", args: ["sh", "-c", "cat >\"$0\"", $to]}'; }
  jq -n --arg tools "$file_dir/tools" --argjson hooks "$(
    for name in createRuntime createContainer poststart poststop; do hook "$name" "$name"; done | jq -s .
  )" '{cdiVersion: "0.6.0", kind: "vendor.test/unit",
    containerEdits: {env: ["UNIT=all"], mounts: [{hostPath: $tools, containerPath: "/opt/tools", options: ["ro"]}]},
    devices: [
      {name: "0", containerEdits: {env: ["UNIT_0=yes", "PLAIN=device"],
                                   deviceNodes: [{path: "/dev/unit0", hostPath: "/dev/null"}]}},
      {name: "hooked", containerEdits: {hooks: $hooks}},
      {name: "net", containerEdits: {netDevices: [{hostInterfaceName: "lo"}]}}]}' >"$file_dir/all.json"
  jq 'del(.devices[2])' "$file_dir/all.json" >"$file_dir/cdi/unit.json"
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

# unit DEVICE WORD...: a container with that device.
unit() { run ctr run --rm --network none --device vendor.test/unit="$1" "${@:2}"; }

@test "a device brings its nodes, mounts and variables" {
  unit 0 --env PLAIN=own "$IMAGE" sh -c 'stat -c "%t:%T" /dev/unit0; echo $UNIT $UNIT_0 $PLAIN; cat /opt/tools
    echo more >/opt/tools'
  assert_status 1
  assert_line 1:3
  assert_line 'all yes device'
  assert_line tools
  assert_contains 'Read-only file system'
}

@test "hooks of a device run around the container, and in it, with its state" {
  unit hooked --name hooked "$IMAGE" true
  assert_status 0
  [ "$(jq -r .status "$file_dir/createRuntime")" = created ]
  [ "$(jq -r .status "$file_dir/poststart")" = running ]
  [ "$(jq -r .status "$file_dir/poststop")" = stopped ]
  [ "$(jq -r .pid "$file_dir/createContainer")" = 1 ]
  id=$(jq -r .id "$file_dir/createContainer")
  [ "$(jq -r .bundle "$file_dir/poststop")" = "$XDG_DATA_HOME/ctr/containers/$id" ]
}

@test "a hook that fails keeps the container from starting" {
  jq '.kind = "vendor.test/bad" | .devices = [{name: "0", containerEdits: {hooks: [
    {hookName: "createContainer", path: "/bin/false"}]}}]' "$file_dir/all.json" >"$file_dir/cdi/bad.json"
  run ctr run --rm --network none --device vendor.test/bad=0 "$IMAGE" true
  assert_status 125
  assert_contains 'running createContainer hook #1'
}

@test "graphics processors are devices of NVIDIA's kind" {
  jq '.kind = "nvidia.com/gpu" | .devices[0].name = "all"' "$file_dir/all.json" | jq 'del(.devices[2])' \
    >"$file_dir/cdi/nvidia.json"
  run -0 ctr run --rm --network none --gpus all "$IMAGE" sh -c 'echo $UNIT_0'
  assert_output yes
  run -125 ctr run --rm --network none --gpus 7 "$IMAGE" true
  assert_contains "no file of the Container Device Interface has the device 'nvidia.com/gpu=7'"
  assert_contains "$file_dir/later"
}

@test "a pod's devices are its members'" {
  ctr pod create --name p --network none --gpus all --device vendor.test/unit=0 >/dev/null
  run -0 ctr run --rm --pod p "$IMAGE" sh -c 'echo $UNIT_0; stat -c %t:%T /dev/unit0'
  assert_output $'yes\n1:3'
  ctr pod clone --gpus 7 p q >/dev/null
  run -125 ctr run --rm --pod q "$IMAGE" true
  assert_contains "has the device 'nvidia.com/gpu=7'"
  ctr pod rm -f p q >/dev/null
}

@test "a later directory wins, and what cannot be done is never left out" {
  jq '.containerEdits.env = ["UNIT=later"] | del(.devices[2])' "$file_dir/all.json" >"$file_dir/later/unit.json"
  unit 0 "$IMAGE" sh -c 'echo $UNIT'
  assert_output later
  cp "$file_dir/all.json" "$file_dir/later/unit.json"
  unit net "$IMAGE" true
  assert_status 125
  assert_contains "'netDevices' is not supported"
  rm "$file_dir/later/unit.json"
}
