#!/usr/bin/env bats
# --network: the modes of a container by itself, what they put into resolv.conf and hosts, and what they do not go with.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() {
  [ -z "${other:-}" ] || kill "$other" 2>/dev/null || true
  assert_nothing_left
}

runs() { run -0 ctr run --rm "$@"; }
sleeper() { ctr run -d -q "$@" "$IMAGE" sleep 1000 >/dev/null; }
namespace() { readlink "/proc/$1/ns/$2"; }
pid_of() { ctr inspect -f '{{.State.Pid}}' "$1"; }

@test "who shares the network of a container has its interfaces, its user namespace and its files of names" {
  sleeper --name web --hostname one --add-host peer:192.0.2.9 --dns 192.0.2.53
  sleeper --name tail --network container:web
  for kind in net user; do [ "$(namespace "$(pid_of web)" $kind)" = "$(namespace "$(pid_of tail)" $kind)" ]; done
  run -0 ctr exec tail sh -c 'ip -o addr show eth0; cat /etc/resolv.conf /etc/hosts; hostname'
  assert_contains '10.0.2.100/24'
  assert_line 'nameserver 192.0.2.53'
  assert_line $'192.0.2.9\tpeer'
  assert_line $'10.0.2.100\tone web'
  local id
  id=$(ctr inspect -f '{{.Id}}' tail)
  assert_line "$(printf '127.0.0.1\t%s tail' "${id:0:12}")"
  assert_line "${id:0:12}"
  # Both see the same file, and a second start adds nothing.
  ctr restart -t 0 tail >/dev/null
  run -0 ctr exec web grep -c tail /etc/hosts
  assert_output 1
  run -0 ctr exec tail sh -c 'nc -l -p 8080 -e echo heard & sleep 0.2; nc 127.0.0.1 8080'
  assert_line heard
}

@test "a container whose network is shared is started first and cannot be removed before" {
  ctr create --name web "$IMAGE" sleep 1000 >/dev/null
  ctr create --name tail --network container:web "$IMAGE" sleep 1000 >/dev/null
  ctr start tail >/dev/null
  run -0 ctr inspect -f '{{.State.Status}} {{.HostConfig.NetworkMode}}' web
  assert_match '^running'
  run -125 ctr rm web
  run -0 ctr inspect -f '{{.HostConfig.NetworkMode}}' tail
  assert_output "container:$(ctr inspect -f '{{.Id}}' web)"
}

@test "the network of a container that keeps the user's id is shared with that" {
  sleeper --name web --userns keep-id
  runs --network container:web "$IMAGE" sh -c 'id -u; ip -o addr show eth0'
  assert_contains '10.0.2.100/24'
}

@test "what a shared network does not go with is refused in podman's words" {
  sleeper --name web --network none
  run -125 ctr run --rm --network container:nosuch "$IMAGE" true
  assert_contains 'looking up container to share net namespace with: no container with name or ID "nosuch" found'
  for option in '--dns 192.0.2.1' '--dns-search x' '--dns-option x'; do
    local name=${option%% *}
    # shellcheck disable=SC2086 # two words
    run -125 ctr run --rm --network container:web $option "$IMAGE" true
    assert_contains "conflicting options: ${name#--} and the network mode: container"
    # shellcheck disable=SC2086
    run -125 ctr run --rm --network none $option "$IMAGE" true
    assert_contains "conflicting options: ${name#--} and the network mode: none"
  done
  run -125 ctr run --rm --network container:web --add-host a:192.0.2.1 "$IMAGE" true
  assert_contains 'cannot set extra host entries when the container is joined to another containers network namespace'
  run -125 ctr run --rm --network container:web --userns auto "$IMAGE" true
  assert_contains 'is in its user namespace'
  run -125 ctr run --rm --network container:web --runtime crun "$IMAGE" true
  assert_contains '--network container: is not supported with --runtime'
  [ "$(ctr ps -aq | wc -l)" = 1 ]
}

@test "a network namespace of the user's is joined by its path, that of somebody else is not" {
  # shellcheck disable=SC2016 # for the other shell
  ctr unshare unshare --net sh -c 'ip link set lo up; echo $$; exec sleep 1000' >"$BATS_TEST_TMPDIR/pid" 3>&- &
  wait_for test -s "$BATS_TEST_TMPDIR/pid"
  other=$(cat "$BATS_TEST_TMPDIR/pid")
  runs --network "ns:/proc/$other/ns/net" "$IMAGE" readlink /proc/self/ns/net
  assert_output "$(readlink "/proc/$other/ns/net")"
  run -125 ctr run --rm --network ns:/nosuch "$IMAGE" true
  assert_contains 'cannot find specified network namespace path: stat /nosuch: No such file or directory'
  run -125 ctr run --rm --network ns:/etc/passwd "$IMAGE" true
  assert_contains "'/etc/passwd' is not a network namespace"
  run -125 ctr run --rm --network ns:/proc/self/ns/user "$IMAGE" true
  assert_contains 'is not a network namespace'
  run ctr run --rm --network ns:/proc/self/ns/net "$IMAGE" true
  [ "$status" != 0 ]
  assert_contains 'cannot join /proc/self/ns/net: it belongs to another user namespace'
}

@test "without a network there is loopback, no resolv.conf, and no way to the host" {
  runs --name alone --hostname one --network none "$IMAGE" sh -c 'ip -o link; ls /etc/resolv.conf 2>&1; cat /etc/hosts'
  [ "$(grep -c '^[0-9]*: ' <<<"$output")" = 1 ]
  assert_contains 'LOOPBACK,UP'
  assert_contains '/etc/resolv.conf: No such file'
  assert_line $'127.0.0.1\tone alone'
  refute_contains host.containers.internal
  run -125 ctr run --rm --network none --add-host a:host-gateway "$IMAGE" true
  assert_contains 'needs an address of the host'
}

@test "with the host's network names are asked as on the host" {
  runs --network host --dns-search example.org "$IMAGE" cat /etc/resolv.conf
  [ "$(grep '^nameserver' <<<"$output")" = "$(grep '^nameserver' /etc/resolv.conf)" ]
  assert_line 'search example.org'
  runs --network host "$IMAGE" cat /etc/hosts
  assert_match '[0-9].host.containers.internal host.docker.internal'
}

@test "slirp4netns takes podman's options, and what it does not know is named" {
  runs --cap-add net_raw --network slirp4netns:cidr=10.9.7.0/24,mtu=1400,enable_ipv6=true "$IMAGE" sh -c \
    'ip -o link show eth0; ip -o addr show eth0; ip route; cat /etc/resolv.conf /etc/hosts; ping -c 1 -W 5 10.9.7.2'
  assert_contains 'mtu 1400'
  assert_contains '10.9.7.100/24'
  assert_contains 'fd00::100/64'
  assert_contains 'default via 10.9.7.2'
  assert_line 'nameserver 10.9.7.3'
  assert_match $'10\\.9\\.7\\.100\t'
  assert_contains '1 packets received'
  run -125 ctr create --network slirp4netns:foo=1 "$IMAGE"
  assert_contains 'unknown option for slirp4netns: "foo=1"'
  run -125 ctr create --network slirp4netns:mtu=x "$IMAGE"
  assert_contains 'invalid mtu "x"'
  run -125 ctr create --network private:foo "$IMAGE"
  assert_contains "'foo' is not an option of the private network"
  run -125 ctr create --network pasta:-t,80 "$IMAGE"
  assert_contains "--network pasta: '-t' is not supported"
  [ -z "$(ctr ps -aq)" ]
}

@test "the host's loopback is reached when it is asked for, and only then" {
  local port=$((20000 + RANDOM % 10000))
  "$BATS_TEST_DIRNAME/net-peer" serve tcp "$port" >"$BATS_TEST_TMPDIR/serve" 3>&- &
  other=$!
  wait_for grep -q ready "$BATS_TEST_TMPDIR/serve"
  for mode in private:host-loopback slirp4netns:allow_host_loopback=true; do
    runs --network "$mode" "$IMAGE" sh -c "grep host.containers /etc/hosts; nc -w 5 10.0.2.2 $port </dev/null"
    assert_line $'10.0.2.2\thost.containers.internal host.docker.internal'
    assert_line 127.0.0.1
  done
  run ctr run --rm "$IMAGE" nc -w 2 10.0.2.2 "$port"
  refute_contains 127.0.0.1
}

@test "who is in the user namespace of another container has ports, names, and a way out that is replaced" {
  ctr network create lan >/dev/null
  local kind monitor
  for kind in '' '--userns keep-id' '--uidmap 0:1:1000'; do
    # shellcheck disable=SC2086 # no word, or two
    sleeper --name one $kind
    ctr run -d -q --name two --userns container:one --user root --cap-add net_raw -p 127.0.0.1::80 "$IMAGE" \
      nc -ll -p 80 -e echo served >/dev/null
    ctr run -d -q --name three --pid container:one --network lan:alias=third "$IMAGE" nc -ll -p 80 -e echo third >/dev/null
    [ "$(namespace "$(pid_of one)" user)" = "$(namespace "$(pid_of three)" user)" ]
    [ "$(namespace "$(pid_of one)" net)" != "$(namespace "$(pid_of two)" net)" ]
    served() { busybox nc -w 2 127.0.0.1 "$(ctr port two 80 | cut -d : -f 2)" </dev/null | grep -qx served; }
    wait_for served
    runs --ipc container:one --network lan "$IMAGE" sh -c 'nc -w 2 third 80 </dev/null; ip route get 203.0.113.9'
    assert_line third
    assert_contains 'dev uplink0  src 10.89.0.'
    monitor=$(ctr inspect -f '{{.State.ConmonPid}}' two)
    ctr exec two ping -c 1 -W 2 10.0.2.2 >/dev/null
    kill -9 "$(pgrep -P "$monitor" slirp4netns)"
    wait_for ctr exec two ping -c 1 -W 1 10.0.2.2
    ctr restart -t 0 two >/dev/null
    ctr exec two ping -c 1 -W 2 10.0.2.2 >/dev/null
    ctr rm -f -t 0 --depend one >/dev/null
  done
  ctr network rm lan >/dev/null
}

@test "a member of a pod that shares no network has one of its own" {
  ctr pod create --name group --share ipc >/dev/null
  runs --pod group --cap-add net_raw "$IMAGE" ping -c 1 -W 2 10.0.2.2
  assert_contains '1 packets received'
  ctr pod rm -f -t 0 group >/dev/null
}

@test "what routers on a link announce is not taken for addresses" {
  ctr network create --ipv6 lan >/dev/null
  for mode in slirp4netns:enable_ipv6=true lan; do
    runs --network "$mode" "$IMAGE" sh -c 'cat /proc/sys/net/ipv6/conf/*/accept_ra | sort -u; cd /proc/sys/net/ipv6/conf && cat eth0/accept_ra'
    assert_output $'0\n1\n0'
  done
  ctr pod create --name group --network slirp4netns:enable_ipv6=true >/dev/null
  runs --pod group "$IMAGE" cat /proc/sys/net/ipv6/conf/eth0/accept_ra
  assert_output 0
  ctr pod rm -f -t 0 group >/dev/null
  # One that joins later.
  sleeper --name web --network bridge
  ctr network connect lan web
  run -0 ctr exec web cat /proc/sys/net/ipv6/conf/eth1/accept_ra
  assert_output 0
  ctr rm -f -t 0 web >/dev/null
  ctr network rm lan >/dev/null
}

@test "a pasta that is too old, or none, is refused with the way out" {
  run -125 ctr run --rm --network pasta "$IMAGE" true
  assert_contains 'Error: no usable uplink: pasta is not installed'
  printf '#!/bin/sh\necho "usage: pasta [--no-map-gw]"\n' >"$BATS_TEST_TMPDIR/pasta"
  chmod +x "$BATS_TEST_TMPDIR/pasta"
  PATH=$BATS_TEST_TMPDIR:$PATH run -125 ctr run --rm --network pasta "$IMAGE" true
  assert_contains "Error: no usable uplink: $BATS_TEST_TMPDIR/pasta is too old (needs 2024-08 or newer)"
  assert_contains 'apt install slirp4netns'
  [ -z "$(ctr ps -aq)" ]
}

@test "a name that no container can have on a network is refused" {
  ctr network create lan >/dev/null
  for name in '' - -x 'a b' .x; do
    run -125 ctr create --network lan "--network-alias=$name" "$IMAGE"
    assert_contains "'$name' cannot be a name of a container on a network"
  done
  run -125 ctr create --network lan:alias= "$IMAGE"
  assert_contains 'the network option alias needs a value'
  ctr create --name web --network lan "$IMAGE" >/dev/null
  run -125 ctr network connect --alias - lan web
  assert_contains "'-' cannot be a name of a container on a network"
  ctr rm web >/dev/null
  ctr network rm lan >/dev/null
}

@test "an uplink that is killed is replaced, event and all, and ends with its monitor" {
  sleeper --name web --cap-add net_raw
  sleeper --name kept --cap-add net_raw --user root --userns keep-id
  for name in web kept; do
    local monitor uplink
    monitor=$(ctr inspect -f '{{.State.ConmonPid}}' "$name")
    uplink=$(pgrep -P "$monitor" slirp4netns)
    kill -9 "$uplink"
    replaced() { local now; now=$(pgrep -P "$monitor" slirp4netns) && [ "$now" != "$uplink" ]; }
    wait_for replaced
    wait_for ctr exec "$name" ping -c 1 -W 1 10.0.2.2
    run -0 ctr events --since 1m --stream=false --filter "container=$name" --filter event=network-restart
    assert_contains network-restart
  done
  local monitor
  monitor=$(ctr inspect -f '{{.State.ConmonPid}}' web)
  local uplink
  uplink=$(pgrep -P "$monitor" slirp4netns)
  kill -9 "$monitor"
  gone() { ! kill -0 "$uplink" 2>/dev/null; }
  wait_for gone
}

@test "a host that has an address of the private network is reached through the gateway" {
  runs "$IMAGE" ip route get 10.0.2.15
  assert_contains '10.0.2.15 via 10.0.2.2 dev eth0  src 10.0.2.100'
}

@test "a way out that cannot be had for a while is there again once it can" {
  # What stands for a program that is being upgraded: it makes the interface, unless it may not.
  cat >"$BATS_TEST_TMPDIR/pasta" <<END
#!/bin/sh
[ "\$1" != --help ] || exec echo --map-host-loopback
echo >>$BATS_TEST_TMPDIR/tries
[ ! -e $BATS_TEST_TMPDIR/broken ] || exit 1
while [ \$# -gt 0 ]; do
  case \$1 in --userns) user=\$2 ;; --netns) net=\$2 ;; esac
  shift
done
nsenter --user="\$user" --net="\$net" --preserve-credentials busybox ip link add eth0 type bridge
exec tail -f /dev/null
END
  chmod +x "$BATS_TEST_TMPDIR/pasta"
  sleeper --name one
  PATH=$BATS_TEST_TMPDIR:$PATH sleeper --name two --userns container:one --user root --cap-add net_admin --network pasta
  tries() { [ "$(grep -c ^ "$BATS_TEST_TMPDIR/tries")" -ge "$1" ]; }
  tries 1
  touch "$BATS_TEST_TMPDIR/broken"
  ctr exec two ip link del eth0
  kill -9 "$(pgrep -P "$(ctr inspect -f '{{.State.ConmonPid}}' two)" tail)"
  wait_for tries 3
  rm "$BATS_TEST_TMPDIR/broken"
  wait_for ctr exec two ip route get 203.0.113.9
  ctr rm -f -t 0 --depend one >/dev/null
}

@test "a sysctl of an interface is set once that is there" {
  ctr network create inner >/dev/null
  run -0 ctr run --rm --sysctl net.ipv4.conf.eth0.forwarding=1 "$IMAGE" cat /proc/sys/net/ipv4/conf/eth0/forwarding
  assert_output 1
  run -0 ctr run --rm --network inner --sysctl net.ipv4.conf.eth0.forwarding=1 "$IMAGE" \
    cat /proc/sys/net/ipv4/conf/eth0/forwarding
  assert_output 1
  ctr network rm inner >/dev/null
}
