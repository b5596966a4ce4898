# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # helpers.bash sets and uses the rest
# A registry that misbehaves on demand, for tests of transfers. See tests/registry/fault_registry.py for its commands.
#
#   start_fault_registry         sets FAULTS and OTHER_FAULTS (host:port, plain http, allowed in registries.conf),
#                                TLS_FAULTS and FAULTS_CA
#   fault '{"cmd": ...}'         one command; prints the answer
#   stop_fault_registry
#   push_to_faults NAME RECIPE   as push_image
#   blob_of NAME [N]             the digest of the Nth layer (0) of an image there
#   sent_of DIGEST               bytes the registry has sent of a blob since the last "forget"
#   gets_of DIGEST               how often it was asked for

faults_py=$cli_dir/../registry/fault_registry.py

allow_http() {
  mkdir -p "$XDG_CONFIG_HOME/containers"
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$1" >>"$XDG_CONFIG_HOME/containers/registries.conf"
}

start_fault_registry() {
  local ports=$file_dir/fault-ports.json
  # Descriptor 3 is closed because bats waits for everyone who holds it.
  python3 "$faults_py" "$ports" >"$file_dir/fault.log" 2>&1 </dev/null 3>&- &
  faults_pid=$!
  wait_for test -s "$ports" || { cat "$file_dir/fault.log" >&2; return 1; }
  FAULTS=127.0.0.1:$(jq .main "$ports")
  OTHER_FAULTS=127.0.0.1:$(jq .other "$ports")
  TLS_FAULTS=127.0.0.1:$(jq .tls "$ports")
  FAULTS_CA=$(jq -r .ca "$ports")
  export FAULTS OTHER_FAULTS TLS_FAULTS FAULTS_CA faults_pid
  allow_http "$FAULTS"
  allow_http "$OTHER_FAULTS"
}

stop_fault_registry() {
  [ -n "${faults_pid:-}" ] || return 0
  kill "$faults_pid" 2>/dev/null || true
  while kill -0 "$faults_pid" 2>/dev/null; do sleep 0.02; done
}

fault() { curl -sS --fail --noproxy '*' --data "$1" "http://$FAULTS/control"; }

push_to_faults() { "$cli_dir/make-image" "$2" --push "$FAULTS/$1"; }

manifest_of() { curl -sS --fail --noproxy '*' "http://$FAULTS/v2/${1%:*}/manifests/${1##*:}"; }
blob_of() { manifest_of "$1" | jq -r ".layers[${2:-0}].digest"; }
size_of() { manifest_of "$1" | jq -r ".layers[${2:-0}].size"; }

requests_of() { fault '{"cmd": "log"}' | jq --arg d "$1" '[.requests[] | select(.line | test("^GET .*/blobs/" + $d))]'; }
sent_of() { requests_of "$1" | jq 'map(.sent) | add // 0'; }
gets_of() { requests_of "$1" | jq length; }

# The next request for a blob gets so many bytes, then silence until the client goes away or `release`.
hold_blob() {
  fault "{\"cmd\": \"rule\", \"server\": \"*\", \"match\": \"GET .*/blobs/$1\", \"times\": 1,
          \"action\": {\"hold_after\": $2}}" >/dev/null
}

partial_file() { echo "$XDG_DATA_HOME/ctr/images/.partial/${1/:/-}"; }
has_partial() { [ "$(stat -c %s "$(partial_file "$1")" 2>/dev/null || echo 0)" -ge "$2" ]; }

# What an operation that was killed or failed may leave: nothing, after the next ones.
assert_clean_store() {
  local area
  for area in images/.partial images/.pins layers/.staging containers/.staging volumes/.staging; do
    is_empty_dir "$XDG_DATA_HOME/ctr/$area" || { fail "$area is not empty: $(ls -A "$XDG_DATA_HOME/ctr/$area")"; return 1; }
  done
  wait_for is_empty_dir "$XDG_DATA_HOME/ctr/trash"
}

# A missing directory is empty, and the reserve file of the trash does not count. Starts no program: it is asked often.
is_empty_dir() {
  local entry
  for entry in "$1"/* "$1"/.[!.]*; do
    [ "$entry" = "$1/.reserve" ] || [ ! -e "$entry" ] || return 1
  done
}
