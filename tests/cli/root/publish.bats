#!/usr/bin/env bats
# Published ports as another machine sees them: a user's containers on a host with a neighbour.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load ../helpers
load host

setup_file() { start_host_file; }
teardown_file() { end_host_file; }
setup() {
  make_host
  connect_host
}
teardown() { end_host; }

peer=$cli_dir/net-peer

# What there is of a container's port is answered by one of ours, there.
serve() {
  helper "serve.$2.$3" nsenter -t "$(on_host "$CTR" inspect -f '{{.State.Pid}}' "$1")" -n "$peer" serve "$2" "$3"
}

# The server of container $1 is told the address of who calls: of a neighbour its own, of the host that of the gateway.
sees_clients() {
  serve "$1" tcp 80
  serve "$1" udp 53
  local host kind
  for kind in 'tcp 8080' 'udp 8053'; do
    for host in 192.0.2.1 2001:db8::1; do
      run -0 outside "$peer" ask "${kind% *}" "$host" "${kind#* }"
      assert_output "${host%1}7"
    done
    for host in 127.0.0.1 ::1; do
      run -0 host "$peer" ask "${kind% *}" "$host" "${kind#* }"
      assert_match "$2"
    done
  done
}

# bats test_tags=acceptance
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
}

@test "a client of IPv6 reaches a container that has IPv4 alone, as its gateway" {
  host ip -6 route del default
  on_host "$CTR" run -d -q --name web -p '[::]:8080:80' -p '[2001:db8::1]:8053:53/udp' "$IMAGE" sleep 1000
  host ip -6 route add default via 2001:db8::7
  serve web tcp 80
  serve web udp 53
  run -0 outside "$peer" ask tcp 2001:db8::1 8080
  assert_output 10.0.2.2
  run -0 outside "$peer" ask udp 2001:db8::1 8053
  assert_output 10.0.2.2
  run ! outside "$peer" ask tcp 192.0.2.1 8080
}

@test "the first start of a container that cannot publish leaves its machine as it was" {
  coproc HOLDER { host "$peer" occupy udp 192.0.2.1 8053 3>&-; }
  local port
  read -r -u "${HOLDER[0]}" port
  run -126 on_host "$CTR" run -d --name web -p 8080:80 -p "192.0.2.1:$port:53/udp" "$IMAGE" true
  assert_contains "Error: cannot publish 192.0.2.1:8053/udp: address already in use (by a process of user 0)"
  kill "$HOLDER_PID"
  run -0 on_host "$CTR" ps -aq
  assert_output ''
}
