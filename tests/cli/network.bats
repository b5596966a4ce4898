#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# User networks: their definitions, and containers in them.

load helpers

setup_file() {
  start_test_file
  pull_busybox
}
teardown_file() { end_test_file; }
teardown() {
  ctr rm -af -t 0 >/dev/null
  ctr network prune -f >/dev/null
  assert_nothing_left
}

address() { ctr inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
network_file() { echo "$XDG_DATA_HOME/ctr/networks/$1.json"; }
# serve NAME OPTION...: a container that says its name to who connects to its port 7.
serve() {
  local name=$1
  shift
  ctr run -d --name "$name" "$@" "$IMAGE" nc -ll -p 7 -e echo "this is $name" >/dev/null
  wait_for ctr exec "$name" nc -w 1 127.0.0.1 7 >/dev/null
}
# reach NAME ADDRESS: what a container gets from there; fails when nothing answers.
reach() { ctr exec "$1" nc -w 1 "$2" 7 </dev/null; }
# The namespaces that the monitor of a container keeps.
hub_of() { awk -v id="$(ctr inspect -f '{{.Id}}' "$1")" '$1 == id {print $5}' "$XDG_RUNTIME_DIR/ctr/net/$2/members"; }

@test "a network is made, listed, shown and removed as podman does" {
  run -0 ctr network create --subnet 10.99.7.0/24 --gateway 10.99.7.9 --ip-range 10.99.7.128/25 --internal --label a=b -o mtu=1400 n2
  assert_output n2
  run -0 ctr network ls
  id=$(ctr network inspect -f '{{.ID}}' n2)
  assert_output "NETWORK ID    NAME        DRIVER
${id:0:12}  n2          bridge
2f259bab93aa  podman      bridge"
  run -0 ctr network ls -q --filter label=a=b
  assert_output n2
  run -0 ctr network inspect n2
  created=$(ctr network inspect n2 | sed -n 's/ *"created": "\(.*\)",/\1/p')
  assert_output "[
     {
          \"name\": \"n2\",
          \"id\": \"$id\",
          \"driver\": \"bridge\",
          \"network_interface\": \"podman1\",
          \"created\": \"$created\",
          \"subnets\": [
               {
                    \"subnet\": \"10.99.7.0/24\",
                    \"gateway\": \"10.99.7.9\",
                    \"lease_range\": {
                         \"start_ip\": \"10.99.7.129\",
                         \"end_ip\": \"10.99.7.255\"
                    }
               }
          ],
          \"ipv6_enabled\": false,
          \"internal\": true,
          \"dns_enabled\": true,
          \"labels\": {
               \"a\": \"b\"
          },
          \"options\": {
               \"mtu\": \"1400\"
          },
          \"ipam_options\": {
               \"driver\": \"host-local\"
          },
          \"containers\": {}
     }
]"
  run -0 ctr network inspect -f '{{range .Subnets}}{{.Subnet}} {{.Gateway}}{{end}} {{.DNSEnabled}} {{.IPAMOptions}}' n2
  assert_output '10.99.7.0/24 10.99.7.9 true map[driver:host-local]'
  run -0 ctr network exists "${id:0:7}"
  run -0 ctr network rm n2
  assert_output n2
  [ ! -e "$(network_file n2)" ]
}

@test "the network podman is always there, and stays" {
  run -0 ctr network ls -q
  assert_output podman
  run -125 ctr network rm podman
  assert_output 'Error: default network podman cannot be removed'
}

@test "what cannot be is refused in podman's words and codes" {
  ctr network create n1 >/dev/null
  run -125 ctr network create n1
  assert_line 'Error: network name n1 already used: network already exists'
  run -0 ctr network create --ignore n1
  assert_output n1
  run -125 ctr network inspect nosuch
  assert_line 'Error: inspecting object: network nosuch: unable to find network with name or ID nosuch: network not found'
  run -1 ctr network rm nosuch
  assert_line 'Error: unable to find network with name or ID nosuch: network not found'
  run -0 ctr network rm -f nosuch
  run -1 ctr network exists nosuch
  run -125 ctr network create -d macvlan n3
  assert_line 'Error: driver "macvlan" needs root on the host; rootless networks support: bridge'
  run -125 ctr network ls --filter foo=bar
  assert_line 'Error: invalid filter "foo"'
  run -125 ctr network connect n1 nosuch
  assert_contains 'no container with name or ID "nosuch" found: no such container'
  run -125 ctr network reload
  assert_line 'Error: you must provide at least one name or id'
  run -125 ctr run --rm --network nosuch "$IMAGE" true
  assert_line 'Error: unable to find network with name or ID nosuch: network not found'
  run -125 ctr run --rm --network n1:ip=10.1.1.1 "$IMAGE" true
  assert_contains '10.1.1.1 is outside 10.89.0.0/24'
}

# bats test_tags=acceptance
@test "containers of a network reach each other, and nobody outside of it" {
  ctr network create --ipv6 one >/dev/null
  ctr network create two >/dev/null
  serve a --network one
  serve b --network one
  serve c --network two
  a=$(address a one)
  a6=$(ctr inspect -f '{{.NetworkSettings.Networks.one.GlobalIPv6Address}}' a)
  run -0 reach b "$a"
  assert_output 'this is a'
  run -0 reach b "$a6"
  assert_output 'this is a'
  [ "$(address c two)" = 10.89.1.2 ]
  run reach c "$a"
  refute_contains 'this is a'
  run -0 ctr network inspect -f '{{range .Containers}}{{.Name}} {{range .Interfaces}}{{range .Subnets}}{{.IPNet}} {{end}}{{end}}{{end}}' two
  assert_output 'c 10.89.1.2/24 '
  run -0 ctr ps --filter network=two --format '{{.Names}} {{.Networks}}'
  assert_output 'c two'
}

# bats test_tags=acceptance
@test "a container has one IPv4 address, which is what leaves for the world" {
  ctr network create out >/dev/null
  run -0 ctr run --rm --network out "$IMAGE" sh -c 'ip -4 -o addr show scope global | wc -l; ip route get 203.0.113.9 | head -n 1; grep "$HOSTNAME" /etc/hosts'
  assert_line 1
  assert_contains 'dev uplink0  src 10.89.0.2'
  assert_match $'\n10\\.89\\.0\\.2[[:blank:]]'
}

# bats test_tags=acceptance
@test "an internal network leads nowhere" {
  ctr network create --internal in >/dev/null
  run -0 ctr run --rm --network in "$IMAGE" sh -c 'ip route; ls /sys/class/net; nslookup example.com || true'
  refute_contains default
  refute_contains uplink0
  assert_contains REFUSED
}

@test "addresses, hardware address, interface and names are what was asked for" {
  ctr network create --subnet 10.99.8.0/24 --subnet fd00:98::/64 n >/dev/null
  ctr run -d --name a --network n:ip=10.99.8.77,ip6=fd00:98::77,mac=02:11:22:33:44:55,alias=www,interface_name=lan "$IMAGE" sleep 100 >/dev/null
  run -0 ctr exec a ip addr show lan
  assert_contains 'inet 10.99.8.77/24'
  assert_contains 'inet6 fd00:98::77/64'
  assert_contains 'link/ether 02:11:22:33:44:55'
  id=$(ctr inspect -f '{{.Id}}' a)
  run -0 ctr inspect -f '{{json .NetworkSettings.Networks}} {{.HostConfig.NetworkMode}}' a
  assert_contains '"IPAddress":"10.99.8.77"'
  assert_contains "\"Aliases\":[\"www\",\"${id:0:12}\"]"
  assert_contains '"MacAddress":"02:11:22:33:44:55"'
  assert_contains ' bridge'
  run -0 cat "$XDG_RUNTIME_DIR/ctr/net/n/names"
  assert_output "10.99.8.77 fd00:98::77 a www ${id:0:12}"
  run -125 ctr run --rm --name b --network n --ip 10.99.8.77 "$IMAGE" true
  assert_contains '10.99.8.77 is already used by "a" on network "n"'
  run -0 ctr run --rm --network n "$IMAGE" ip -4 -o addr show eth0
  assert_contains 10.99.8.2/24
  ctr rename a z
  run -0 cat "$XDG_RUNTIME_DIR/ctr/net/n/names"
  assert_output "10.99.8.77 fd00:98::77 z www ${id:0:12}"
}

@test "--link-local-ip gives further addresses on the one network" {
  ctr network create n >/dev/null
  run -0 ctr run --rm --network n --link-local-ip 169.254.7.1 --link-local-ip fe80::7:1 "$IMAGE" ip -o addr show eth0
  assert_contains 'inet 169.254.7.1/16'
  assert_contains 'inet6 fe80::7:1/64'
  run -125 ctr create --network n --link-local-ip 10.1.2.3 "$IMAGE"
  assert_contains '--link-local-ip 10.1.2.3: is no link-local address'
  run -125 ctr create --network none --link-local-ip 169.254.7.1 "$IMAGE"
  assert_contains 'hint: --link-local-ip goes with --network NAME'
}

@test "several networks are several interfaces, and one way out" {
  ctr network create x >/dev/null
  ctr network create y >/dev/null
  run -0 ctr run --rm --network x --network y,bridge "$IMAGE" sh -c 'ls /sys/class/net; ip -4 -o addr show eth2; ip route show default'
  assert_line eth1
  assert_contains 'inet 10.88.0.'
  assert_contains 'default via 10.0.2.2 dev uplink0  src 10.89.0.2'
  ctr network create -o metric=50 z >/dev/null
  run -0 ctr run --rm --network x,z "$IMAGE" ip route show default
  assert_contains 'src 10.89.2.2'
}

@test "containers that start at the same time get addresses of their own" {
  ctr network create x >/dev/null
  for name in 1 2 3 4 5 6; do ctr run -d --name "c$name" --network x "$IMAGE" sleep 100 >/dev/null & done
  wait
  run -0 ctr network inspect -f '{{range .Containers}}{{range .Interfaces}}{{range .Subnets}}{{println .IPNet}}{{end}}{{end}}{{end}}' x
  [ "$(sort -u <<<"$output" | grep -c '^10\.89\.0\.')" = 6 ]
  run -0 sort -u "$XDG_RUNTIME_DIR/ctr/net/x/names"
  [ "${#lines[@]}" = 6 ]
}

@test "a running container joins and leaves networks" {
  ctr network create x >/dev/null
  ctr network create y >/dev/null
  serve a --network x
  serve b --network y
  run -0 ctr network connect --ip 10.89.1.50 --alias www y a
  run -0 reach b 10.89.1.50
  assert_output 'this is a'
  run -0 ctr exec a cat /etc/hosts
  assert_contains 10.89.1.50
  run -125 ctr network connect y a
  assert_contains 'container a is already connected to network "y": network is already connected'
  run -0 ctr ps --filter name=a --format '{{.Networks}}'
  assert_output x,y
  run -0 ctr network disconnect y a
  run reach b 10.89.1.50
  refute_contains 'this is a'
  run -1 ctr exec a ls /sys/class/net/eth1
  run -125 ctr network disconnect y a
  assert_contains 'container a is not connected to network y: network is not connected'
  # The way out follows.
  ctr network disconnect x a
  run -0 ctr exec a ls /sys/class/net
  refute_contains uplink0
  ctr network connect y a
  run -0 ctr exec a ip route get 203.0.113.9
  assert_contains 'dev uplink0  src 10.89.1'
}

@test "a stopped container joins and leaves networks at its next start" {
  ctr network create x >/dev/null
  ctr create --name a --network bridge "$IMAGE" sh -c 'ip -4 -o addr | grep -c eth' >/dev/null
  ctr network connect x a
  run -0 ctr start -a a
  assert_output 2
  ctr network disconnect podman a
  run -0 ctr start -a a
  assert_output 1
  ctr create --name b "$IMAGE" >/dev/null
  run -125 ctr network connect x b
  assert_line 'Error: "slirp4netns" is not supported: invalid network mode'
}

@test "reload puts back what was taken away" {
  ctr network create x >/dev/null
  ctr run -d --name a --network x --cap-add net_admin "$IMAGE" sleep 100 >/dev/null
  ctr exec a sh -c 'ip addr flush dev eth0; ip link set uplink0 down'
  run -0 ctr network reload a
  assert_output "$(ctr inspect -f '{{.Id}}' a)"
  run -0 ctr exec a ip route get 203.0.113.9
  assert_contains 'dev uplink0  src 10.89.0.2'
  ctr exec a ip link del eth0
  ctr network reload --all
  run -0 ctr exec a ip -4 -o addr show eth0
  assert_contains 10.89.0.2/24
}

@test "a network that is used is not removed, unless by force with its containers" {
  ctr network create x >/dev/null
  ctr create --name a --network x "$IMAGE" >/dev/null
  run -2 ctr network rm x
  assert_line 'Error: "x" has associated containers with it. Use -f to forcibly delete containers and pods: network is being used'
  run -0 ctr network prune -f
  refute_contains x
  ctr pod create --name p --network x >/dev/null
  run -2 ctr network rm x
  assert_contains 'it is in use by: a, p'
  run -0 ctr network rm -f x
  run -1 ctr container exists a
  run -1 ctr pod exists p
}

# bats test_tags=acceptance
@test "no firewall has a rule, neither in a container nor between them" {
  ctr network create x >/dev/null
  serve a --network x -p 127.0.0.1::7 -p 127.0.0.1::7/udp
  local id pid descriptor hub=
  while read -r id pid _ descriptor _; do
    [ "$id" != "$(ctr inspect -f '{{.Id}}' a)" ] || hub=/proc/$pid/fd/$descriptor
  done <"$XDG_RUNTIME_DIR/ctr/net/x/members"
  for place in "/proc/$(ctr inspect -f '{{.State.Pid}}' a)/ns/net" "$hub"; do
    run -0 "$BATS_TEST_DIRNAME/net-peer" firewall "$place"
    assert_output 0
  done
}

# bats test_tags=acceptance
@test "kill -9 of everything leaves nothing, and the address is free at once" {
  ctr network create x >/dev/null
  serve a --network x --ip 10.89.0.111
  serve b --network x --ip 10.89.0.112
  hub=$(hub_of a x)
  [ -n "$hub" ]
  [ "$(hub_of b x)" = "$hub" ]
  local pids='' begin
  for name in a b; do pids+=" $(ctr inspect -f '{{.State.ConmonPid}} {{.State.Pid}}' $name)"; done
  helpers=$(for pid in $pids; do pgrep -P "$pid" || true; done)
  [ "$(wc -w <<<"$helpers")" -ge 6 ]
  begin=$EPOCHREALTIME
  # shellcheck disable=SC2086 # several
  kill -9 $pids
  # Who takes them off the list of processes may take his time.
  live() { local pid; for pid in $helpers; do grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status" && return; done; return 1; }
  not_live() { ! live; }
  wait_for not_live
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { exit !(b - a < 1) }'
  wait_for no_store_processes
  # The kernel keeps a namespace for descriptors and processes only.
  [ -z "$(find /proc/[0-9]*/fd -lname "net:\\[$hub\\]" 2>/dev/null)" ]
  run -0 ctr run --rm --network x --ip 10.89.0.111 "$IMAGE" ip -4 -o addr show eth0
  assert_contains 10.89.0.111/24
  # Nobody is left who would keep the network.
  [ ! -s "$XDG_RUNTIME_DIR/ctr/net/x/members" ]
}

@test "a definition file of podman's is a network" {
  command -v podman >/dev/null
  mkdir -p "$(dirname "$(network_file x)")"
  printf '{"name":"fromfile","id":"%064d","driver":"bridge","network_interface":"br7","created":"2026-01-02T03:04:05Z","subnets":[{"subnet":"10.77.0.0/24","gateway":"10.77.0.1"}],"ipv6_enabled":false,"internal":false,"dns_enabled":true,"ipam_options":{"driver":"host-local"}}' 7 >"$(network_file fromfile)"
  run -0 ctr run --rm --network fromfile "$IMAGE" ip -4 -o addr show eth0
  assert_contains 10.77.0.2/24
  # One that cannot be a network here hides none that is.
  sed 's/fromfile/other/; s/"bridge"/"macvlan"/' "$(network_file fromfile)" >"$(network_file other)"
  run -0 ctr network ls -q
  assert_contains 'other.json: driver "macvlan" needs root on the host'
  assert_line fromfile
  run -125 ctr network inspect other
  assert_contains 'driver "macvlan" needs root on the host'
  rm "$(network_file other)"
  # And podman takes ours.
  ctr network create ours >/dev/null
  mkdir -p "$BATS_TEST_TMPDIR/networks"
  cp "$(network_file ours)" "$BATS_TEST_TMPDIR/networks/"
  run -0 podman --network-config-dir "$BATS_TEST_TMPDIR/networks" network inspect -f '{{.NetworkInterface}}' ours
  assert_line podman1
}

@test "the servers that a network asks for names are changed" {
  ctr network create --dns 192.0.2.1 x >/dev/null
  run -0 ctr network update --dns-add 192.0.2.2,192.0.2.3 --dns-drop 192.0.2.1 x
  run -0 ctr network inspect -f '{{.NetworkDNSServers}}' x
  assert_output '[192.0.2.2 192.0.2.3]'
  run -125 ctr network update --dns-drop 192.0.2.9 x
  assert_contains 'unable to drop 192.0.2.9'
}
