#!/usr/bin/env bats
# top: which processes, in which columns, and ps(1) inside of the container.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { ctr rm -fa -t 0 >/dev/null; assert_nothing_left; }

has_processes() { [ "$(ctr top "$1" pid | wc -l)" -eq $(($2 + 1)) ]; }

@test "the default columns are podman's" {
  ctr run -d --name web --network none "$IMAGE" sleep 100
  run -0 ctr top web
  assert_match '^USER        PID         PPID        %CPU        ELAPSED     TTY         TIME        COMMAND'
  assert_match $'\n''root        1           0           [0-9.]+ +[0-9.m]+s +\?           [0-9a-z.]+ +sleep 100$'
}

@test "numbers, ids and names are the container's, with the host's beside them" {
  ctr run -d --name web --network none "$IMAGE" sh -c 'echo "web:x:65:66::/:" >>/etc/passwd; echo "grp:x:66:" >>/etc/group; exec sleep 100'
  wait_for has_processes web 1
  ctr exec -d -u web web sh -c 'sleep 200 & wait'
  wait_for has_processes web 3
  run -0 ctr top web pid,ppid user,group args
  assert_match '^PID         PPID        USER        GROUP       COMMAND'
  assert_match $'\n''1           0           root        root        sleep 100'
  assert_match '[0-9]+ +0           web         grp         sh -c sleep 200 & wait'
  local shell
  shell=$(ctr top web pid args | awk '$2 == "sh" { print $1 }')
  assert_match $'\n'"[0-9]+ +$shell +web         grp         sleep 200"
  # What the host sees is what /proc of the host says.
  local pid host
  while read -r pid host huid; do
    [ "$pid" != HPID ] || continue
    [ "$(awk '/^NSpid:/ { print $NF }' "/proc/$pid/status")" = "$host" ]
    [ "$(awk '/^Uid:/ { print $3 }' "/proc/$pid/status")" = "$huid" ]
  done < <(ctr top web hpid pid huid)
  run -0 ctr top web huser
  # Names of the host's ids are shown to root alone.
  assert_line "$(if [ "$(id -u)" = 0 ]; then id -un; else id -u; fi)"
}

@test "processes in pid namespaces below the container's belong to it" {
  ctr run -d --name web --cap-add sys_admin --network none "$IMAGE" sh -c 'unshare -p -f sleep 123 & exec sleep 100'
  wait_for has_processes web 3
  run -0 ctr top web pid args
  assert_contains 'sleep 123'
}

@test "privileges of a process" {
  ctr run -d --name web --cap-drop all --cap-add chown,kill --network none "$IMAGE" sleep 100
  run -0 ctr top web capeff capprm capbnd capinh capamb seccomp
  assert_line 'EFFECTIVE CAPS  PERMITTED CAPS  BOUNDING CAPS  INHERITED CAPS  AMBIENT CAPS  SECCOMP'
  assert_match 'CHOWN,KILL +CHOWN,KILL +CHOWN,KILL +none +none +filter$'
  ctr run -d --name free --privileged --network none "$IMAGE" sleep 100
  run -0 ctr top free capeff seccomp nice state
  assert_match 'full +disabled +0 +S$'
}

@test "all descriptors and the codes of ps" {
  ctr run -dt --name web --network none "$IMAGE" sleep 100
  run -0 ctr top web comm tty time etime stime label rss vsz pgid rgroup ruser groups hgroup hgroups uid
  assert_match '^COMMAND +TTY +TIME +ELAPSED +STIME +LABEL +RSS +VSZ +PGID +RGROUP +RUSER +GROUPS +HGROUP +HGROUPS +UID'
  assert_match $'\nsleep +pts/0 +[0-9a-z.]+ +[0-9.a-z]+ +20[-0-9]+ [0-9:]+ \+0000 UTC .+ [0-9]+ +[0-9]+ +1 '
  run -0 ctr top -l %p %U %C %a
  assert_match '^PID +USER +%CPU +COMMAND'
}

@test "words that are no descriptors are those of ps in the container" {
  ctr run -d --name web --network none "$IMAGE" sleep 100
  run -0 ctr top web -o pid,args
  assert_line '    1 sleep 100'
  refute_contains 'ps -o pid,args'
  run -0 ctr top web -- aux
  assert_contains 'sleep 100'
  run -125 ctr top web -o nosuch
  assert_contains "'-o': unknown descriptor"
  assert_contains 'descriptors: args,capamb,'
  ctr run -d --name bare --network none "$IMAGE" sh -c 'rm /bin/ps; exec sleep 100'
  gone() { ! ctr exec bare ls /bin/ps; }
  wait_for gone
  run -125 ctr top bare bogus
  assert_contains "'bogus': unknown descriptor; executing ps(1) in the container: "
}

@test "what ps writes is bounded and made harmless" {
  ctr run -d --name web --network none "$IMAGE" sh -c 'rm /bin/ps; printf "#!/bin/sh\nprintf \"\\\\033[31mred\\\\n\"; exec yes\n" >/bin/ps; chmod +x /bin/ps; exec sleep 100'
  ready() { [ -n "$(ctr exec web head -c 2 /bin/ps)" ]; }
  wait_for ready
  ctr top web aux >"$BATS_TEST_TMPDIR/out" 2>/dev/null || true
  [ "$(head -n 1 "$BATS_TEST_TMPDIR/out")" = '\x1b[31mred' ]
  [ "$(stat -c %s "$BATS_TEST_TMPDIR/out")" -le 2097152 ]
}

@test "a container that does not run, none, and an unknown one" {
  ctr create --name idle --network none "$IMAGE" sleep 100
  run -125 ctr top idle
  assert_output 'Error: top can only be used on running containers'
  run -125 ctr top idle aux
  assert_output 'Error: top can only be used on running containers'
  run -125 ctr container top nosuch
  assert_output 'Error: unable to look up requested container: no container with name or ID "nosuch" found: no such container'
  run -125 ctr top
  assert_contains 'Error: you must provide the name or id of a running container'
}
