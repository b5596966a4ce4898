#!/usr/bin/env bats
# ctr runtime: hooks of every kind.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; commands of hooks are meant literally
load helpers
load runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() { new_bundle; }
teardown() { assert_no_containers; }

# hook KIND SCRIPT: adds one that runs on the host with `sh`, and one more word.
hook() {
  config --arg kind "$1" --arg script "$2" --arg bundle "$bundle" \
    '.hooks[$kind] += [{path: "/bin/sh", args: ["sh", "-c", $script, $kind], env: ["PATH=/usr/bin:/bin", "B=\($bundle)"]}]'
}

@test "hooks of every kind run in order, with the state as input" {
  local kind
  for kind in prestart createRuntime createContainer poststart poststop; do
    hook "$kind" 'printf "%s %s\n" "$0" "$(cat)" >>"$B/log"'
  done
  hook startContainer 'printf "%s %s\n" "$0" "$(cat)" >/tmp/log'
  config '.annotations = {mark: "here"}'
  script 'test -e /tmp/log && echo program'
  run -0 rt run box
  assert_output program
  run -0 cut -d ' ' -f 1 log
  assert_output $'prestart\ncreateRuntime\ncreateContainer\npoststart\npoststop'
  run -0 sh -c 'cut -d " " -f 2- log | jq -r "[.status, .id, .annotations.mark, .bundle] | join(\" \")"'
  assert_output "created box here $bundle
created box here $bundle
created box here $bundle
running box here $bundle
stopped box here $bundle"
  run -0 sh -c 'cut -d " " -f 2- rootfs/tmp/log | jq -r "[.status, .pid] | join(\" \")"'
  assert_output 'created 1'
  run -0 sh -c 'sed -n 5p log | cut -d " " -f 2- | jq "has(\"pid\")"'
  assert_output false
}

@test "hooks outside are in the runtime's namespaces, those inside in the container's" {
  local kind
  for kind in prestart createRuntime poststart poststop; do hook "$kind" 'readlink /proc/self/ns/mnt >>"$B/outside"'; done
  hook createContainer 'readlink /proc/self/ns/uts >"$B/inside"; ls "$B" >>"$B/inside"'
  script 'readlink /proc/self/ns/uts'
  run -0 rt run box
  [ "$output" = "$(head -n 1 inside)" ]
  grep -qx config.json inside
  run -0 uniq -c outside
  assert_contains "4 $(readlink /proc/self/ns/mnt)"
}

@test "a hook before the start that fails fails the container, and poststop hooks are run" {
  local kind
  for kind in prestart createRuntime createContainer; do
    base_config >config.json
    rm -f log
    hook "$kind" 'echo words; exit 3'
    hook poststop 'echo poststop >>"$B/log"'
    run -1 rt create box
    assert_contains "error running $kind hook #1: exit status 3: words"
    run -0 cat log
    assert_output poststop
    run -1 rt state box
  done
}

@test "a startContainer hook that fails fails the start, and the container is gone" {
  hook startContainer 'exit 3'
  hook poststop 'echo poststop >>"$B/log"'
  rt create box
  run -1 rt start box
  assert_contains 'error running startContainer hook #1: exit status 3'
  run -0 cat log
  assert_output poststop
  run -1 rt state box
}

@test "a poststart hook that fails destroys the container" {
  script 'sleep 1000'
  hook poststart 'exit 2'
  rt create box
  run -1 rt start box
  assert_contains 'error running poststart hook #1: exit status 2'
  run -1 rt state box
  run -1 rt run -d box
  assert_contains 'error running poststart hook #1: exit status 2'
  run -1 rt state box
}

@test "a poststop hook that fails is a warning, and the others are run" {
  hook poststop 'exit 2'
  hook poststop 'echo second >>"$B/log"'
  run -0 rt run box
  assert_contains 'error running poststop hook #1: exit status 2'
  run -0 cat log
  assert_output second
}

@test "a hook that takes longer than its timeout is killed" {
  config '.hooks.prestart = [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]'
  run -1 rt create box
  assert_contains 'error running prestart hook #1: hook ran past specified timeout of 1 s'
  config '.hooks = {createContainer: [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]}'
  run -1 rt create box
  assert_contains 'error running createContainer hook #1: hook ran past its timeout'
  config '.hooks = {prestart: [{path: "/bin/true", timeout: 0}]}'
  run -1 rt create box
  assert_contains 'timeout'
  config '.hooks = {prestart: [{path: "bin/true"}]}'
  run -1 rt create box
  assert_contains 'an absolute path'
}

@test "a runtime that is killed while it makes a container leaves no process" {
  hook createRuntime 'sed "s/.*\"pid\":\([0-9]*\).*/\1/" >"$B/pid"; kill -9 "$PPID"'
  run -137 rt create box
  local pid
  pid=$(cat pid)
  [ "$pid" -gt 1 ]
  for _ in $(seq 50); do
    [ -d "/proc/$pid" ] || break
    sleep 0.1
  done
  [ ! -d "/proc/$pid" ]
  run -0 rt delete --force box
  run -1 rt state box
}

@test "arguments and environment of a hook are exact" {
  config --arg bundle "$bundle" '.hooks.prestart = [{path: "/bin/sh",
    args: ["zero", "-c", "tr \"\\0\" \"\\n\" </proc/self/environ >$1/env; echo \"$0|$1|$2\" >$1/args", "a b", $bundle, ""]}]'
  run -0 env OUTER=1 ctr-runtime --root "$RUNTIME_ROOT" run box
  run -0 cat args
  assert_output "a b|$bundle|"
  [ ! -s env ]
}

@test "hooks of the creation find the container's mounts made, and its root not yet entered" {
  config '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
  local kind
  for kind in prestart createRuntime; do
    hook "$kind" 'pid=$(sed "s/.*\"pid\":\([0-9]*\).*/\1/"); grep -c " $B/rootfs/tmp " "/proc/$pid/mountinfo" >>"$B/log"'
  done
  hook createContainer 'grep -c " $B/rootfs/tmp " /proc/self/mountinfo >>"$B/log"'
  run -0 rt run box
  run -0 cat log
  assert_output $'1\n1\n1'
}

@test "while hooks of the creation run, the container is being created" {
  hook createRuntime 'ctr-runtime --root "$R" state box | jq -r "\"\(.status) \(.pid > 1)\"" >"$B/status"'
  config --arg root "$RUNTIME_ROOT" --arg path "$PATH" --arg bundle "$bundle" \
    '.hooks.createRuntime[0].env = ["R=\($root)", "PATH=\($path)", "B=\($bundle)"]'
  run -0 rt run box
  run -0 cat status
  assert_output 'creating true'
}

@test "what hooks print goes to the files that annotations name, behind what is there" {
  local kind
  for kind in prestart createRuntime createContainer poststart poststop; do hook "$kind" 'echo "$0"; echo "$0 err" >&2'; done
  config --arg bundle "$bundle" '.annotations = {"run.oci.hooks.stdout": ($bundle + "/out"),
      "run.oci.hooks.stderr": ($bundle + "/err")}
    | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo startContainer; echo startContainer err >&2"]}]'
  echo before >out
  rt create box
  rt start box
  wait_for has_status box stopped
  rt delete box
  run -0 cat out
  assert_output $'before\nprestart\ncreateRuntime\ncreateContainer\nstartContainer\npoststart\npoststop'
  run -0 cat err
  assert_output $'prestart err\ncreateRuntime err\ncreateContainer err\nstartContainer err\npoststart err\npoststop err'
  run -0 stat -c %a err
  assert_output 600
}

@test "with a file for one stream, the other is still told when a hook fails" {
  hook createContainer 'echo out; echo err >&2; exit 3'
  config --arg bundle "$bundle" '.annotations = {"run.oci.hooks.stdout": ($bundle + "/out")}'
  run -1 rt create box
  assert_contains 'error running createContainer hook #1: exit status 3: err'
  run -0 cat out
  assert_output out
}

@test "hooks print into no file that is a link, a directory or a FIFO, nor into a relative path" {
  ln -s "$bundle/config.json" link
  mkfifo fifo
  local path
  for path in "$bundle/link" "$bundle/rootfs" "$bundle/fifo" relative; do
    config --arg path "$path" '.annotations = {"run.oci.hooks.stdout": $path}'
    run -1 rt create box
    assert_contains "annotation run.oci.hooks.stdout: open '$path'"
  done
}
