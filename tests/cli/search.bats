#!/usr/bin/env bats
# search, and the trust policy: which images may be used.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() {
  start_test_file && start_registry && push_busybox
  push_image team/app:1 '{"layers": [{"busybox": true}]}' >/dev/null
  push_image team/app:2 '{"layers": [{"busybox": true}]}' >/dev/null
  push_image app:1 '{"layers": [{"busybox": true}]}' >/dev/null
  policy=$XDG_CONFIG_HOME/containers/policy.json
  export policy
}
teardown_file() { end_test_file; }
teardown() {
  rm -f "$policy"
  assert_nothing_left
}

@test "a registry without a search is asked for its catalog, equal names first" {
  run -0 ctr search "$REGISTRY/app"
  assert_match '^NAME +DESCRIPTION'
  run -0 ctr search --format '{{.Index}} {{.Name}} {{.Stars}}{{.Official}}' "$REGISTRY/app"
  assert_output "$REGISTRY $REGISTRY/app 0
$REGISTRY $REGISTRY/team/app 0"
  run -0 ctr search --limit 1 --format '{{.Name}}' "$REGISTRY/app"
  assert_output "$REGISTRY/app"
  run -0 ctr search --format json "$REGISTRY/"
  [ "$(jq -r 'length' <<<"$output")" = 3 ]
  run -0 ctr search "$REGISTRY/nothing-of-this-name"
  assert_output ''
}

@test "--list-tags lists tags" {
  run -0 ctr search --list-tags "$REGISTRY/team/app"
  assert_match "^NAME +TAG"
  assert_match "$REGISTRY/team/app +2"
  run -0 ctr search --list-tags --format json "$REGISTRY/team/app"
  [ "$(jq -c '.[0].Tags | sort' <<<"$output")" = '["1","2"]' ]
  run -125 ctr search --list-tags "$REGISTRY/absent"
  assert_contains 'reading tags'
  run -125 ctr search --list-tags --filter stars=1 "$REGISTRY/team/app"
  assert_output 'Error: filters are not applicable to list tags result'
}

@test "a word alone is looked for on the search registries" {
  cp "$XDG_CONFIG_HOME/containers/registries.conf" "$file_dir/saved"
  { printf 'unqualified-search-registries = ["localhost:1", "%s"]\n' "$REGISTRY"; cat "$file_dir/saved"; } \
    >"$XDG_CONFIG_HOME/containers/registries.conf"
  run -0 --separate-stderr ctr search --format '{{.Name}}' team/app
  cp "$file_dir/saved" "$XDG_CONFIG_HOME/containers/registries.conf"
  assert_output "$REGISTRY/team/app"
  [[ $stderr == *'localhost:1'* ]] || fail "the registry that fails is not named: $stderr"
}

@test "filters of search hold or are refused" {
  run -0 ctr search --filter is-official "$REGISTRY/app"
  assert_output ''
  run -0 ctr search --filter is-official=false --filter stars=0 --format '{{.Name}}' "$REGISTRY/team"
  assert_output "$REGISTRY/team/app"
  run -125 ctr search --filter bogus=1 "$REGISTRY/app"
  assert_output 'Error: invalid filter type "bogus=1"'
  run -125 ctr search --filter stars=x "$REGISTRY/app"
  assert_contains 'stars'
}

@test "an image whose signature is demanded is refused, and so is one that is rejected" {
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$policy"
  ctr pull -q "$REGISTRY/team/app:1" >/dev/null
  ctr save -q -o "$file_dir/app.tar" "$REGISTRY/team/app:1"
  ctr rmi "$REGISTRY/team/app:1" >/dev/null
  touch "$file_dir/key"
  ctr image trust set -t signedBy -f "$file_dir/key" "$REGISTRY/team"
  run -125 ctr pull "$REGISTRY/team/app:1"
  assert_contains 'A signature was required, but no signature exists'
  run -0 ctr pull -q "$REGISTRY/app:1"
  ctr image trust set -t reject default
  run -125 ctr pull "$REGISTRY/app:1"
  assert_contains 'is rejected by policy'
  run -125 ctr load -i "$file_dir/app.tar"
  assert_contains 'is rejected by policy'
  run -125 ctr run --rm --network none "docker-archive:$file_dir/app.tar" true
  assert_contains 'is rejected by policy'
  run -1 ctr image exists "$REGISTRY/team/app:1"
  ctr rmi -a >/dev/null
}

@test "image trust shows and changes the policy" {
  echo '{"default": [{"type": "reject"}], "transports": {"docker": {"quay.io": [{"type": "insecureAcceptAnything"}]}}}' >"$policy"
  run -0 ctr image trust show
  assert_match '^TRANSPORT +NAME +TYPE +ID +STORE
all +default +reject'
  assert_match 'repository +quay.io +accept'
  run -0 ctr image trust show --json
  [ "$(jq -r '.[1].repo_name + " " + .[1].type' <<<"$output")" = 'quay.io accept' ]
  run -0 ctr image trust show --raw
  [ "$(jq -r '.default[0].type' <<<"$output")" = reject ]
  ctr image trust set --type accept example.com/team
  [ "$(jq -r '.transports.docker["example.com/team"][0].type' "$policy")" = insecureAcceptAnything ]
  run -125 ctr image trust set --type signedBy example.com
  assert_output "Error: at least one public key must be defined for type 'signedBy'"
  run -125 ctr image trust set --type maybe example.com
  assert_contains 'unknown trust type "maybe"'
  run -125 ctr image trust change
  assert_contains 'choose show or set'
  run -125 ctr image trust show --type reject
  assert_contains 'unknown flag: --type'
}
