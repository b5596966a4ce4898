#!/usr/bin/env bats
# ctr runtime below podman and conmon: what they call, with which words, and what they make of the answers.
# shellcheck disable=SC2154,SC2016 # bats and helpers set variables; commands of containers are meant literally
load helpers
load runtime
load podman

setup_file() { start_podman_file; }
teardown_file() { end_podman_file; }
teardown() { assert_podman_left_nothing; }

@test "podman run passes output, errors and the exit code on" {
  run --separate-stderr pod_run box sh -c 'echo out; echo err >&2; exit 7'
  assert_status 7
  assert_output out
  [ "$stderr" = err ] || fail "stderr: $stderr"
}

@test "podman run reads standard input with -i" {
  run pod_run -i box cat <<<'some words'
  assert_status 0
  assert_output 'some words'
}

@test "podman run sets user, directory, environment, host name and mask" {
  run pod_run --user 1000:100 --workdir /tmp --env A=b --hostname box1 --umask 077 --ulimit nofile=100:200 \
    --ulimit nproc=4096:4096 box sh -c 'echo "$(id -u):$(id -g) $(pwd) $A $(hostname) $(umask) $(ulimit -n)"'
  assert_output '1000:100 /tmp b box1 0077 100'
}

@test "podman knows a missing command by 127 and one that cannot be executed by 126" {
  run -127 pod_run box nosuch
  assert_contains 'executable file `nosuch` not found in $PATH'
  assert_contains 'OCI runtime attempted to invoke a command that was not found'
  run pod_run box /etc/passwd
  assert_status 126
  assert_contains 'OCI permission denied'
}

@test "podman finds a detached container, its log, and stops and removes it" {
  pod run -d --network none --name box box sh -c 'trap "echo bye; exit 3" TERM; echo hello; while :; do sleep 0.1; done'
  wait_for log_has hello
  [ "$(pod inspect --format '{{.State.Status}} {{.OCIRuntime}}' box)" = "running $file_dir/podman/ctr-runtime" ]
  [ "$(ctr-runtime --root "$RUNTIME_ROOT" list -q)" = "$(pod ps -q --no-trunc)" ]
  run pod top box pid comm
  assert_match '1 +sh'
  pod stop --time 10 box
  [ "$(pod wait box)" = 3 ]
  run pod logs box
  assert_output "$(printf 'hello\nbye')"
  pod rm box
  [ -z "$(pod ps -aq)" ]
}

log_has() { pod logs box 2>&1 | grep -qx "$1"; }

@test "podman restarts a container" {
  pod run --network none --name box box sh -c 'echo once more'
  run pod start --attach box
  assert_status 0
  assert_output 'once more'
}

@test "podman create and podman start --attach give the exit code" {
  pod create --network none --name box box sh -c 'exit 9'
  run pod start --attach box
  assert_status 9
}

@test "podman kill sends the signal that is named" {
  pod run -d --network none --name box box sh -c 'trap "echo got one; exit 4" USR1; echo ready; while :; do sleep 0.1; done'
  wait_for log_has ready
  pod kill --signal USR1 box
  [ "$(pod wait box)" = 4 ]
  run pod logs box
  assert_line 'got one'
  pod start box
  pod kill box
  [ "$(pod wait box)" = 137 ]
}

@test "podman exec passes output, exit code, user, directory and environment" {
  pod run -d --network none --name box box sleep 100
  run pod exec --user 5:6 --workdir /tmp --env Q=r box sh -c 'echo "$(id -u):$(id -g) $(pwd) $Q"; exit 5'
  assert_status 5
  assert_output '5:6 /tmp r'
  run pod exec -i box cat <<<'through a pipe'
  assert_output 'through a pipe'
  run -127 pod exec box nosuch
  run pod exec box /etc/passwd
  assert_status 126
}

@test "podman exec --detach leaves the program to itself" {
  pod run -d --network none --name box box sleep 100
  pod exec --detach box sh -c 'echo yes >/tmp/made; exec sleep 50'
  wait_for pod exec box grep -q yes /tmp/made
  run pod exec box ps
  assert_contains 'sleep 50'
}

@test "podman run -t gives a terminal, with its size" {
  run "$cli_dir/on-terminal" send:'tty; stty size; exit 6\r' -- bash -c "$(declare -f pod pod_run); pod_run -it box sh"
  assert_status 6
  assert_contains '/dev/pts/0'
  assert_contains '24 80'
}

@test "podman logs tells what a detached container wrote to its terminal" {
  pod run -dt --network none --name box box sh -c 'tty; test -t 0 && test -t 1 && echo on a terminal'
  [ "$(pod wait box)" = 0 ]
  run pod logs box
  assert_contains '/dev/pts/0'
  assert_contains 'on a terminal'
}

@test "podman exec -t gives a terminal" {
  pod run -d --network none --name box box sleep 100
  run "$cli_dir/on-terminal" -- bash -c "$(declare -f pod); pod exec -it box sh -c 'tty; exit 8'"
  assert_status 8
  assert_contains '/dev/pts/'
}

@test "podman run --read-only, --cap-drop and --security-opt restrict" {
  run pod_run --read-only --cap-drop all --security-opt no-new-privileges box \
    sh -c 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; touch /x'
  assert_status 1
  assert_match 'CapEff:.0000000000000000'
  assert_match 'CapBnd:.0000000000000000'
  assert_match 'NoNewPrivs:.1'
  assert_match 'Seccomp:.2'
  assert_contains 'Read-only file system'
}

@test "podman run --security-opt seccomp takes a profile and unconfined" {
  jq -n '{defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 100}]}' >"$file_dir/profile.json"
  run pod_run --security-opt seccomp="$file_dir/profile.json" box mkdir /tmp/x
  assert_status 1
  assert_contains 'Network is down'
  run pod_run --security-opt seccomp=unconfined box grep Seccomp: /proc/self/status
  assert_match 'Seccomp:.0'
}

@test "podman run --init has its init as the first process" {
  run pod_run --init box ps
  assert_match '1 .*/run/podman-init -- ps'
}

@test "podman run mounts volumes, directories and tmpfs" {
  mkdir -p "$file_dir/v"
  echo data >"$file_dir/v/f"
  run pod_run -v "$file_dir/v:/v:ro" -v "$file_dir/v:/w" -v named:/named --tmpfs /t:size=1m box \
    sh -c 'cat /v/f; echo more >/w/g; echo x >/named/x; touch /t/y && cat /named/x; touch /v/z'
  assert_status 1
  assert_line data
  assert_line x
  assert_contains "/v/z: Read-only file system"
  [ "$(cat "$file_dir/v/g")" = more ]
  run pod_run -v named:/named box cat /named/x
  assert_output x
  pod volume rm named
}

@test "podman run --device, --shm-size, --sysctl and --oom-score-adj arrive" {
  run pod_run --device /dev/null:/dev/other --shm-size 1m --sysctl net.ipv4.ip_forward=1 --oom-score-adj 100 box \
    sh -c 'stat -c %t:%T /dev/other; mount | grep -c "/dev/shm.*size=1024k"; cat /proc/sys/net/ipv4/ip_forward
      cat /proc/self/oom_score_adj'
  assert_output "$(printf '1:3\n1\n1\n100')"
}

@test "podman run --network host sees the host's network and --network none none of it" {
  run pod_run box ls /sys/class/net
  assert_output lo
  run pod run --rm --network host box sh -c 'ls -l /proc/self/ns/net'
  assert_contains "$(readlink /proc/self/ns/net)"
}

@test "podman run --userns and --uidmap map the ids" {
  local map=0:1:1000
  if [ "$(id -u)" = 0 ]; then map=0:100000:1000; fi
  run pod_run --uidmap "$map" box sh -c 'id -u; cat /proc/self/uid_map'
  assert_status 0
  assert_match '0 +[0-9]+ +1000'
  if [ "$(id -u)" = 0 ]; then return; fi
  run pod_run --userns keep-id box id -u
  assert_output "$(id -u)"
}

@test "podman run --privileged has every capability and device" {
  run pod_run --privileged box sh -c 'grep CapEff: /proc/self/status; ls /dev/fuse'
  assert_status 0
  refute_contains '0000000000000000'
  assert_line /dev/fuse
}

@test "containers of a pod share names and network" {
  pod pod create --name group --network none --share net,uts >/dev/null
  pod run -d --pod group --name box box sleep 100
  run pod run --rm --pod group box sh -c 'hostname; ls -l /proc/self/ns/net'
  assert_line group
  assert_contains "$(pod exec box ls -l /proc/self/ns/net | sed 's/.*-> //')"
}

@test "podman's words for the log come as JSON whatever the order of the options" {
  new_bundle
  config '.process.args = ["nosuch"]'
  ! ctr-runtime --log-format=json --root "$RUNTIME_ROOT" --log "$bundle/log" --cgroup-manager disabled create \
    --bundle "$bundle" --pid-file "$bundle/pid" --no-new-keyring box || fail 'a missing command was created'
  [ "$(jq -r .level log)" = error ]
  [[ "$(jq -r .msg log)" == 'executable file `nosuch` not found in $PATH: No such file or directory' ]] || fail "$(cat log)"
  ! ctr-runtime --systemd-cgroup=false --log "$bundle/log2" --root "$RUNTIME_ROOT" --log-format json start nosuch ||
    fail 'started'
  [[ "$(jq -r .msg log2)" == *'does not exist'* ]] || fail "$(cat log2)"
}
