# shellcheck shell=bash
# shellcheck disable=SC2154 # test files set variables that are used here
# For tests of what leaves a machine: a host and a place outside of it are network namespaces, the host has an /etc of its
# own, and a user runs containers on it. With CTR_TEST_MACHINE the host is this whole machine, which is made for the tests
# and has nothing but loopback, and the user is in his systemd session.
#
#   load ../helpers
#   load host
#   setup_file() { start_host_file; }
#   teardown_file() { end_host_file; }
#   setup() { make_host; }
#   teardown() { end_host; }

dns_peer=$cli_dir/dns-peer

start_host_file() {
  start_test_file
  user=${CTR_TEST_USER:-ctrtest}
  session_dir=/run/user/$(id -u "$user")
  export user session_dir
  # The runtime directory of the tests is another one, and has what is needed to reach the user's systemd.
  [ -z "${CTR_TEST_MACHINE:-}" ] || ln -s "$session_dir"/{systemd,bus} "$XDG_RUNTIME_DIR/"
  start_registry
  push_busybox
  chown -R "$user:" "$file_dir" "$XDG_RUNTIME_DIR"
  as_user "$CTR" pull -q "$IMAGE" >/dev/null
}
end_host_file() {
  as_user "$CTR" rm -fa -t 0 >/dev/null 2>&1 || true
  end_test_file
}
end_host() {
  local pid
  on_host "$CTR" pod rm -fa -t 0 >/dev/null
  on_host "$CTR" rm -fa -t 0 >/dev/null
  on_host "$CTR" network prune -f >/dev/null
  for pid in ${helpers:-} "$outside_pid"; do kill "$pid" 2>/dev/null || true; done
  if [ -n "${CTR_TEST_MACHINE:-}" ]; then wait_for offline; else kill "$host_pid" || true; fi
  assert_nothing_left
}
offline() { ! ip link show cable 2>/dev/null; }

# user_words COMMAND...: what runs it as the user, in `words`.
user_words() {
  local name environment=()
  for name in HOME XDG_DATA_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR PATH; do environment+=("$name=${!name}"); done
  words=(setpriv --reuid "$user" --regid "$user" --init-groups env)
  if [ -n "${CTR_TEST_MACHINE:-}" ]; then
    words+=(XDG_RUNTIME_DIR="$session_dir" systemd-run --user --quiet --pipe --wait --collect)
    words+=("${environment[@]/#/--setenv=}" "$@")
  else
    words+=("${environment[@]}" "$@")
  fi
}
as_user() {
  local words
  user_words "$@"
  "${words[@]}"
}
on_host() {
  local words
  user_words "$@"
  host "${words[@]}"
}
host() { nsenter -t "$host_pid" -n -m "$@"; }
outside() { nsenter -t "$outside_pid" -n "$@"; }

# A host that has nothing but loopback, and a place outside of it.
make_host() {
  unshare -n sh -c 'ip link set lo up && echo up && exec sleep 1000' >"$BATS_TEST_TMPDIR/outside" 3>&- &
  outside_pid=$!
  wait_for grep -q up "$BATS_TEST_TMPDIR/outside"
  if [ -n "${CTR_TEST_MACHINE:-}" ]; then host_pid=1; else make_host_namespaces; fi
  replace_resolv_conf 127.0.0.53
}
make_host_namespaces() {
  local etc=$BATS_TEST_TMPDIR/etc
  cp -a /etc "$etc"
  # shellcheck disable=SC2016 # for the other shell
  unshare -n -m sh -c 'mount --bind "$1" /etc && ip link set lo up && echo up && exec sleep 1000' sh "$etc" \
    >"$BATS_TEST_TMPDIR/host" 3>&- &
  host_pid=$!
  wait_for grep -q up "$BATS_TEST_TMPDIR/host"
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
  : >"$log"
  "${@:2}" >"$log" 3>&- &
  helpers="${helpers:-} $!"
  wait_for test -s "$log"
}
# Who connects is told as whom.
answer_outside() { helper answer nsenter -t "$outside_pid" -n "$cli_dir/net-peer" serve tcp 80; }
serve_names() { helper "dns-$1" nsenter -t "$host_pid" -n "$dns_peer" serve "$1" "$2"; }
replace_resolv_conf() {
  # shellcheck disable=SC2016 # for the other shell
  host sh -c 'echo "nameserver $1" >/etc/resolv.new && mv -f /etc/resolv.new /etc/resolv.conf' sh "$1"
}
# What a program in the container is told that looks a name up.
finds() { on_host "$CTR" exec "$1" nslookup "$2" | grep -qxF "Address: $3"; }
# Whether it gets out, as the host.
reaches() { on_host "$CTR" exec "$1" nc -w 2 "${2:-203.0.113.9}" 80 </dev/null | grep -qxF "${3:-192.0.2.1}"; }
monitor_of() { on_host "$CTR" inspect -f '{{.State.ConmonPid}}' "$1"; }

# A connection from the host to a port, which goes on until the end of the test: `speak WORD` says something, and waits
# until it comes back.
hold_connection() {
  local log=$BATS_TEST_TMPDIR/held
  mkfifo "$log.in"
  host busybox nc 127.0.0.1 "$1" <"$log.in" >"$log" 3>&- &
  helpers="${helpers:-} $!"
  exec 4>"$log.in"
}
speak() {
  echo "$1" >&4
  wait_for grep -q "$1" "$BATS_TEST_TMPDIR/held"
}
# within SECONDS COMMAND...: succeeds before so long.
within() {
  local limit=$(($1 * ${CTR_TEST_SLOWNESS:-1})) begin=$EPOCHREALTIME
  wait_for "${@:2}"
  awk -v a="$begin" -v b="$EPOCHREALTIME" -v c="$limit" 'BEGIN { if (b - a < c) exit; print "took", b - a, "s"; exit 1 }'
}
