#!/usr/bin/env bats
# --format: templates and tables as podman prints them.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() {
  start_test_file && pull_busybox
  ctr create --name web --label a=1 --label b.c=2 "$IMAGE" sleep 5 >/dev/null
}
teardown_file() { end_test_file; }

@test "fields, methods, maps and pipelines" {
  run -0 ctr ps -a --format '{{.Names}}|{{.Label "a"}}|{{.Labels}}|{{upper .Names}}|{{.Names | printf "%6s"}}'
  assert_output 'web|1|map[a:1 b.c:2]|WEB|   web'
}

@test "a table has headings, and columns for tabs and blanks" {
  run -0 ctr ps -a --format 'table {{.Names}}\t{{.State}}'
  assert_output $'NAMES       STATE\nweb         created'
  run -0 ctr ps -a --format 'table {{.Names}} {{.State}}'
  assert_output $'NAMES       STATE\nweb         created'
  run -0 ctr ps -a --noheading --format 'table {{.Names}}\t{{.State}}'
  assert_output 'web         created'
}

@test "conditions, loops and variables" {
  run -0 ctr ps -a --format '{{range .}}{{if eq .State "created"}}{{.Names}} waits{{end}}{{end}}'
  assert_output 'web waits'
  run -0 ctr inspect --format '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}' web
  assert_output 'a=1;b.c=2;'
  run -0 ctr inspect --format '{{index .Config.Labels "b.c"}} {{len .Config.Cmd}} {{json .Config.Cmd}}' web
  assert_output '2 2 ["sleep","5"]'
}

@test "mistakes are reported in Go's words" {
  run -125 ctr ps -a --format '{{.NoSuch}}'
  assert_output "Error: template: ps:1:13: executing \"ps\" at <.NoSuch>: can't evaluate field NoSuch in type containers.psReporter"
  run -125 ctr ps -a --format '{{.Names'
  assert_output 'Error: template: ps:2: unexpected "{" in operand'
  run -125 ctr inspect --format '{{nosuch .}}' web
  assert_output 'Error: template: inspect:1: function "nosuch" not defined'
}

@test "a missing key of a map is no error" {
  run -0 ctr inspect --format '{{index .Config.Labels "nosuch"}}|{{.Config.Labels.nosuch}}' web
  assert_output '|<no value>'
}

@test "json of a part is one line" {
  run -0 ctr inspect --format '{{json .State.Running}} {{json .Config.Labels}}' web
  assert_output 'false {"a":"1","b.c":"2"}'
}
