#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Pods: their verbs, what members share, and what is left of them.

load helpers

setup_file() {
  start_test_file
  pull_busybox
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

# Containers here need no way out: --network none of the pod spares its uplink.
make_pod() { ctr pod create --network none "$@" >/dev/null; }
state() { ctr pod inspect -f '{{.State}}' "$1"; }
in_state() { [ "$(state "$1")" = "$2" ]; }
has_ended() { [ "$(ctr inspect -f '{{.State.Status}}' "$1")" = exited ]; }

@test "a pod is made, listed, inspected and removed" {
  run -0 ctr pod create --name web --label tier=front --network none
  assert_match '^[0-9a-f]{64}$'
  id=$output
  run -0 ctr pod ps
  assert_match "^POD ID +NAME +STATUS +CREATED +INFRA ID +# OF CONTAINERS"$'\n'"${id:0:12} +web +Created +.* ago +0$"
  run -0 ctr pod ps --format '{{.ID}} {{.Name}} {{.NumberOfContainers}} {{.Status}}' --no-trunc --filter label=tier=front
  assert_output "$id web 0 Created"
  run -0 ctr pod ps -q --filter status=running
  assert_output ''
  run -0 ctr pod inspect -f '{{.Name}} {{.Id}} {{.Hostname}} {{.ExitPolicy}} {{.NumContainers}} {{.SharedNamespaces}}' web
  assert_output "web $id web continue 0 [ipc net uts]"
  run -0 ctr pod ps --format json
  [ "$(jq -r '.[0] | [.Id, .Name, .Status] | join(" ")' <<<"$output")" = "$id web Created" ]
  run -0 ctr pod exists web
  run -1 ctr pod exists nosuch
  run -0 ctr pod rm web
  assert_output "$id"
  run -0 ctr pod ps -q
  assert_output ''
}

@test "names of pods are taken once, and --replace takes them over" {
  make_pod p
  run -125 ctr pod create --name p
  assert_output "Error: adding pod to state: name \"p\" is in use: pod already exists
hint: --replace removes that pod first"
  run -0 ctr pod create --network none --replace --name p
  run -0 ctr pod ps -q
  [ "${#lines[@]}" = 1 ]
  # A container may have the name as well.
  run -0 ctr run --rm --name p --network none "$IMAGE" true
}

@test "members share network, host name, hosts file and shared memory, and nothing else" {
  make_pod --hostname shared p
  ctr run -d --pod p --name server "$IMAGE" sh -c 'echo kept >/dev/shm/f; exec nc -l -p 1000 -e hostname' >/dev/null
  run -0 ctr run --rm --pod p --name client "$IMAGE" \
    sh -c 'until nc 127.0.0.1 1000; do sleep 0.05; done; cat /dev/shm/f; cat /etc/hostname; ps -o comm | grep -c nc; df -m /dev/shm | tail -1'
  assert_line shared
  assert_line kept
  [ "${lines[2]}" = shared ]
  [ "${lines[3]}" = 0 ]
  assert_match ' 64 .* /dev/shm'
  ctr run -d --pod p --name one "$IMAGE" sleep 100 >/dev/null
  ctr run -d --pod p --name two "$IMAGE" sleep 100 >/dev/null
  run -0 ctr exec one cat /etc/hosts
  assert_line $'127.0.0.1\tone'
  assert_line $'127.0.0.1\ttwo'
  # Whose name is another one by now, or who is gone, is not found any more.
  ctr rename two three
  ctr rm -f -t 0 server >/dev/null
  run -0 ctr exec one cat /etc/hosts
  assert_line $'127.0.0.1\tthree'
  for gone in two server client; do
    ! grep -qx "127.0.0.1.$gone" <<<"$output" || fail "$output"
  done
  for namespace in net ipc uts user; do
    run ctr ps -q --ns --format "{{.$(case $namespace in net) echo NET ;; user) echo User ;; *) echo "${namespace^^}" ;; esac)}}"
    [ "$(sort -u <<<"$output" | wc -l)" = 1 ] || fail "$namespace: $output"
  done
  run ctr ps --format '{{.PIDNS}} {{.MNT}}' --ns
  [ "$(sort -u <<<"$output" | wc -l)" = 2 ]
}

@test "a member gets out through the network of its pod" {
  ctr pod create --name p >/dev/null
  run -0 ctr run --rm --pod p "$IMAGE" sh -c 'ip -4 -o addr show eth0; cat /etc/resolv.conf'
  assert_contains 'inet 10.0.2.100/24'
  # The way out is one process of the pod's, which is replaced when it dies, also while the pod is empty.
  monitor=$(ctr pod inspect -f '{{.MonitorPid}}' p)
  uplink=$(pgrep -P "$monitor")
  private=$(awk '/^Private_Dirty/ { sum += $2 } END { print sum }' "/proc/$monitor/smaps_rollup" "/proc/$uplink/smaps_rollup")
  [ "$private" -lt 1024 ] || fail "$private KiB"
  kill -9 "$uplink"
  has_new_uplink() { pid=$(pgrep -P "$monitor" slirp4netns) && [ "$pid" != "$uplink" ]; }
  wait_for has_new_uplink
  run -0 ctr run --rm --pod p "$IMAGE" ip -4 -o addr show eth0
  assert_contains 'inet 10.0.2.100/24'
}

@test "ports of a pod lead to whoever listens in it, and are its own to say" {
  run -0 ctr pod create -p 127.0.0.1::1000 --name p
  ctr run -d --pod p --name server "$IMAGE" nc -ll -p 1000 -e echo hello >/dev/null
  port=$(ctr pod inspect -f '{{(index (index .InfraConfig.PortBindings "1000/tcp") 0).HostPort}}' p)
  [ "$port" != 0 ]
  says_hello() { [ "$(busybox nc -w 1 127.0.0.1 "$port" </dev/null)" = hello ]; }
  wait_for says_hello
  run -0 ctr ps --format '{{.Ports}}'
  assert_output "127.0.0.1:$port->1000/tcp"
  run -125 ctr run --pod p -p 80 "$IMAGE" true
  assert_contains 'published or exposed ports must be defined when the pod is created: network cannot be configured when it is shared with a pod'
  # Who is there already keeps it; nothing is made beside it.
  run -126 ctr run --pod new:q -p "127.0.0.1:$port:1000" "$IMAGE" true
  assert_contains 'address already in use'
  run -0 ctr pod ps --format '{{.Name}}'
  assert_output p
  # The port is free once the pod is down, and taken by it again.
  run -0 ctr pod restart -a
  wait_for says_hello
}

@test "a pod is a member of networks, by its name" {
  ctr network create n >/dev/null
  ctr pod create --network n --name p >/dev/null
  ctr run -d --pod p --name server "$IMAGE" nc -ll -p 1000 -e echo hello >/dev/null
  run -0 ctr run --rm --network n "$IMAGE" sh -c 'until nc p 1000 </dev/null; do sleep 0.05; done'
  assert_contains hello
  run -0 ctr exec server sh -c 'ip -4 -o addr show eth0; cat /etc/hosts'
  assert_contains 'inet 10.89.'
  assert_line $'127.0.0.1\tserver'
  run -125 ctr run --pod p --network n "$IMAGE" true
  assert_contains 'networks must be defined when the pod is created: network cannot be configured when it is shared with a pod'
  ctr pod rm -f -t 0 p >/dev/null
  ctr network rm n >/dev/null
}

@test "a pod joins and leaves networks while it runs, and at its next start" {
  ctr network create n >/dev/null
  ctr network create m >/dev/null
  ctr pod create --network n --name p >/dev/null
  ctr run -d --pod p --name server "$IMAGE" nc -ll -p 1000 -e echo hello >/dev/null
  ask_in() { ctr run --rm --network "$1" "$IMAGE" nc -w 2 p 1000 </dev/null; }
  run ask_in m
  refute_contains hello
  ctr network connect m p
  run -0 ask_in m
  assert_output hello
  run -125 ctr network connect m p
  assert_contains 'network is already connected'
  ctr network disconnect n p
  run ask_in n
  refute_contains hello
  ctr pod stop -t 0 p >/dev/null && ctr pod start p >/dev/null
  wait_for ask_in m
  run -125 ctr network disconnect n p
  assert_contains 'network is not connected'
  run -125 ctr network connect n server
  assert_contains 'invalid network mode'
  ctr pod rm -f -t 0 p >/dev/null
  ctr network rm n m >/dev/null
}

@test "an empty pod is one small process" {
  make_pod p
  run -0 ctr pod start p
  assert_output p
  [ "$(state p)" = Running ]
  monitor=$(ctr pod inspect -f '{{.MonitorPid}}' p)
  [ -z "$(pgrep -P "$monitor")" ]
  # What it has of its own: pages of the program's file are in the page cache, and those of any process of ctr.
  private=$(awk '/^Private_Dirty/ { print $2 }' "/proc/$monitor/smaps_rollup")
  [ "$private" -lt 1024 ] || fail "$private KiB"
  run -0 ctr pod stop p
  assert_output p
  [ "$(state p)" = Exited ]
  is_gone() { [ ! -e "/proc/$monitor" ]; }
  wait_for is_gone
}

@test "the state of a pod follows its members, and stop and start are for all of them" {
  make_pod p
  ctr create --pod p --name a --requires b "$IMAGE" sleep 100 2>/dev/null && fail 'b is not there'
  ctr create --pod p --name b "$IMAGE" sh -c 'trap "exit 0" TERM; sleep 100 & wait' >/dev/null
  ctr create --pod p --name a --requires b "$IMAGE" sh -c 'trap "exit 0" TERM; sleep 100 & wait' >/dev/null
  [ "$(state p)" = Created ]
  run -0 ctr pod start p
  [ "$(state p)" = Running ]
  run -0 ctr pod ps --format '{{.ContainerNames}} {{.ContainerStatuses}}'
  assert_output 'b,a running,running'
  [ "$(ctr inspect -f '{{.State.StartedAt}}' b)" \< "$(ctr inspect -f '{{.State.StartedAt}}' a)" ]
  ctr kill a >/dev/null
  wait_for in_state p Degraded
  run -0 ctr pod restart p
  [ "$(state p)" = Running ]
  run -0 ctr pod stop -t 5 p
  [ "$(state p)" = Exited ]
  [ ! "$(ctr inspect -f '{{.State.FinishedAt}}' a)" \> "$(ctr inspect -f '{{.State.FinishedAt}}' b)" ]
  run -0 ctr pod start p
  run -125 ctr pod rm p
  assert_contains "has containers that are not ready to be removed: cannot remove container "
  assert_contains "as it is running - running or paused containers cannot be removed without force: container state improper"
  run -0 ctr pod kill p
  wait_for has_ended a
  run -125 ctr pod kill p
  assert_contains 'cannot kill a pod with no running containers'
  run -0 ctr pod rm -f p
  run ctr ps -aq
  assert_output ''
}

@test "starting a member brings its pod up, and the exit policy takes it down" {
  make_pod --exit-policy stop p
  run -0 ctr run --pod p --name c "$IMAGE" true
  wait_for in_state p Exited
  ctr start c >/dev/null
  wait_for in_state p Exited
  run -0 ctr pod prune -f
  assert_match '^[0-9a-f]{64}$'
  run ctr ps -aq
  assert_output ''
  make_pod --exit-policy continue q
  run -0 ctr run --rm --pod q "$IMAGE" true
  [ "$(state q)" = Running ]
}

@test "a container makes its pod, and takes it along when it cannot be made" {
  run -0 ctr run --rm --pod new:p --network none --hostname named "$IMAGE" hostname
  assert_output named
  [ "$(state p)" = Running ]
  run -125 ctr run --pod new:q --network none --user nosuch "$IMAGE" true
  run -125 ctr run --pod new:q --network none nosuch/image:1 true
  run -125 ctr run --pod new:p --network none "$IMAGE" true
  assert_contains 'pod already exists'
  run -0 ctr pod ps --format '{{.Name}}'
  assert_output p
  run -125 ctr run --pod new: "$IMAGE" true
  assert_contains 'new pod name must be at least one character'
}

@test "whatever step fails, there is no pod" {
  no_pod() { [ -z "$(ctr pod ps -q)$(ctr ps -aq)" ] || fail "$1: $(ctr pod ps; ctr ps -a)"; }
  for options in '--sysctl kernel.bogus=1' '-v /nosuch:/x' '--volumes-from nosuch' '--device /dev/nosuch' \
    '--add-host a:b' '--label-file /nosuch' '--pod-id-file /nosuch/x' '--network nosuch' '--userns bogus'; do
    # shellcheck disable=SC2086 # several words
    run ctr pod create $options p
    [ "$status" -ge 125 ] || fail "$options: $output"
    no_pod "$options"
  done
  # Of a container that makes its pod none of the steps until its program runs leaves one.
  run -127 ctr run -d --pod new:n "$IMAGE" /nosuch
  no_pod start
  run -127 ctr run --rm --pod new:n "$IMAGE" /nosuch
  no_pod 'start with --rm'
  run -125 ctr run -d --pod new:n --sysctl kernel.bogus=1 "$IMAGE" true
  no_pod sysctl
  run -125 ctr run -d --pod new:n --user nosuch "$IMAGE" true
  no_pod user
  # What has run stays.
  run -3 ctr run --pod new:n "$IMAGE" sh -c 'exit 3'
  [ "$(ctr pod ps --format '{{.Name}}')" = n ]
}

@test "what the pod decides cannot be said by a member" {
  make_pod p
  run -125 ctr run --pod p --hostname x "$IMAGE" true
  assert_output 'Error: cannot set hostname when joining the pod UTS namespace: invalid configuration
hint: --hostname of `ctr pod create` sets that of all members'
  run -125 ctr run --pod p --userns keep-id "$IMAGE" true
  assert_contains '--userns and --pod cannot be set together'
  run -125 ctr run --pod nosuch "$IMAGE" true
  assert_contains 'no pod with name or ID nosuch found: no such pod'
  run -125 ctr create --init-ctr once "$IMAGE" true
  assert_contains 'must specify pod value with init-ctr'
  run -125 ctr pod create --share cgroup
  assert_contains 'the cgroup namespace cannot be shared'
  run -125 ctr pod create --memory 10m
  assert_contains 'memory cannot be limited'
  run ctr ps -aq
  assert_output ''
}

@test "a member may keep a namespace to itself, and a pod may share other ones" {
  make_pod --share net p
  run -0 ctr run --rm --pod p --hostname own "$IMAGE" hostname
  assert_output own
  make_pod --share +pid q
  ctr run -d --pod q --name sleeper "$IMAGE" sleep 54321 >/dev/null
  run -0 ctr run --rm --pod q "$IMAGE" sh -c 'ps -o args; ls /proc/1/root 2>&1; cat /proc/1/environ; kill -9 1; kill -0 1 && echo alive'
  assert_contains 'sleep 54321'
  assert_contains 'ermission denied'
  assert_contains alive
  # What a member leaves behind is collected by the pod.
  run -0 ctr run --rm --pod q "$IMAGE" sh -c '(sleep 0.1 & ) ; sleep 0.4; ps -o stat,args | grep -c "^Z"' || true
  assert_output 0
  ctr pod create --infra=false --name r >/dev/null
  run -0 ctr run --rm --pod r --network none --name c "$IMAGE" hostname
  assert_match '^[0-9a-f]{12}$'
  [ "$(state r)" = Created ]
}

@test "a pod with ids of its own gives them to all members" {
  make_pod --userns keep-id p
  run -0 ctr run --rm --pod p --user "$(id -u)" "$IMAGE" sh -c 'id -u; echo x >/dev/shm/x; ls -ln /dev/shm/x'
  [ "${lines[0]}" = "$(id -u)" ]
  run -0 ctr run --rm --pod p "$IMAGE" sh -c 'cat /dev/shm/x; cat /proc/self/uid_map | wc -l; df -m /dev/shm | tail -1'
  [ "${lines[0]}" = x ]
  # A file system of its own, as everywhere.
  assert_match '(shm|tmpfs|none) +64 .* /dev/shm'
}

@test "settings of the pod are those of its members" {
  mkdir "$BATS_TEST_TMPDIR/d"
  echo content >"$BATS_TEST_TMPDIR/d/f"
  ctr pod create -v "$BATS_TEST_TMPDIR/d:/data" --sysctl net.ipv4.ip_default_ttl=77 --add-host db:10.1.2.3 \
    --dns 9.9.9.9 --shm-size 1m p >/dev/null
  run -0 ctr run --rm --pod p "$IMAGE" \
    sh -c 'cat /data/f /proc/sys/net/ipv4/ip_default_ttl /etc/resolv.conf /etc/hosts; df -k /dev/shm | tail -1'
  assert_line content
  assert_line 77
  assert_line 'nameserver 9.9.9.9'
  assert_line $'10.1.2.3\tdb'
  assert_match ' 1024 .* /dev/shm'
}

@test "init containers run to their end before the others" {
  make_pod p
  ctr create --pod p --name once --init-ctr once "$IMAGE" sh -c 'echo once >>/dev/shm/log' >/dev/null
  ctr create --pod p --name always --init-ctr always "$IMAGE" sh -c 'echo always >>/dev/shm/log' >/dev/null
  ctr create --pod p --name main "$IMAGE" sh -c 'cat /dev/shm/log; exec sleep 100' >/dev/null
  run -0 ctr pod start p
  has_logged() { ctr logs main | grep -q always; }
  wait_for has_logged
  run -0 ctr logs main
  assert_output $'once\nalways'
  run -1 ctr container exists once
  run -0 ctr pod restart p
  make_pod q
  ctr create --pod q --name broken --init-ctr always "$IMAGE" sh -c 'exit 3' >/dev/null
  ctr create --pod q --name never "$IMAGE" true >/dev/null
  run -125 ctr pod start q
  assert_contains 'exited with code 3'
  assert_contains 'starting some containers: some containers failed'
  [ "$(ctr inspect -f '{{.State.Status}}' never)" = created ]
}

@test "after the end of its monitor by force a pod starts anew" {
  make_pod p
  ctr run -d --pod p --name c "$IMAGE" sleep 100 >/dev/null
  monitor=$(ctr pod inspect -f '{{.MonitorPid}}' p)
  kill -9 "$monitor"
  wait_for in_state p Degraded
  run -0 ctr exec c true
  run -0 ctr run --rm --pod p "$IMAGE" true
  [ "$(ctr pod inspect -f '{{.MonitorPid}}' p)" != "$monitor" ]
  run -0 ctr pod restart -a
  [ "$(state p)" = Running ]
  run -0 ctr pod rm -f -t 0 p
}

@test "listings, filters, logs, top and events know of pods" {
  make_pod p
  id=$(ctr pod inspect -f '{{.Id}}' p)
  ctr run -d --pod p --name c "$IMAGE" sh -c 'echo said; exec sleep 54321' >/dev/null
  ctr run -d --name other --network none "$IMAGE" sleep 100 >/dev/null
  run -0 ctr ps --pod --filter pod=p
  assert_match "NAMES +POD ID +PODNAME"$'\n'".* c +${id:0:12} +p$"
  run -0 ctr ps --filter pod=nosuch -q
  assert_output ''
  run -0 ctr ps --format '{{.Names}}={{.Pod}}={{.PodName}}' --sort names
  assert_output "c=${id:0:12}=p"$'\nother=='
  run -0 ctr inspect -f '{{.Pod}}' c
  assert_output "$id"
  has_said() { ctr pod logs -n p | grep -q said; }
  wait_for has_said
  run -0 ctr pod logs -n p
  assert_output 'c said'
  run -125 ctr pod top p pid nonsense
  assert_output "Error: 'nonsense': unknown descriptor"
  run -125 ctr pod ps -q --format json
  assert_contains 'quiet and format cannot be used together'
  run -0 ctr pod top p pid args
  assert_contains 'sleep 54321'
  run -0 ctr pod stop -t 0 p
  run -0 ctr pod rm p
  run -0 ctr events --stream=false --since 10m --filter type=pod --format '{{.Status}} {{.Name}}'
  for event in create start stop remove; do [ "$event" = start ] || assert_line "$event p"; done
}

@test "a clone has copies of the containers" {
  make_pod --label a=b p
  ctr create --pod p --name one "$IMAGE" sleep 100 >/dev/null
  ctr create --pod p --name two --requires one "$IMAGE" sleep 100 >/dev/null
  run -0 ctr pod clone --start p
  run -0 ctr pod ps --format '{{.Name}} {{.ContainerNames}} {{.Status}} {{.Labels}}' --filter name=clone
  assert_contains 'p-clone one-clone,two-clone Running'
  run -0 ctr container clone --run --pod p one-clone third
  [ "$(ctr inspect -f '{{.Pod}}' third)" = "$(ctr pod inspect -f '{{.Id}}' p)" ]
}

@test "the id of a pod is in a file, and many pods are meant at once" {
  run -0 ctr pod create --network none --pod-id-file "$BATS_TEST_TMPDIR/id" --infra-conmon-pidfile "$BATS_TEST_TMPDIR/pid"
  [ "$(cat "$BATS_TEST_TMPDIR/id")" = "$output" ]
  ctr pod create --name full --network none --infra-conmon-pidfile /dev/full >/dev/null
  run -125 ctr pod start full
  assert_contains /dev/full
  run -0 ctr pod ps --filter name=full --format '{{.Status}}'
  refute_contains Running
  ctr pod rm full >/dev/null
  run -125 ctr pod create --pod-id-file "$BATS_TEST_TMPDIR/id"
  assert_contains 'pod id file exists'
  run -0 ctr run --rm --pod-id-file "$BATS_TEST_TMPDIR/id" "$IMAGE" true
  [ "$(cat "$BATS_TEST_TMPDIR/pid")" = "$(ctr pod inspect -f '{{.MonitorPid}}' "$(cat "$BATS_TEST_TMPDIR/id")")" ]
  make_pod q
  run -0 ctr pod start --all
  [ "${#lines[@]}" = 2 ]
  run -1 ctr pod rm nosuch
  assert_contains 'Error: no pod with name or ID nosuch found: no such pod'
  run -0 ctr pod rm -i nosuch
  run -0 ctr pod stop --pod-id-file "$BATS_TEST_TMPDIR/id"
  run -0 ctr pod rm --all
  [ "${#lines[@]}" = 2 ]
}

@test "a start of many members takes a moment each" {
  make_pod p
  for i in $(seq 20); do ctr create --pod p --name "c$i" "$IMAGE" sleep 100 >/dev/null; done
  run -0 ctr pod start p
  [ "$(ctr ps -q | wc -l)" = 20 ]
  run -0 ctr exec c1 grep -c $'^127.0.0.1\tc' /etc/hosts
  assert_output 20
  run -0 ctr pod stop -t 0 p
}
