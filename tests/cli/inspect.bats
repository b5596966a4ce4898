#!/usr/bin/env bats
# inspect of containers and images.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

@test "inspect prints one array with podman's fields" {
  ctr create --name web -e A=1 --hostname box --label k=v -v /etc:/host:ro "$IMAGE" sleep 5 >/dev/null
  run -0 ctr inspect web
  [ "$(jq length <<<"$output")" = 1 ]
  [ "$(jq -r '.[0].Name' <<<"$output")" = web ]
  [ "$(jq -r '.[0].State.Status' <<<"$output")" = created ]
  [ "$(jq -r '.[0].Config.Hostname' <<<"$output")" = box ]
  [ "$(jq -r '.[0].Config.Passwd' <<<"$output")" = true ]
  [ "$(jq -r '.[0].Config.Labels.k' <<<"$output")" = v ]
  [ "$(jq -r '.[0].Config.Env | index("A=1") != null' <<<"$output")" = true ]
  [ "$(jq -r '.[0].Mounts[0].Destination' <<<"$output")" = /host ]
  [ "$(jq -r '.[0].Mounts[0].RW' <<<"$output")" = false ]
  [ "${lines[1]}" = '     {' ] || fail "indentation: '${lines[1]}'"
}

@test "what does not exist leaves an empty array and ends with 125" {
  run -125 --separate-stderr ctr inspect nosuch
  assert_output '[]'
  [ "$stderr" = 'Error: no such object: "nosuch"' ] || fail "$stderr"
}

@test "what was found is printed beside what was not" {
  ctr create --name web "$IMAGE" >/dev/null
  run -125 --separate-stderr ctr inspect nosuch web
  [ "$(jq -r '.[0].Name' <<<"$output")" = web ]
}

@test "a container wins over an image of the same name, --type decides" {
  ctr tag "$IMAGE" same
  ctr create --name same "$IMAGE" >/dev/null
  run -0 ctr inspect --format '{{.Name}}' same
  assert_output same
  run -0 ctr inspect --type image --format '{{.Architecture}} {{.Os}}' same
  assert_match ' linux$'
  run -125 ctr inspect --type bogus same
  assert_contains 'invalid type "bogus"'
  ctr untag same localhost/same:latest
}

@test "a volume is found by its name, unless --type looks for something else" {
  ctr volume create --label a=b vol >/dev/null
  run -0 ctr inspect vol
  [ "$(jq -r '.[0].Labels.a' <<<"$output")" = b ]
  run -0 ctr inspect --type volume --format '{{.Name}} {{.Driver}}' vol
  assert_output 'vol local'
  run -125 --separate-stderr ctr inspect --type image vol
  assert_output '[]'
  run -125 --separate-stderr ctr inspect --type volume nosuch
  [ "${stderr_lines[0]}" = 'Error: no volume with name "nosuch" found: no such volume' ] || fail "$stderr"
  run -125 ctr inspect --type volume --size vol
  assert_line 'Error: size is not supported for type "volume"'
  ctr volume rm vol
}

@test "an image shows its configuration, names and digests" {
  run -0 ctr image inspect "$IMAGE"
  [ "$(jq -r '.[0].RepoTags[0]' <<<"$output")" = "$IMAGE" ]
  [ "$(jq -r '.[0].Config.Cmd[0]' <<<"$output")" = sh ]
  [ "$(jq -r '.[0].RootFS.Layers | length > 0' <<<"$output")" = true ]
}

@test "templates see what an image or a container does not have" {
  run -0 ctr image inspect -f '{{.Config.Entrypoint}} {{index .Config.Labels "k"}}|{{.Config.Volumes}}' "$IMAGE"
  assert_output '[] |map[]'
  ctr create --name bare --network none "$IMAGE" true >/dev/null
  run -0 ctr inspect -f '{{index .Config.Labels "k"}}|{{.Config.Entrypoint}} {{.Config.Healthcheck}} {{.State.StartedAt}}' bare
  assert_output '|[] <nil> 0001-01-01 00:00:00 +0000 UTC'
  ctr rm bare >/dev/null
  run -0 ctr version -f '{{.Server.Version}}'
  assert_output "$(ctr version -f '{{.Client.Version}}')"
}

@test "the state follows the container's life" {
  ctr run -d --name life --network none "$IMAGE" sh -c 'sleep 100' >/dev/null
  run -0 ctr inspect --format '{{.State.Status}} {{.State.Running}}' life
  assert_output 'running true'
  ctr kill life
  ctr wait life
  run -0 ctr inspect --format '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}}' life
  assert_output 'exited false 137'
}

@test "-l means the container that was created last, a prefix of its id is enough" {
  ctr create --name old "$IMAGE" >/dev/null
  id=$(ctr create --name new "$IMAGE")
  run -0 ctr inspect -l --format '{{.Name}}'
  assert_output new
  run -0 ctr container inspect --format '{{.Name}}' "${id:0:10}"
  assert_output new
}
