#!/usr/bin/env bats
# Where credentials come from, and where they never go.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers
load faults

SECRET=s3cret-of-the-test

setup_file() {
  start_test_file && start_fault_registry
  push_to_faults src/small:1 '{"layers": [{"entries": [{"path": "f", "content": "x"}]}]}'
  LAYER=$(blob_of src/small:1)
  fault "{\"cmd\": \"auth\", \"server\": \"main\", \"mode\": \"basic\", \"user\": \"me\", \"password\": \"$SECRET\"}" >/dev/null
  # A credential helper that keeps what it gets and tells how it was called.
  mkdir -p "$file_dir/bin"
  cat >"$file_dir/bin/docker-credential-test" <<'END'
#!/bin/sh
echo "$@" >>"$HELPER_DIR/arguments"
for process in $PPID $$; do tr '\0' ' ' <"/proc/$process/cmdline" >>"$HELPER_DIR/arguments"; done
case $1 in
  store) cat >"$HELPER_DIR/kept" ;;
  get) cat >/dev/null; [ -s "$HELPER_DIR/kept" ] && cat "$HELPER_DIR/kept" || { echo 'credentials not found in native keychain'; exit 1; } ;;
  erase) cat >/dev/null; rm -f "$HELPER_DIR/kept" ;;
esac
END
  chmod +x "$file_dir/bin/docker-credential-test"
  export SECRET LAYER HELPER_DIR=$file_dir/helper PATH=$file_dir/bin:$PATH
}
teardown_file() { stop_fault_registry; end_test_file; }
setup() {
  fault '{"cmd": "forget"}' >/dev/null
  rm -rf "$HELPER_DIR" "$XDG_RUNTIME_DIR/containers" "$HOME/.docker" "$XDG_CONFIG_HOME/containers/auth.json"
  mkdir -p "$HELPER_DIR" "$HOME/.docker"
}
teardown() {
  ctr rmi -af >/dev/null 2>&1 || true
  assert_nothing_left
}

encoded() { printf 'me:%s' "$SECRET" | base64; }
auths() { printf '{"auths": {"%s": {"auth": "%s"}}}' "${1:-$FAULTS}" "$(encoded)"; }
pulls() { run -0 --separate-stderr ctr pull -q "$FAULTS/src/small:1"; ctr rmi -a >/dev/null; }
refuses() {
  run -125 --separate-stderr ctr pull -q "$FAULTS/src/small:1"
  [[ $stderr == *'authentication required'*"hint: log in with: ctr login $FAULTS"* ]] || fail "stderr: $stderr"
}

@test "credentials come from auth.json, Docker's config.json, REGISTRY_AUTH_FILE, --authfile and --creds" {
  refuses
  mkdir -p "$XDG_RUNTIME_DIR/containers"
  auths >"$XDG_RUNTIME_DIR/containers/auth.json"
  pulls
  rm "$XDG_RUNTIME_DIR/containers/auth.json"
  auths >"$XDG_CONFIG_HOME/containers/auth.json"
  pulls
  rm "$XDG_CONFIG_HOME/containers/auth.json"
  auths >"$HOME/.docker/config.json"
  pulls
  rm "$HOME/.docker/config.json"
  mkdir -p "$file_dir/docker"
  auths >"$file_dir/docker/config.json"
  DOCKER_CONFIG=$file_dir/docker pulls
  REGISTRY_AUTH_FILE=$file_dir/docker/config.json pulls
  run -0 ctr pull -q --authfile "$file_dir/docker/config.json" "$FAULTS/src/small:1"
  run -0 ctr pull -q --creds "me:$SECRET" "$FAULTS/src/small:1"
  ctr rmi -a >/dev/null
  refuses
  auths "$FAULTS/src" >"$XDG_CONFIG_HOME/containers/auth.json"
  pulls
  auths "$FAULTS/other" >"$XDG_CONFIG_HOME/containers/auth.json"
  refuses
}

@test "a login through a credential helper passes the secret on its standard input alone" {
  for key in '"credsStore": "test"' "\"credHelpers\": {\"$FAULTS\": \"test\"}"; do
    printf '{%s}' "$key" >"$HOME/.docker/config.json"
    run -0 ctr login --compat-auth-file "$HOME/.docker/config.json" -u me --password-stdin "$FAULTS" <<<"$SECRET"
    assert_output 'Login Succeeded!'
    ! grep -qr "$(encoded)" "$HOME/.docker" || fail 'the secret is in the file, too'
    pulls
    run -0 ctr login --get-login "$FAULTS"
    assert_output me
    run -0 ctr logout --compat-auth-file "$HOME/.docker/config.json" "$FAULTS"
    refuses
  done
  grep -q '^store' "$HELPER_DIR/arguments"
  ! grep -F "$SECRET" "$HELPER_DIR/arguments" || fail 'the secret is in the arguments'
}

@test "the secret is in no argument of the transfer, and in no line of its debug log" {
  auths >"$file_dir/auth.json"
  hold_blob "$LAYER" 1
  ctr --log-level debug pull --authfile "$file_dir/auth.json" "$FAULTS/src/small:1" >"$file_dir/out" 2>"$file_dir/err" 3>&- &
  pull_pid=$!
  wait_for has_partial "$LAYER" 1
  for pid in $(store_processes | cut -d' ' -f1); do
    tr '\0' '\n' <"/proc/$pid/cmdline"
    tr '\0' '\n' <"/proc/$pid/environ"
  done >"$file_dir/seen" 2>/dev/null
  grep -q '^ctr-transfer$' "$file_dir/seen"
  ! grep -e "$(encoded)" "$file_dir/seen" || fail 'the secret is in arguments or environment'
  fault '{"cmd": "release"}' >/dev/null
  wait "$pull_pid"
  grep -q 'level=debug' "$file_dir/err"
  ! grep -e "$SECRET" -e "$(encoded)" "$file_dir/err" || fail 'the secret is in the log'
}

@test "no error shows the secret" {
  fault '{"cmd": "rule", "match": ".*", "times": 3, "action": {"status": 401, "body": "{\"errors\": [{\"message\": \"no\"}]}",
    "headers": {"WWW-Authenticate": "Basic realm=\"x\""}}}' >/dev/null
  run -125 ctr --log-level debug pull -q --creds "me:$SECRET" "$FAULTS/src/small:1"
  refute_contains "$SECRET"
  refute_contains "$(encoded)"
  printf '{"auths": {"%s": {"auth": "%s!"}}}' "$FAULTS" "$(encoded)" >"$XDG_CONFIG_HOME/containers/auth.json"
  run -125 ctr pull -q "$FAULTS/src/small:1"
  assert_contains auth.json
  refute_contains "$(encoded)"
}

@test "a redirect to another port gets no credentials, not even through a token" {
  auths >"$XDG_CONFIG_HOME/containers/auth.json"
  fault '{"cmd": "rule", "server": "main", "match": "GET .*/blobs/.*", "action": {"redirect_to": "other"}}' >/dev/null
  run -0 ctr pull -q "$FAULTS/src/small:1"
  fault '{"cmd": "log"}' >"$file_dir/log.json"
  jq -e '[.requests[] | select(.server == "other")] | length > 0 and all(.headers | has("authorization") | not)' "$file_dir/log.json"
  jq -e '[.requests[] | select(.server == "main" and (.headers | has("authorization")))] | length > 0' "$file_dir/log.json"
}

@test "certificates of certs.d are trusted and shown to their registry" {
  image=$TLS_FAULTS/src/small:1
  run -125 ctr pull -q "$image"
  assert_contains certificate
  certs=$XDG_CONFIG_HOME/containers/certs.d/$TLS_FAULTS
  mkdir -p "$certs"
  cp "$FAULTS_CA" "$certs/ca.crt"
  run -0 ctr pull -q "$image"
  cp "$FAULTS_CA" "$certs/client.cert"
  run -125 ctr pull -q "$image"
  assert_contains client.key
  cp "${FAULTS_CA%.crt}.key" "$certs/client.key"
  run -0 ctr pull -q "$image"
  fault '{"cmd": "log"}' | jq -e '.requests | last | .headers[":client"] == "certificate"'
  ctr rmi -a >/dev/null
  rm -r "$certs"
  run -0 ctr pull -q --tls-verify=false "$image"
  mkdir "$file_dir/certs"
  cp "$FAULTS_CA" "$file_dir/certs/ca.crt"
  run -0 ctr pull -q --cert-dir "$file_dir/certs" "$image"
}

@test "the proxy of the environment is asked, in capitals too, except for the hosts it leaves out" {
  for name in http_proxy HTTP_PROXY; do
    fault '{"cmd": "forget"}' >/dev/null
    run -0 env "$name=http://$OTHER_FAULTS" HTTPS_PROXY="http://$OTHER_FAULTS" NO_PROXY=example.com \
      "$CTR" pull -q --tls-verify=false "registry.invalid/src/small:1"
    fault '{"cmd": "log"}' | jq -e '[.requests[].server] | unique == ["other"]'
    fault '{"cmd": "forget"}' >/dev/null
    run -0 env "$name=http://$OTHER_FAULTS" NO_PROXY=127.0.0.1 "$CTR" pull -q --creds "me:$SECRET" "$FAULTS/src/small:1"
    fault '{"cmd": "log"}' | jq -e '[.requests[].server] | unique == ["main"]'
  done
}
