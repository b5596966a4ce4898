#!/usr/bin/env bats
# pasta(1) as the way out: one that is recent enough, taken from a newer Debian with the C library it needs.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load ../helpers
load host

setup_file() {
  start_host_file
  fetch_pasta "$file_dir/pasta"
  PATH=$file_dir/pasta/bin:$PATH
}
teardown_file() { end_host_file; }
setup() { make_host; }
teardown() { end_host; }

# fetch_pasta DIR: DIR/bin/pasta. Nothing is installed: apt looks at the lists of the newer release in DIR alone.
fetch_pasta() {
  local dir=$1 package
  mkdir -p "$dir"/{lists/partial,archives/partial,bin,lib,root}
  : >"$dir/status"
  echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' >"$dir/sources"
  printf '%s "%s";\n' Dir::State "$dir" Dir::State::status "$dir/status" Dir::Cache "$dir" Dir::Etc::sourcelist "$dir/sources" \
    Dir::Etc::sourceparts - APT::Sandbox::User root Acquire::Languages none Acquire::Check-Valid-Until false >"$dir/apt.conf"
  (
    cd "$dir/archives" || exit
    export APT_CONFIG=$dir/apt.conf
    apt-get -qq update && apt-get -qq download passt libc6
  )
  for package in "$dir"/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
  cp -L "$dir"/root/usr/lib/*/{libc.so.6,ld-linux-*.so.*} "$dir/root/usr/bin/pasta" "$dir/lib/"
  # shellcheck disable=SC2016 # for the other shell
  printf '#!/bin/sh\nexec %s --argv0 pasta --library-path %s %s "$@"\n' "$dir"/lib/ld-linux-* "$dir/lib" "$dir/lib/pasta" \
    >"$dir/bin/pasta"
  chmod -R a+rX "$dir"
  chmod 0755 "$dir/bin/pasta"
}

pasta_of() { pgrep -P "$1" -f "$file_dir/pasta/lib/pasta"; }
pod_monitor() { pgrep -f "pod-monitor $(on_host "$CTR" pod inspect -f '{{.ID}}' "$1" | cut -c 1-12)" | head -n 1; }
pastas() { pgrep -f "$file_dir/pasta/lib/pasta"; }
no_pasta() { ! pastas; }
is_another() { local now; now=$(pasta_of "$1") && [ "$now" != "$2" ]; }

@test "containers get out over both families, names are asked, and ports show who calls" {
  connect_host
  answer_outside
  serve_names 127.0.0.53 198.51.100.1
  # Started as services are, with a signal ignored that would end pasta or not as it is handled.
  # shellcheck disable=SC2016 # for the other shell
  on_host sh -c 'trap "" PIPE; exec "$@"' sh "$CTR" run -d -q --name web --network pasta -p 8080:80 -p 8053:53/udp "$IMAGE" sleep 1000
  within 5 reaches web
  within 5 reaches web 2001:db8::7 2001:db8::1
  within 5 finds web example.com 198.51.100.1
  run -0 on_host "$CTR" exec web sh -c 'ip addr show eth0; cat /proc/sys/net/ipv4/tcp_wmem /proc/sys/net/ipv6/conf/eth0/accept_ra'
  assert_contains 'qlen 10000'
  assert_contains 10.0.2.100/24
  assert_contains fd00::100/64
  assert_line $'4096\t16384\t524288'
  assert_line 0
  local pid kind
  pid=$(on_host "$CTR" inspect -f '{{.State.Pid}}' web)
  helper tcp nsenter -t "$pid" -n "$cli_dir/net-peer" serve tcp 80
  helper udp nsenter -t "$pid" -n "$cli_dir/net-peer" serve udp 53
  for host in 192.0.2.1 2001:db8::1; do
    for kind in 'tcp 8080' 'udp 8053'; do
      run -0 outside "$cli_dir/net-peer" ask "${kind% *}" "$host" "${kind#* }"
      assert_output "${host%1}7"
    done
  done
}

@test "options say what is reached, how large packets are, and over which address" {
  connect_host
  answer_outside
  helper loopback nsenter -t "$host_pid" -n "$cli_dir/net-peer" serve tcp 8999
  host ip addr add 192.0.2.2/24 dev cable
  run -0 on_host "$CTR" run --rm --network pasta:--map-gw,--mtu,1400,-4 "$IMAGE" sh -c \
    'ip addr show eth0; nc -w 2 10.0.2.2 8999 </dev/null'
  assert_contains 'mtu 1400'
  refute_contains fd00::100
  assert_line 127.0.0.1
  run -0 on_host "$CTR" run --rm --network pasta:-o,192.0.2.2 "$IMAGE" nc -w 2 203.0.113.9 80
  assert_output 192.0.2.2
  run on_host "$CTR" run --rm --network pasta "$IMAGE" nc -w 2 10.0.2.2 8999
  refute_contains 127.0.0.1
}

@test "one that ends is started again, also for who has no process to show, and other servers are asked when they change" {
  connect_host
  answer_outside
  serve_names 127.0.0.53 198.51.100.1
  serve_names 127.0.0.54 198.51.100.2
  on_host "$CTR" run -d -q --name web --network pasta "$IMAGE" sleep 1000
  on_host "$CTR" run -d -q --name guest --userns container:web --network pasta "$IMAGE" sleep 1000
  on_host "$CTR" pod create --name group --network pasta >/dev/null
  on_host "$CTR" run -d -q --name member --pod group "$IMAGE" sleep 1000
  local name monitor first
  for name in web guest member; do
    monitor=$(monitor_of "$name")
    [ "$name" != member ] || monitor=$(pod_monitor group)
    within 5 finds "$name" example.com 198.51.100.1
    first=$(pasta_of "$monitor")
    kill -9 "$first"
    within 1 is_another "$monitor" "$first"
    within 2 reaches "$name"
  done
  # pasta looks once a second whether the process that it was told is there.
  local pastas_before
  pastas_before=$(pastas)
  sleep 2
  [ "$(pastas)" = "$pastas_before" ]
  replace_resolv_conf 127.0.0.54
  for name in web guest member; do within 2 finds "$name" example.com 198.51.100.2; done
  on_host "$CTR" rm -f -t 0 guest >/dev/null
  on_host "$CTR" rm -f -t 0 web >/dev/null
  on_host "$CTR" pod rm -f -t 0 group >/dev/null
  no_pasta
}

@test "user networks lead out through it where the configuration says so, and it ends with its monitor" {
  mkdir -p "$XDG_CONFIG_HOME/containers"
  printf '[network]\ndefault_rootless_network_cmd = "pasta"\n' >"$XDG_CONFIG_HOME/containers/containers.conf"
  on_host "$CTR" network create --ipv6 front >/dev/null
  on_host "$CTR" run -d -q --name member --network front "$IMAGE" sleep 1000
  on_host "$CTR" run -d -q --name web "$IMAGE" sleep 1000
  # The host was offline until now.
  connect_host
  answer_outside
  local name
  for name in member web; do
    pasta_of "$(monitor_of "$name")"
    within 5 reaches "$name"
  done
  run -0 on_host "$CTR" run --rm --network front "$IMAGE" nc -w 2 2001:db8::7 80
  assert_output 2001:db8::1
  rm "$XDG_CONFIG_HOME/containers/containers.conf"
  run -0 on_host "$CTR" exec member ip -4 -o addr show scope global
  [ "${#lines[@]}" = 1 ]
  kill -9 "$(monitor_of member)" "$(monitor_of web)"
  wait_for no_pasta
}
