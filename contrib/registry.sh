# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are for the scripts that source this file
# A throw-away docker-registry on loopback, for contrib/try, the command-line tests and the benchmarks.
#
#   registry_start DIR [tls|auth ...]   starts one and sets registry_host (127.0.0.1:PORT) and registry_pid; its data,
#                                       log and certificates are in DIR. tls: HTTPS with DIR/ca.crt; auth: basic
#                                       authentication as user 'tester', password 'secret'.
#   registry_stop                       stops it and waits for its end
#   registry_stop_below DIR             stops each that was started with a directory below DIR, whoever started it

registry_host=''
registry_pid=''

registry_certificates() {
  local dir=$1
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=localhost' \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$dir/key.pem" -out "$dir/ca.crt" 2>"$dir/openssl.log"
}

registry_config() {
  local dir=$1 feature
  shift
  printf 'version: 0.1\nlog: {level: info, formatter: json}\n'
  printf 'storage: {filesystem: {rootdirectory: "%s/data"}, delete: {enabled: true}}\n' "$dir"
  for feature in "$@"; do
    if [ "$feature" = auth ]; then
      htpasswd -Bbc "$dir/htpasswd" tester secret 2>"$dir/htpasswd.log" >&2 || return 1
      printf 'auth: {htpasswd: {realm: test, path: "%s/htpasswd"}}\n' "$dir"
    fi
  done
  printf 'http:\n  addr: "127.0.0.1:0"\n  secret: throwaway\n'
  for feature in "$@"; do
    if [ "$feature" = tls ]; then
      registry_certificates "$dir" || return 1
      printf '  tls: {certificate: "%s/ca.crt", key: "%s/key.pem"}\n' "$dir" "$dir"
    fi
  done
}

registry_start() {
  local dir=$1 deadline=$((SECONDS + 10)) port=''
  mkdir -p "$dir/data"
  registry_config "$@" >"$dir/config.yml" || return 1
  # The kernel picks the port (0) and the registry's log tells which: no race for a free one. Descriptor 3 is closed
  # because bats waits for everyone who holds it.
  : >"$dir/log"
  docker-registry serve "$dir/config.yml" >"$dir/log" 2>&1 </dev/null 3>&- &
  registry_pid=$!
  printf '%s\n' "$registry_pid" >"$dir/registry.pid"
  while [ -z "$port" ]; do
    if ! kill -0 "$registry_pid" 2>/dev/null || [ "$SECONDS" -gt "$deadline" ]; then
      printf 'docker-registry did not start:\n' >&2
      tail -n 5 "$dir/log" >&2
      return 1
    fi
    port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$dir/log")
    [ -n "$port" ] || sleep 0.02
  done
  registry_host=127.0.0.1:$port
}

registry_stop() {
  [ -n "$registry_pid" ] || return 0
  registry_end "$registry_pid"
  registry_pid=''
}

registry_stop_below() {
  local file
  while read -r file; do
    registry_end "$(cat "$file")"
    rm "$file"
  done < <(find "$1" -maxdepth 2 -name registry.pid)
}

# Its starter may be another shell (a test, or the set-up of a test file), which has no `wait` for it.
registry_end() {
  kill "$1" 2>/dev/null || true
  while kill -0 "$1" 2>/dev/null; do sleep 0.02; done
}
