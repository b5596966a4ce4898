#!/usr/bin/env bats
# Names in user networks: who finds whom, under which names.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() {
  assert_nothing_left
  ctr network prune -f >/dev/null
}

sleeper() { ctr run -d -q "$@" "$IMAGE" sleep 1000; }
address() { ctr inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
server() { ctr network inspect -f '{{(index .Subnets 0).Gateway}}' "$1"; }
# ask CONTAINER NETWORK NAME [TYPE]: what its programs are told there; the code comes first.
ask() {
  local pid
  pid=$(ctr inspect -f '{{.State.Pid}}' "$1")
  run -0 nsenter -t "$pid" -U --preserve-credentials -n "$BATS_TEST_DIRNAME/dns-peer" ask ${TCP:+--tcp} "$(server "$2")" "${@:3}"
}

@test "members of a network find each other by name, alias and short id, over UDP and TCP" {
  ctr network create front >/dev/null
  local id
  id=$(sleeper --name web --network front:alias=www,alias=site)
  sleeper --name client --network front >/dev/null
  for name in web www SITE "${id:0:12}" web.ctr.internal web.dns.podman client; do
    ask client front "$name"
    assert_line "$([ "$name" = client ] && address client front || address web front)"
    TCP=1 ask client front "$name"
    assert_line NOERROR
  done
  run -0 ctr exec client sh -c 'cat /etc/resolv.conf; nslookup web'
  assert_line "nameserver $(server front)"
  assert_line "Address: $(address web front)"
  ask client front web MX
  assert_output NOERROR
  ask client front nosuch.ctr.internal
  assert_output NXDOMAIN
  local reverse
  reverse=$(address web front | awk -F. '{print $4"."$3"."$2"."$1".in-addr.arpa"}')
  ask client front "$reverse" PTR
  assert_line web.ctr.internal
  ctr rm -f -t 0 web >/dev/null
  ask client front www.ctr.internal
  assert_output NXDOMAIN
}

# bats test_tags=acceptance
@test "all who have an alias are answered in turn, and names stay when a monitor is killed" {
  ctr network create front >/dev/null
  sleeper --name one --network front:alias=www >/dev/null
  sleeper --name two --network front:alias=www >/dev/null
  sleeper --name client --network front >/dev/null
  local seen='' one two
  one=$(address one front)
  two=$(address two front)
  for _ in 1 2 3 4; do
    ask client front www
    [ "${#lines[@]}" = 3 ]
    assert_line "$one"
    assert_line "$two"
    seen+="${lines[1]} "
  done
  [[ $seen == *"$one"* && $seen == *"$two"* ]]
  kill -9 "$(ctr inspect -f '{{.State.ConmonPid}}' one)"
  ask client front two
  assert_line "$two"
}

@test "a container is told of the networks it is in, and of no others" {
  ctr network create front >/dev/null
  ctr network create --internal back >/dev/null
  ctr network create other >/dev/null
  sleeper --name web --network front --network back >/dev/null
  sleeper --name db --network back >/dev/null
  sleeper --name outsider --network other >/dev/null
  ask web front db
  assert_line "$(address db back)"
  ask db back web
  assert_output "NOERROR
$(address web back)"
  for name in outsider example.com host.containers.internal; do
    ask db back "$name"
    assert_match '^(REFUSED|NXDOMAIN)$'
  done
  ask db back example.com
  assert_output REFUSED
  ask outsider other web.ctr.internal
  assert_output NXDOMAIN
  run -0 ctr exec db ip route
  refute_contains default
  ctr exec -d web nc -ll -p 80 -e echo heard >/dev/null
  wait_for ctr exec db sh -c "nc -w 1 $(address web back) 80 </dev/null | grep heard"
  run ctr exec outsider nc -w 1 "$(address web front)" 80
  refute_contains heard
}

@test "a resolver that is killed is replaced" {
  ctr network create front >/dev/null
  sleeper --name web --network front >/dev/null
  local monitor proxy
  monitor=$(ctr inspect -f '{{.State.ConmonPid}}' web)
  proxy=$(pgrep -P "$monitor" -f internal-netproxy)
  kill -9 "$proxy"
  replaced() { local now; now=$(pgrep -P "$monitor" -f internal-netproxy) && [ "$now" != "$proxy" ]; }
  wait_for replaced
  ask web front web
  assert_line "$(address web front)"
}

@test "a container that joins a network while it runs is found there, and not after it has left" {
  ctr network create front >/dev/null
  ctr network create back >/dev/null
  sleeper --name web --network front >/dev/null
  sleeper --name client --network back >/dev/null
  ctr network connect --alias late back web
  ask client back late
  assert_line "$(address web back)"
  ask web front client
  assert_line "$(address client back)"
  ctr network disconnect back web
  ask client back late.ctr.internal
  assert_output NXDOMAIN
}
