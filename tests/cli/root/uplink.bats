#!/usr/bin/env bats
# The way out of a user's containers on a host that changes: offline at first, with other name servers later. The host is
# a network namespace with an /etc of its own.
# shellcheck disable=SC2154 # helpers set IMAGE, output and others
load ../helpers

setup_file() {
  start_test_file
  user=${CTR_TEST_USER:-ctrtest}
  export user
  start_registry
  push_busybox
  chown -R "$user:" "$file_dir" "$XDG_RUNTIME_DIR"
  as_user "$CTR" pull -q "$IMAGE" >/dev/null
}
teardown_file() {
  as_user "$CTR" rm -fa -t 0 >/dev/null 2>&1 || true
  end_test_file
}
setup() { make_host; }
teardown() {
  local pid
  on_host "$CTR" rm -fa -t 0 >/dev/null
  on_host "$CTR" network prune -f >/dev/null
  for pid in ${helpers:-} "$host_pid" "$outside_pid"; do kill "$pid" 2>/dev/null || true; done
  assert_nothing_left
}

dns_peer=$(dirname "$BATS_TEST_DIRNAME")/dns-peer

as_user() {
  setpriv --reuid "$user" --regid "$user" --init-groups \
    env HOME="$HOME" XDG_DATA_HOME="$XDG_DATA_HOME" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" PATH="$PATH" "$@"
}
host() { nsenter -t "$host_pid" -n -m "$@"; }
outside() { nsenter -t "$outside_pid" -n "$@"; }
on_host() {
  nsenter -t "$host_pid" -n -m setpriv --reuid "$user" --regid "$user" --init-groups \
    env HOME="$HOME" XDG_DATA_HOME="$XDG_DATA_HOME" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" PATH="$PATH" "$@"
}

# A host that has nothing but loopback, and a place outside of it.
make_host() {
  local etc=$BATS_TEST_TMPDIR/etc
  cp -a /etc "$etc"
  echo 'nameserver 127.0.0.53' >"$etc/resolv.new"
  mv -f "$etc/resolv.new" "$etc/resolv.conf"
  # shellcheck disable=SC2016 # for the other shell
  unshare -n -m sh -c 'mount --bind "$1" /etc && ip link set lo up && echo up && exec sleep 1000' sh "$etc" \
    >"$BATS_TEST_TMPDIR/host" 3>&- &
  host_pid=$!
  unshare -n sh -c 'ip link set lo up && echo up && exec sleep 1000' >"$BATS_TEST_TMPDIR/outside" 3>&- &
  outside_pid=$!
  wait_for grep -q up "$BATS_TEST_TMPDIR/host"
  wait_for grep -q up "$BATS_TEST_TMPDIR/outside"
}

connect_host() {
  host ip link add cable type veth peer name cable netns "$outside_pid"
  host ip addr add 192.0.2.1/24 dev cable
  host ip addr add 2001:db8::1/64 dev cable nodad
  host ip link set cable up
  outside ip addr add 192.0.2.7/24 dev cable
  outside ip addr add 203.0.113.9/32 dev lo
  outside ip addr add 2001:db8::7/64 dev cable nodad
  outside ip link set cable up
  host ip route add default via 192.0.2.7
  host ip -6 route add default via 2001:db8::7
}

# helper NAME COMMAND...: goes on until the end of the test; returns once it has said something.
helper() {
  local log=$BATS_TEST_TMPDIR/$1
  "${@:2}" >"$log" 3>&- &
  helpers="${helpers:-} $!"
  wait_for test -s "$log"
}
answer_outside() {
  outside busybox nc -ll -p 80 -e echo heard 3>&- &
  helpers="${helpers:-} $!"
}
hold_connection() {
  host busybox nc 127.0.0.1 8080 <"$1" >"$2" 3>&- &
  helpers="${helpers:-} $!"
}
serve_names() { helper "dns-$1" nsenter -t "$host_pid" -n "$dns_peer" serve "$1" "$2"; }
replace_resolv_conf() {
  # shellcheck disable=SC2016 # for the other shell
  host sh -c 'echo "nameserver $1" >/etc/resolv.new && mv -f /etc/resolv.new /etc/resolv.conf' sh "$1"
}
# What a program in the container is told that looks a name up.
finds() { on_host "$CTR" exec "$1" nslookup "$2" | grep -qxF "Address: $3"; }
reaches() { on_host "$CTR" exec "$1" nc -w 2 203.0.113.9 80 </dev/null | grep -q heard; }

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
  # The resolver knows the address that the host has by now.
  wait_for finds member host.containers.internal 192.0.2.1
}

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
  SECONDS=0
  for name in web member; do wait_for finds "$name" example.com 198.51.100.2; done
  [ "$SECONDS" -le 3 ]
  # Behind a link into another folder, and written in place.
  host sh -c 'mkdir /etc/behind && echo "nameserver 127.0.0.53" >/etc/behind/real && ln -sf behind/real /etc/resolv.conf'
  for name in web member; do wait_for finds "$name" example.com 198.51.100.1; done
  host sh -c 'echo "nameserver 127.0.0.54" >/etc/behind/real'
  for name in web member; do wait_for finds "$name" example.com 198.51.100.2; done
}

@test "the way out and published connections are there again after the uplink was killed" {
  connect_host
  answer_outside
  on_host "$CTR" run -d -q --name web -p 127.0.0.1:8080:80 "$IMAGE" nc -ll -p 80 -e cat
  wait_for reaches web
  local monitor
  monitor=$(on_host "$CTR" inspect -f '{{.State.ConmonPid}}' web)
  mkfifo "$BATS_TEST_TMPDIR/in"
  hold_connection "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
  exec 4>"$BATS_TEST_TMPDIR/in"
  echo before >&4
  wait_for grep -q before "$BATS_TEST_TMPDIR/out"
  kill -9 "$(pgrep -P "$monitor" slirp4netns)"
  wait_for reaches web
  echo after >&4
  wait_for grep -q after "$BATS_TEST_TMPDIR/out"
  exec 4>&-
}
