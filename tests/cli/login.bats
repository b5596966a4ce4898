#!/usr/bin/env bats
# login and logout.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && start_registry auth; }
teardown_file() { end_test_file; }

auth_file() { echo "$XDG_RUNTIME_DIR/containers/auth.json"; }

@test "a right password is kept, and forgotten by logout" {
  run -0 ctr login -u tester --password-stdin "$REGISTRY" <<<secret
  assert_output 'Login Succeeded!'
  [ "$(stat -c %a "$(auth_file)")" = 600 ]
  run -0 ctr login --get-login "$REGISTRY"
  assert_output tester
  run -0 ctr logout "$REGISTRY"
  assert_output "Removed login credentials for $REGISTRY"
  run -125 ctr logout "$REGISTRY"
  run -125 ctr login --get-login "$REGISTRY"
}

@test "a wrong password is not kept and not shown" {
  run -125 ctr login -u tester --password-stdin "$REGISTRY" <<<wrongpassword
  refute_contains wrongpassword
  run -125 ctr login --get-login "$REGISTRY"
}

@test "the password is a secret, whose name is the user's unless another is given" {
  printf secret | ctr secret create tester - >/dev/null
  run -0 ctr login --secret tester "$REGISTRY"
  assert_output 'Login Succeeded!'
  run -0 ctr login --get-login "$REGISTRY"
  assert_output tester
  run -125 ctr login --secret tester -p x "$REGISTRY"
  assert_line 'Error: --secret can not be used with --password options'
  run -125 ctr login --secret nosuch "$REGISTRY"
  assert_line 'Error: no secret with name or id "nosuch": no such secret'
  ctr logout "$REGISTRY"
}

@test "--authfile keeps them elsewhere" {
  run -0 ctr login --authfile "$file_dir/auth" -u tester -p secret "$REGISTRY"
  [ -s "$file_dir/auth" ]
  run -0 ctr login --authfile "$file_dir/auth" --get-login "$REGISTRY"
  assert_output tester
  run -125 ctr login --get-login "$REGISTRY"
}

@test "without a terminal what is missing is said, not asked for" {
  run -125 ctr login "$REGISTRY" </dev/null
  assert_line 'Error: there is no terminal to ask for the user name'
  run -125 ctr login -u tester "$REGISTRY" </dev/null
  assert_line 'hint: use --password-stdin'
  run -125 ctr login --password-stdin "$REGISTRY" </dev/null
  assert_line 'Error: Must provide --username with --password-stdin'
}

@test "without a registry docker.io is meant" {
  run -125 ctr login --get-login
  assert_line 'Error: not logged into docker.io'
  run -125 ctr logout
  assert_line 'Error: not logged into docker.io'
}

@test "an image behind a password is pulled after login, or with --creds" {
  push_image locked:1 '{"layers": [{"busybox": true}]}' --creds tester:secret >/dev/null
  run -125 ctr pull "$REGISTRY/locked:1"
  run -0 ctr pull -q --creds tester:secret "$REGISTRY/locked:1"
  ctr rmi "$REGISTRY/locked:1" >/dev/null
  ctr login -u tester -p secret "$REGISTRY" >/dev/null
  run -0 ctr pull -q "$REGISTRY/locked:1"
  ctr logout "$REGISTRY" >/dev/null
}

@test "who is logged in already is not asked again, and -v names the file" {
  run -0 ctr login -v -u tester --password-stdin "$REGISTRY" <<<secret
  assert_line "Used:  $(auth_file)"
  run -0 ctr login "$REGISTRY" </dev/null
  assert_line "Existing credentials are valid. Already logged in to $REGISTRY"
  ctr logout "$REGISTRY"
}
