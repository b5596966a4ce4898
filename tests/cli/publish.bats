#!/usr/bin/env bats
# Published ports: -p, -P, --expose; who is seen, who is in the way, what becomes of them.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load helpers

setup_file() {
  start_test_file && pull_busybox
  push_image test/exposing:latest \
    '{"layers": [{"busybox": true}], "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], "ExposedPorts": {"80/tcp": {}, "53/udp": {}}}}' >/dev/null
}
teardown_file() { end_test_file; }
teardown() {
  local pid
  for pid in ${peers:-}; do kill "$pid" 2>/dev/null || true; done
  assert_nothing_left
}

peer=$BATS_TEST_DIRNAME/net-peer

# Everything of PORT/PROTOCOL of a container whose program has no server in it is answered by one of ours, there.
serve() {
  local container=$1 kind=$2 port=$3 pid
  pid=$(ctr inspect -f '{{.State.Pid}}' "$container")
  rm -f "$BATS_TEST_TMPDIR/serve.$kind.$port"
  nsenter -t "$pid" -U --preserve-credentials -n "$peer" serve "$kind" "$port" >"$BATS_TEST_TMPDIR/serve.$kind.$port" 3>&- &
  peers="${peers:-} $!"
  wait_for grep -qs ready "$BATS_TEST_TMPDIR/serve.$kind.$port"
}
address() { ctr port "$1" "$2" | sed 's/^0.0.0.0/127.0.0.1/'; }
number() { ctr port "$1" "$2" | sed 's/.*://'; }
sleeper() { ctr run -d -q "$@" "$IMAGE" sleep 1000; }
netproxies() {
  local monitor
  monitor=$(ctr inspect -f '{{.State.ConmonPid}}' "$1")
  pgrep -P "$monitor" -f internal-netproxy
}

# bats test_tags=acceptance
@test "ports are reached over both families and protocols, and a client of the host appears as the gateway" {
  sleeper --name web -p 80 -p 53/udp >/dev/null
  serve web tcp 80
  serve web udp 53
  local tcp udp
  tcp=$(number web 80)
  udp=$(number web 53/udp)
  for host in 127.0.0.1 ::1; do
    run -0 "$peer" ask tcp "$host" "$tcp"
    assert_match '^(10\.0\.2\.2|fd00::2)$'
    run -0 "$peer" ask udp "$host" "$udp"
    assert_match '^(10\.0\.2\.2|fd00::2)$'
  done
}

# bats test_tags=acceptance
@test "a server that speaks first is heard at once, and a client that has said all still hears the answer" {
  sleeper --name web -p 127.0.0.1::80 >/dev/null
  serve web tcp 80
  "$peer" ask tcp 127.0.0.1 "$(number web 80)" >/dev/null
  # More than once on a machine that is busy with other things.
  WITHIN_MS=$((100 * ${CTR_TEST_SLOWNESS:-1})) wait_for "$peer" ask tcp 127.0.0.1 "$(number web 80)"
  run -0 "$peer" ask tcp 127.0.0.1 "$(number web 80)" 'all of it'
  assert_line 'all of it'
}

@test "where nobody listens in the container the connection ends, and a large stream arrives whole" {
  sleeper --name web -p 80 -p 81 >/dev/null
  run -1 "$peer" ask tcp 127.0.0.1 "$(number web 81)"
  assert_output 'net-peer: Connection reset by peer'
  serve web tcp 80
  head -c 3000000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/large"
  run -0 python3 - "$(number web 80)" "$BATS_TEST_TMPDIR/large" <<'PY'
import socket, sys, threading
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
data = open(sys.argv[2], "rb").read()
stream = s.makefile("rb")
stream.readline()
threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
print(stream.read() == data)
PY
  assert_output True
}

# bats test_tags=acceptance
@test "a taken port is told before anything is created, with who has it" {
  coproc HOLDER { exec "$peer" occupy tcp 127.0.0.1 0 3>&-; }
  local port
  read -r -u "${HOLDER[0]}" port
  run -126 ctr run --name web -p "127.0.0.1:$port:80" "$IMAGE" true
  assert_contains "Error: cannot publish 127.0.0.1:$port/tcp: address already in use (by pid $HOLDER_PID "
  run -126 ctr run -d --name web -p "$port:80" "$IMAGE" true
  assert_contains "Error: cannot publish 0.0.0.0:$port/tcp: address already in use (by pid $HOLDER_PID "
  kill "$HOLDER_PID"
  sleeper --name first -p 127.0.0.1::80/udp >/dev/null
  run -126 ctr run --name web -p "$(number first 80/udp):80/udp" "$IMAGE" true
  assert_contains "/udp: address already in use (by container 'first')"
  assert_contains 'hint: choose another port of the host'
  run -0 ctr ps -a --format '{{.Names}}'
  assert_output first
}

# bats test_tags=acceptance
@test "a port that needs privileges names the sysctl" {
  run -126 ctr run --name web -p 80:80 "$IMAGE" true
  assert_contains 'Error: cannot publish port 80/tcp: ports below 1024 need privileges'
  assert_contains 'sysctl net.ipv4.ip_unprivileged_port_start=80'
  run -0 ctr ps -aq
  assert_output ''
  ctr create --name web -p 80:80 "$IMAGE" true
  run -125 ctr start web
  assert_contains 'Error: cannot publish port 80/tcp'
}

@test "the port that the kernel has chosen is shown and stays" {
  ctr create --name web -p 127.0.0.1::80 "$IMAGE" sleep 1000
  local port
  port=$(ctr inspect -f '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}' web)
  [ "$port" -gt 1023 ]
  run -0 ctr port web
  assert_output ''
  ctr start web
  run -0 ctr port web
  assert_output "80/tcp -> 127.0.0.1:$port"
  run -0 ctr port web 80
  assert_output "127.0.0.1:$port"
  run -0 ctr port -a
  assert_output "$(ctr ps -q)	80/tcp -> 127.0.0.1:$port"
  run -125 ctr port web 81
  assert_output 'Error: failed to find published port "81"'
  ctr restart -t 0 web
  run -0 ctr ps --format '{{.Ports}}'
  assert_output "127.0.0.1:$port->80/tcp"
  run -0 ctr ps --format json
  assert_match "\"host_ip\": *\"127.0.0.1\""
  assert_match "\"host_port\": *$port"
  run -0 ctr inspect -f '{{json .HostConfig.PortBindings}}' web
  assert_output "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"$port\"}]}"
}

@test "-P publishes what the image and --expose name" {
  ctr pull -q "$REGISTRY/test/exposing:latest" >/dev/null
  ctr run -d --name web -P --expose 90-91 -p 127.0.0.1::80 "$REGISTRY/test/exposing:latest" sleep 1000
  run -0 ctr port web
  [ "${#lines[@]}" -eq 4 ]
  for port in 90/tcp 91/tcp 53/udp; do assert_match "$port -> 0\.0\.0\.0:[0-9]+"; done
  assert_match '80/tcp -> 127\.0\.0\.1:[0-9]+'
}

@test "ports are added to a running container and taken back, and a restart has them" {
  sleeper --name web >/dev/null
  serve web tcp 80
  run -0 ctr port add web 127.0.0.1::80
  assert_match '^80/tcp -> 127\.0\.0\.1:[0-9]+$'
  local port
  port=$(number web 80)
  run -0 "$peer" ask tcp 127.0.0.1 "$port"
  assert_output 10.0.2.2
  run -0 ctr ps --format '{{.Ports}}'
  assert_output "127.0.0.1:$port->80/tcp"
  run -126 ctr port add web "127.0.0.1:$port:81"
  assert_contains "address already in use (by container 'web')"
  ctr restart -t 0 web
  [ "$(number web 80)" = "$port" ]
  ctr port rm web 80
  run -0 ctr port web
  assert_output ''
  run -1 "$peer" ask tcp 127.0.0.1 "$port"
  assert_output 'net-peer: Connection refused'
  run -125 ctr port rm web 80
  assert_output 'Error: failed to find published port "80/tcp"'
}

@test "the ports of a pod lead to its members, which show them" {
  ctr pod create --name together -p 127.0.0.1::80 >/dev/null
  sleeper --name web --pod together >/dev/null
  serve web tcp 80
  run -0 ctr port web
  assert_match '^80/tcp -> 127\.0\.0\.1:[0-9]+$'
  run -0 "$peer" ask tcp 127.0.0.1 "$(number web 80)"
  assert_output 10.0.2.2
  ctr pod rm -f -t 0 together >/dev/null
}

@test "ports are added to a pod and taken back while it runs, and its members show them" {
  ctr pod create --name together >/dev/null
  sleeper --name web --pod together >/dev/null
  serve web tcp 80
  run -0 ctr port add together 127.0.0.1::80
  assert_match '^80/tcp -> 127\.0\.0\.1:[0-9]+$'
  local port=${output##*:}
  run -0 "$peer" ask tcp 127.0.0.1 "$port"
  assert_output 10.0.2.2
  run -0 ctr port web
  assert_output "80/tcp -> 127.0.0.1:$port"
  run -0 ctr ps --format '{{.Ports}}'
  assert_output "127.0.0.1:$port->80/tcp"
  run -125 ctr port add web 127.0.0.1::81
  assert_contains 'the network of a container in a pod is that of the pod'
  run -126 ctr port add together "127.0.0.1:$port:81"
  assert_contains 'address already in use'
  ctr pod stop -t 0 together >/dev/null && ctr pod start together >/dev/null
  serve web tcp 80
  run -0 "$peer" ask tcp 127.0.0.1 "$port"
  ctr port rm together 80
  run -1 "$peer" ask tcp 127.0.0.1 "$port"
  assert_output 'net-peer: Connection refused'
  run -0 ctr port web
  assert_output ''
  run -125 ctr port rm together 80
  assert_output 'Error: failed to find published port "80/tcp"'
  ctr pod stop -t 0 together >/dev/null
  run -0 ctr port add together 127.0.0.1::80
  port=${output##*:}
  ctr pod start together >/dev/null
  serve web tcp 80
  run -0 "$peer" ask tcp 127.0.0.1 "$port"
  [ -S "$XDG_RUNTIME_DIR/ctr/containers/$(ctr pod inspect -f '{{.ID}}' together)/attach.sock" ]
  ctr pod rm -f -t 0 together >/dev/null
  [ -z "$(ls "$XDG_RUNTIME_DIR/ctr/containers")" ]
}

@test "a container of a network is reached like any other" {
  ctr network create mine >/dev/null
  sleeper --name web --network mine -p 127.0.0.1::80 -p 127.0.0.1::53/udp >/dev/null
  serve web tcp 80
  serve web udp 53
  run -0 "$peer" ask tcp 127.0.0.1 "$(number web 80)"
  assert_match '^10\.89\.[0-9]+\.1$'
  run -0 "$peer" ask udp 127.0.0.1 "$(number web 53/udp)"
  assert_match '^10\.89\.[0-9]+\.1$'
  ctr rm -f -t 0 web >/dev/null
  ctr network rm mine >/dev/null
}

@test "a netproxy that dies is replaced and nobody is refused meanwhile" {
  sleeper --name web -p 127.0.0.1::80 >/dev/null
  serve web tcp 80
  local port first
  port=$(number web 80)
  first=$(netproxies web)
  coproc CLIENT { exec "$peer" persist 127.0.0.1 "$port" 3>&-; }
  kill -9 "$first"
  another() { local now; now=$(netproxies web) && [ "$now" != "$first" ]; }
  wait_for another
  run -0 "$peer" ask tcp 127.0.0.1 "$port"
  assert_output 10.0.2.2
  local said input=${CLIENT[1]}
  exec {input}>&-
  read -r -u "${CLIENT[0]}" said
  [[ $said == '0 refused,'* ]] || fail "$said"
}

@test "netproxy ends with its monitor" {
  sleeper --name web -p 127.0.0.1::80 >/dev/null
  local proxy monitor begin
  proxy=$(netproxies web)
  monitor=$(ctr inspect -f '{{.State.ConmonPid}}' web)
  begin=$EPOCHREALTIME
  kill -9 "$monitor"
  # Who takes it off the list of processes afterwards may take his time.
  gone() { ! kill -0 "$proxy" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$proxy/status"; }
  wait_for gone
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { exit !(b - a < 1) }'
}

# bats test_tags=acceptance
@test "forty restarts with an open connection never meet an address in use" {
  ctr run -d -q --name web -p 127.0.0.1::80 "$IMAGE" nc -ll -p 80 -e cat >/dev/null
  local port i client said
  port=$(number web 80)
  # A connection that has carried something, in both directions.
  opened() {
    exec {client}<>"/dev/tcp/127.0.0.1/$port" && echo hello >&"$client" && read -r -t 5 -u "$client" said && [ "$said" = hello ]
  }
  for ((i = 0; i < 40; ++i)); do
    wait_for opened 2>/dev/null
    ctr restart -t 0 web >/dev/null
    exec {client}>&-
  done
}

@test "a thousand connections at once are carried" {
  sleeper --name web -p 127.0.0.1::80 >/dev/null
  serve web tcp 80
  coproc CLIENT { exec "$peer" hold 127.0.0.1 "$(number web 80)" 1000 3>&-; }
  local held proxy
  read -r -u "${CLIENT[0]}" held
  [ "$held" = held ]
  proxy=$(netproxies web)
  [ "$(awk '/^RssAnon/ { print $2 }' "/proc/$proxy/status")" -lt 4096 ]
  kill "$CLIENT_PID"
}

@test "a thousand short connections are all answered, two hundred of them at once" {
  sleeper --name web -p 127.0.0.1::80 >/dev/null
  serve web tcp 80
  run -0 "$peer" burst 127.0.0.1 "$(number web 80)" 1000 200
  assert_output 1000
}

@test "where descriptors are few clients wait for one another, and nobody is sent away" {
  ctr network create few >/dev/null
  (ulimit -n 128 && sleeper --name web --network few -p 127.0.0.1::80 >/dev/null)
  serve web tcp 80
  run -0 "$peer" burst 127.0.0.1 "$(number web 80)" 300 100
  assert_output 300
  run -0 cat "/proc/$(netproxies web)/limits"
  assert_match 'Max open files +128 +128 '
  ctr rm -f -t 0 web >/dev/null
  ctr network rm few >/dev/null
}

@test "each end of a connection sees how the other one ends, and one that does not read stops the other" {
  sleeper --name web -p 127.0.0.1::80 >/dev/null
  run -0 "$peer" ends 127.0.0.1 "$(number web 80)" "$(ctr inspect -f '{{.State.Pid}}' web)" 80
  assert_output "the server ends first: the client heard 3, the server heard 300000 after its own end
the client resets: the server heard a reset
the server resets: the client heard a reset
the server does not read: bounded True, whole True
the server sends by reno"
}

@test "five thousand clients of UDP are answered, of whom some are forgotten" {
  sleeper --name web -p 127.0.0.1::53/udp >/dev/null
  serve web udp 53
  run -0 "$peer" crowd 127.0.0.1 "$(number web 53/udp)" 5000
  assert_output 5000
  local proxy
  proxy=$(netproxies web)
  [ "$(awk '/^RssAnon/ { print $2 }' "/proc/$proxy/status")" -lt 8192 ]
}

@test "a socket of the service manager is the published port" {
  local port
  port=$(sleeper --name first -p 127.0.0.1::80 >/dev/null && number first 80)
  ctr rm -f -t 0 first >/dev/null
  "$peer" activate 127.0.0.1 "$port" ctr run -d -q --name web -p "127.0.0.1:$port:80" "$IMAGE" sleep 1000 >/dev/null
  serve web tcp 80
  run -0 "$peer" ask tcp 127.0.0.1 "$port"
  assert_output 10.0.2.2
}

@test "a socket of the service manager outlives starts by the policy" {
  local port
  port=$(sleeper --name first -p 127.0.0.1::80 >/dev/null && number first 80)
  ctr rm -f -t 0 first >/dev/null
  # The manager has it all the time: nobody can bind to it anew.
  # shellcheck disable=SC2016 # for the other shell
  "$peer" activate 127.0.0.1 "$port" sh -c '(sleep 1000) & echo $! >"$1"; shift; exec "$@"' sh "$BATS_TEST_TMPDIR/manager" \
    ctr run -d -q --restart always --name web -p "127.0.0.1:$port:80" "$IMAGE" sleep 1000 >/dev/null 3>&-
  peers=$(cat "$BATS_TEST_TMPDIR/manager")
  local i monitor
  for i in 1 2; do
    monitor=$(ctr inspect -f '{{.State.ConmonPid}}' web)
    kill -9 "$(ctr inspect -f '{{.State.Pid}}' web)"
    restarted() { [ "$(ctr inspect -f '{{.State.Running}} {{.RestartCount}}' web)" = "true $i" ]; }
    wait_for restarted
  done
  serve web tcp 80
  run -0 "$peer" ask tcp 127.0.0.1 "$port"
  assert_output 10.0.2.2
}

@test "the container has no socket of the host, and netproxy may do next to nothing" {
  sleeper --name web -p 127.0.0.1::80 >/dev/null
  run -0 ctr exec web sh -c 'ls -l /proc/1/fd'
  refute_contains socket:
  run -0 cat "/proc/$(netproxies web)/status"
  assert_match 'CapEff:[[:space:]]+0000000000001000'
  assert_match 'CapPrm:[[:space:]]+0000000000001000'
  assert_match 'CapBnd:[[:space:]]+0000000000000000'
  assert_match 'NoNewPrivs:[[:space:]]+1'
  assert_match 'Seccomp:[[:space:]]+2'
  # What only its start has needed is not in its memory any more: by far the most of the program's file.
  at_rest() { [ "$(awk '/^RssFile/ { print $2 }' "/proc/$(netproxies web)/status")" -lt 1500 ]; }
  wait_for at_rest
}

@test "without a network of its own nothing is published" {
  run -0 ctr run --rm --network host -p 127.0.0.1::80 "$IMAGE" true
  assert_contains 'Port mappings have been discarded'
  run -125 ctr run --rm -p 80/sctp "$IMAGE" true
  assert_output 'Error: ports of protocol sctp cannot be published'
  sleeper --name first >/dev/null
  run -125 ctr run --rm --network container:first -p 80 "$IMAGE" true
  assert_contains '-p is not possible with --network container:first'
}
