#!/usr/bin/env bats
# Published ports as another machine sees them: a user's containers in a network namespace with a neighbour.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load ../helpers

setup_file() {
  start_test_file
  user=${CTR_TEST_USER:-ctrtest}
  export user
  pull_root_image
  make_networks
}

# As the user, on the network of the test's host.
on_host() {
  local where=()
  [ -z "${host_pid:-}" ] || where=(nsenter -t "$host_pid" -n)
  "${where[@]}" setpriv --reuid "$user" --regid "$user" --init-groups \
    env HOME="$HOME" XDG_DATA_HOME="$XDG_DATA_HOME" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" PATH="$PATH" "$@"
}
neighbour() { nsenter -t "$neighbour_pid" -n "$@"; }

pull_root_image() {
  start_registry
  push_busybox
  chown -R "$user:" "$file_dir" "$XDG_RUNTIME_DIR"
  on_host "$CTR" pull -q "$IMAGE" >/dev/null
}

# Two network namespaces, joined by a cable. They live as long as a process in each.
make_networks() {
  unshare -n sleep 1000 3>&- &
  host_pid=$!
  unshare -n sleep 1000 3>&- &
  neighbour_pid=$!
  export host_pid neighbour_pid
  apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
  wait_for apart "$host_pid"
  wait_for apart "$neighbour_pid"
  nsenter -t "$host_pid" -n ip link set lo up
  neighbour ip link set lo up
  nsenter -t "$host_pid" -n ip link add cable type veth peer name cable netns "$neighbour_pid"
  nsenter -t "$host_pid" -n ip addr add 192.0.2.1/24 dev cable
  nsenter -t "$host_pid" -n ip addr add 2001:db8::1/64 dev cable nodad
  nsenter -t "$host_pid" -n ip link set cable up
  neighbour ip addr add 192.0.2.7/24 dev cable
  neighbour ip addr add 2001:db8::7/64 dev cable nodad
  neighbour ip link set cable up
  nsenter -t "$host_pid" -n ip route add default via 192.0.2.7
  nsenter -t "$host_pid" -n ip -6 route add default via 2001:db8::7
}

teardown_file() {
  on_host "$CTR" rm -fa -t 0 >/dev/null 2>&1 || true
  kill "$host_pid" "$neighbour_pid" 2>/dev/null || true
  end_test_file
}
teardown() {
  local pid
  for pid in ${peers:-}; do kill "$pid" 2>/dev/null || true; done
  on_host "$CTR" rm -fa -t 0 >/dev/null
}

peer=$BATS_TEST_DIRNAME/../net-peer

serve() {
  local pid
  pid=$(on_host "$CTR" inspect -f '{{.State.Pid}}' "$1")
  rm -f "$BATS_TEST_TMPDIR/serve.$2.$3"
  nsenter -t "$pid" -n "$peer" serve "$2" "$3" >"$BATS_TEST_TMPDIR/serve.$2.$3" 3>&- &
  peers="${peers:-} $!"
  wait_for grep -qs ready "$BATS_TEST_TMPDIR/serve.$2.$3"
}

# The server of container $1 is told the address of who calls: of a neighbour its own, of the host that of the gateway.
sees_clients() {
  serve "$1" tcp 80
  serve "$1" udp 53
  local host kind
  for kind in 'tcp 8080' 'udp 8053'; do
    for host in 192.0.2.1 2001:db8::1; do
      run -0 neighbour "$peer" ask "${kind% *}" "$host" "${kind#* }"
      assert_output "${host%1}7"
    done
    for host in 127.0.0.1 ::1; do
      run -0 on_host "$peer" ask "${kind% *}" "$host" "${kind#* }"
      assert_match "$2"
    done
  done
}

@test "the server sees the address of a client on another machine, in both families, protocols and all networks" {
  on_host "$CTR" run -d -q --name web -p 8080:80 -p 8053:53/udp "$IMAGE" sleep 1000
  sees_clients web '^(10\.0\.2\.2|fd00::2)$'
  on_host "$CTR" rm -f -t 0 web >/dev/null
  on_host "$CTR" network create --subnet 10.89.7.0/24 --subnet fd00:89:7::/64 front >/dev/null
  on_host "$CTR" run -d -q --name web --network front -p 8080:80 -p 8053:53/udp "$IMAGE" sleep 1000
  sees_clients web '^(10\.89\.7\.1|fd00:89:7::1)$'
  on_host "$CTR" rm -f -t 0 web >/dev/null
  on_host "$CTR" pod create --name group -p 8080:80 -p 8053:53/udp >/dev/null
  on_host "$CTR" run -d -q --pod group --name web "$IMAGE" sleep 1000
  sees_clients web '^(10\.0\.2\.2|fd00::2)$'
  on_host "$CTR" pod rm -f -t 0 group >/dev/null
  on_host "$CTR" network rm front >/dev/null
}

@test "a client of IPv6 reaches a container that has IPv4 alone, as its gateway" {
  nsenter -t "$host_pid" -n ip -6 route del default
  on_host "$CTR" run -d -q --name web -p '[::]:8080:80' -p '[2001:db8::1]:8053:53/udp' "$IMAGE" sleep 1000
  nsenter -t "$host_pid" -n ip -6 route add default via 2001:db8::7
  serve web tcp 80
  serve web udp 53
  run -0 neighbour "$peer" ask tcp 2001:db8::1 8080
  assert_output 10.0.2.2
  run -0 neighbour "$peer" ask udp 2001:db8::1 8053
  assert_output 10.0.2.2
  run ! neighbour "$peer" ask tcp 192.0.2.1 8080
}

@test "the first start of a container that cannot publish leaves its machine as it was" {
  coproc HOLDER { exec nsenter -t "$host_pid" -n "$peer" occupy udp 192.0.2.1 8053 3>&-; }
  local port
  read -r -u "${HOLDER[0]}" port
  run -126 on_host "$CTR" run -d --name web -p 8080:80 -p "192.0.2.1:$port:53/udp" "$IMAGE" true
  assert_contains "Error: cannot publish 192.0.2.1:8053/udp: address already in use (by a process of user 0)"
  kill "$HOLDER_PID"
  run -0 on_host "$CTR" ps -aq
  assert_output ''
}
