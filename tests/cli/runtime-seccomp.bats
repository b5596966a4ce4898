#!/usr/bin/env bats
# ctr runtime: filters, and the agents that decide about system calls.
# shellcheck disable=SC2154,SC2016 # helpers set file_dir; commands of the container are meant literally
load helpers
load runtime

setup_file() { start_runtime_file; }
teardown_file() { end_runtime_file; }
setup() {
  new_bundle
  agent=
}
teardown() {
  [ -z "$agent" ] || kill "$agent"
  assert_no_containers
}

# start_agent: it listens at $bundle/agent/socket; what it is told is in $bundle/agent.
start_agent() {
  mkdir agent
  "$cli_dir/seccomp-agent" "$bundle/agent/socket" "$bundle/agent" >agent/words 2>&1 3>&- &
  agent=$!
  wait_for test -S agent/socket
}

# ask_about CALLS METADATA: an agent decides about them.
ask_about() {
  config --argjson names "$1" --arg metadata "$2" --arg path "$bundle/agent/socket" \
    '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $path, listenerMetadata: $metadata,
      syscalls: [{names: $names, action: "SCMP_ACT_NOTIFY"}]}'
}

@test "the agent of a created container gets the listener at the start, and decides" {
  start_agent
  ask_about '["mkdir", "mkdirat"]' errno=13
  script 'mkdir /tmp/made 2>/tmp/words; sleep 1000'
  rt create box
  [ ! -e agent/1.json ] || fail 'the agent was told before there is a filter'
  local pid
  pid=$(pid_of box)
  rt start box
  wait_for test -s rootfs/tmp/words
  grep -q 'Permission denied' rootfs/tmp/words
  run -0 jq -r '[.fds[0], .metadata, .state.id, .state.status, .state.bundle] | join(" ")' agent/1.json
  assert_output "seccompFd errno=13 box created $bundle"
  run -0 jq '.pid, .state.pid' agent/1.json
  assert_output "$pid
$pid"
  # One more process is one more listener.
  run -1 rt exec box mkdir /tmp/more
  assert_contains 'Permission denied'
  run -0 jq -r .state.status agent/2.json
  assert_output running
}

@test "calls that the start itself takes may be left to the agent" {
  start_agent
  ask_about '["execve"]' continue
  script 'echo ran >/tmp/marker'
  rt create box
  rt start box
  wait_for test -s rootfs/tmp/marker
}

@test "without the agent a created container is not started, and can be once it is there" {
  mkdir nothing
  ask_about '["mkdir"]' errno=13
  script 'echo ran >/tmp/marker'
  rt create box
  run -1 rt start box
  assert_contains 'reach the seccomp agent'
  [ "$(state_of box)" = created ] || fail "$(state_of box)"
  [ ! -e rootfs/tmp/marker ] || fail 'it ran'
  start_agent
  rt start box
  wait_for test -s rootfs/tmp/marker
}

@test "startContainer hooks are held by the filter, and createContainer hooks are not" {
  config --arg bundle "$bundle" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 13}]}
    | .hooks = {createContainer: [{path: "/bin/mkdir", args: ["mkdir", $bundle + "/made"]}],
      startContainer: [{path: "/bin/mkdir", args: ["mkdir", "/tmp/made"]}]}'
  rt create box
  [ -d made ]
  run -1 rt start box
  assert_contains 'error running startContainer hook #1: exit status 1'
  assert_contains 'Permission denied'
  [ ! -e rootfs/tmp/made ]
}
