#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# What a container may not see or do.

load helpers

setup_file() { start_test_file; pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

runs() { run ctr run --rm --network none "$@"; }

@test "the default capabilities are podman's eleven, inheritable and ambient empty" {
  runs "$IMAGE" grep ^Cap /proc/self/status
  assert_line $'CapInh:\t0000000000000000'
  assert_line $'CapPrm:\t00000000800405fb'
  assert_line $'CapEff:\t00000000800405fb'
  assert_line $'CapBnd:\t00000000800405fb'
  assert_line $'CapAmb:\t0000000000000000'
}

@test "another user than root has no capabilities" {
  runs -u 1000 "$IMAGE" grep ^CapEff /proc/self/status
  assert_output $'CapEff:\t0000000000000000'
}

@test "capabilities are added and dropped by name" {
  runs --cap-drop all --cap-add kill "$IMAGE" grep ^CapEff /proc/self/status
  assert_output $'CapEff:\t0000000000000020'
  runs --cap-add nosuch "$IMAGE" true
  assert_status 125
}

@test "the filter is on, and off only when asked" {
  runs "$IMAGE" grep ^Seccomp: /proc/self/status
  assert_output $'Seccomp:\t2'
  runs --security-opt seccomp=unconfined "$IMAGE" grep ^Seccomp: /proc/self/status
  assert_output $'Seccomp:\t0'
}

@test "exec is filtered and bounded as the container is" {
  id=$(ctr run -d --network none "$IMAGE" sleep 100)
  run ctr exec "$id" grep -E '^(Seccomp:|CapEff|CapBnd)' /proc/self/status
  assert_output $'CapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nSeccomp:\t2'
  ctr rm -f -t 0 "$id"
}

@test "no-new-privileges is set when asked for" {
  runs --security-opt no-new-privileges "$IMAGE" grep ^NoNewPrivs /proc/self/status
  assert_output $'NoNewPrivs:\t1'
}

@test "no descriptor but the standard ones reaches the program" {
  # 3 is the directory that ls reads.
  runs "$IMAGE" ls /proc/self/fd
  assert_output $'0\n1\n2\n3'
}

@test "kernel memory, keys and firmware are hidden, and the kernel's settings read-only" {
  runs "$IMAGE" sh -c 'cat /proc/kcore /proc/keys 2>/dev/null | wc -c; ls /sys/firmware; echo x 2>/dev/null >/proc/sys/kernel/domainname || echo denied'
  assert_output $'0\ndenied'
}

@test "options for /proc are added to the usual ones" {
  run -0 ctr run --rm --network none --security-opt proc-opts=hidepid=2 "$IMAGE" grep ' /proc proc' /proc/mounts
  assert_match 'rw,nosuid,nodev,noexec,.*hidepid=(2|invisible)'
  run -125 ctr run --rm --pid host --security-opt proc-opts=hidepid=2 "$IMAGE" true
  assert_contains "with --pid host the container is shown the host's /proc as it is"
}

@test "the root of a container is the user outside, and processes of others are not seen" {
  runs "$IMAGE" sh -c 'cat /proc/self/uid_map | head -1'
  assert_match "^ *0 +$(id -u) +1$"
  runs "$IMAGE" sh -c 'ls -d /proc/[0-9]* | wc -l'
  [ "$output" -le 4 ]
}

@test "unknown users and groups are refused in podman's words" {
  runs -u nosuchuser "$IMAGE" true
  [ "$status" -ne 0 ]
  assert_contains 'unable to find user nosuchuser: no matching entries in passwd file'
}

@test "groups are exactly those asked for" {
  runs -u 5:6 --group-add 9 "$IMAGE" grep ^Groups: /proc/self/status
  assert_match $'^Groups:\t6 9 ?$'
}

@test "the store and the records are for their user alone" {
  [ "$(stat -c %a "$XDG_DATA_HOME/ctr")" = 700 ]
  [ "$(stat -c %a "$XDG_RUNTIME_DIR/ctr")" = 700 ]
}

# The container makes the command that joins it execute itself as a program of the container, holds the file of that
# process, and writes to it when the process has ended and the file is not busy any more (CVE-2019-5736). Root of the
# container is the user, and so is the owner of this copy: it joins a container that another ctr has started, as after
# an upgrade, since the monitor keeps its own file busy.
@test "a container that executes ctr itself cannot write to the file" {
  local own=$file_dir/own/ctr before
  mkdir "$file_dir/own"
  cp "$(dirname "$CTR")"/ctr "$(dirname "$CTR")"/ctr-* "$file_dir/own/"
  chmod u+w "$own"
  before=$(sha256sum <"$own")
  ctr run -d --name box --network none "$IMAGE" sleep 1000
  ctr exec box mkfifo /fifo
  # It waits for a reader of its log, and is ctr meanwhile.
  "$own" exec -d box /proc/self/exe runtime --log /fifo state nosuch
  run -0 ctr exec -i box sh <<'A'
for p in /proc/[0-9]*; do
  case "$(readlink "$p/exe")" in
    *busybox | '') ;;
    *) exec 3<"$p/exe" && echo held ;;
  esac
done
cat /fifo >/dev/null
sleep 0.3
{ echo overwritten >>/proc/self/fd/3; } 2>/dev/null && echo written
true
A
  assert_output held
  [ "$before" = "$(sha256sum <"$own")" ]
}
