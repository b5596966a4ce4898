#!/usr/bin/env bats
# The way out of a user's containers on a host that changes: offline at first, with other name servers later. The host is
# a network namespace with an /etc of its own.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load ../helpers
load host

setup_file() { start_host_file; }
teardown_file() { end_host_file; }
setup() { make_host; }
teardown() { end_host; }

# bats test_tags=acceptance
@test "a container starts on a host that is offline, and gets out once the host does" {
  on_host "$CTR" run -d -q --name web "$IMAGE" sleep 1000
  on_host "$CTR" network create front >/dev/null
  on_host "$CTR" run -d -q --name member --network front "$IMAGE" sleep 1000
  run -0 on_host "$CTR" exec web cat /etc/hosts
  refute_contains host.containers.internal
  for name in web member; do run ! reaches "$name"; done
  connect_host
  answer_outside
  for name in web member; do wait_for reaches "$name"; done
  # One address, which is the one that goes out.
  run -0 on_host "$CTR" exec member ip -4 -o addr show scope global
  [ "${#lines[@]}" = 1 ]
  local address
  address=$(awk '{sub("/.*", "", $4); print $4}' <<<"$output")
  run -0 on_host "$CTR" exec member ip route get 203.0.113.9
  assert_contains "src $address"
  # Its address is known by now, and followed.
  wait_for finds member host.containers.internal 192.0.2.1
  knows() { on_host "$CTR" exec "$1" cat /etc/hosts | grep -qxF "$2"$'\t''host.containers.internal host.docker.internal'; }
  for name in web member; do wait_for knows "$name" 192.0.2.1; done
  host ip addr del 192.0.2.1/24 dev cable
  host ip addr add 192.0.2.2/24 dev cable
  host ip route replace default via 192.0.2.7
  for name in web member; do wait_for knows "$name" 192.0.2.2; done
}

# bats test_tags=acceptance
@test "names are asked of the host's servers, whichever those are at the time" {
  connect_host
  serve_names 127.0.0.53 198.51.100.1
  serve_names 127.0.0.54 198.51.100.2
  on_host "$CTR" run -d -q --name web "$IMAGE" sleep 1000
  on_host "$CTR" network create front >/dev/null
  on_host "$CTR" network create --dns 127.0.0.54 own >/dev/null
  on_host "$CTR" run -d -q --name member --network front "$IMAGE" sleep 1000
  on_host "$CTR" run -d -q --name apart --network own "$IMAGE" sleep 1000
  on_host "$CTR" run -d -q --name asked --network front --dns 127.0.0.54 "$IMAGE" sleep 1000
  for name in web member; do wait_for finds "$name" example.com 198.51.100.1; done
  for name in apart asked; do wait_for finds "$name" example.com 198.51.100.2; done
  on_host "$CTR" network update --dns-drop 127.0.0.54 --dns-add 127.0.0.53 own >/dev/null
  wait_for finds apart example.com 198.51.100.1
  replace_resolv_conf 127.0.0.54
  within 2 finds web example.com 198.51.100.2
  within 2 finds member example.com 198.51.100.2
  # Behind a link into another folder, and written in place.
  host sh -c 'mkdir /etc/behind && echo "nameserver 127.0.0.53" >/etc/behind/real && ln -sf behind/real /etc/resolv.conf'
  for name in web member; do wait_for finds "$name" example.com 198.51.100.1; done
  host sh -c 'echo "nameserver 127.0.0.54" >/etc/behind/real'
  for name in web member; do wait_for finds "$name" example.com 198.51.100.2; done
  # A router by its address on the link.
  outside ip addr add fe80::7/64 dev cable nodad
  helper dns-link nsenter -t "$outside_pid" -n "$dns_peer" serve fe80::7%cable 198.51.100.3
  replace_resolv_conf fe80::7%cable
  wait_for finds member example.com 198.51.100.3
}

@test "a container that asks a silent server very much does not keep others from asking" {
  connect_host
  serve_names 127.0.0.53 198.51.100.1
  on_host "$CTR" network create front >/dev/null
  for name in greedy member; do on_host "$CTR" run -d -q --name "$name" --network front "$IMAGE" sleep 1000; done
  wait_for finds member example.com 198.51.100.1
  nsenter -t "$(on_host "$CTR" inspect -f '{{.State.Pid}}' greedy)" -n "$dns_peer" flood \
    "$(on_host "$CTR" network inspect -f '{{(index .Subnets 0).Gateway}}' front)" 400
  finds member example.com 198.51.100.1
}

# bats test_tags=acceptance
@test "the way out is there again within a second after the uplink was killed, and published connections go on" {
  connect_host
  answer_outside
  on_host "$CTR" run -d -q --name web -p 127.0.0.1:8080:80 "$IMAGE" nc -ll -p 80 -e cat
  on_host "$CTR" run -d -q --name guest --userns container:web "$IMAGE" sleep 1000
  on_host "$CTR" pod create --name group >/dev/null
  on_host "$CTR" run -d -q --name member --pod group "$IMAGE" sleep 1000
  hold_connection 8080
  speak before
  local name monitor
  for name in web guest member; do
    wait_for reaches "$name"
    monitor=$(monitor_of "$name")
    [ "$name" != member ] || monitor=$(on_host pgrep -u "$user" -f "pod-monitor $(on_host "$CTR" pod inspect -f '{{.ID}}' group | cut -c 1-12)" | head -n 1)
    kill -9 "$(pgrep -P "$monitor" slirp4netns)"
    within 1 reaches "$name"
  done
  speak after
}

@test "info says where ping does not leave the host" {
  run -0 on_host "$CTR" info -f '{{.Host.Warnings}}'
  assert_contains "net.ipv4.ping_group_range is '1 0': ping from containers reaches other containers only"
  host sh -c 'echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range'
  run -0 on_host "$CTR" info
  refute_contains warnings
}

# bats test_tags=acceptance
@test "rules of a firewall that are loaded and thrown away change nothing" {
  connect_host
  answer_outside
  on_host "$CTR" network create front >/dev/null
  on_host "$CTR" run -d -q --name web --network front -p 8080:80 "$IMAGE" nc -ll -p 80 -e cat
  on_host "$CTR" run -d -q --name client --network front "$IMAGE" sleep 1000
  hold_connection 8080
  speak before
  local rules own='ct state established accept; iif lo accept; tcp dport 8080 accept'
  # What is loaded takes the place of what there was.
  for rules in "table inet own { chain in { type filter hook input priority 0; policy drop; $own; }; }" \
    'table inet own { chain out { type filter hook forward priority 0; policy drop; }; }' ''; do
    host nft -f - <<<"flush ruleset; $rules"
    speak "loaded ${#rules}"
    reaches client
    on_host "$CTR" exec client sh -c 'echo by name | nc -w 1 web 80' | grep -qx 'by name'
    outside busybox nc -w 1 192.0.2.1 8080 <<<'from outside' | grep -qx 'from outside'
  done
}
