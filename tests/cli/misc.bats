#!/usr/bin/env bats
# version, help, completion, doctor, info, unshare, system reset, and names ctr is called by.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file; }
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

@test "the version is the third word of one line" {
  run -0 ctr --version
  assert_match '^ctr version [0-9]+\.[0-9]+\.[0-9]+$'
  run -0 ctr version --format '{{.Client.Version}}'
  assert_match '^[0-9]+\.[0-9]+\.[0-9]+$'
  run -0 ctr version --format yaml
  assert_contains 'Client:'
  run -0 ctr version --format json
  [ "$(jq -r .Client.Os <<<"$output")" = linux ]
}

@test "ctr called by the name docker answers by that name" {
  ln -sf "$CTR" "$file_dir/docker"
  run -0 "$file_dir/docker" --version
  assert_match '^docker version '
  run -125 "$file_dir/docker" nosuch
  assert_line 'Error: unrecognized command `docker nosuch`'
}

@test "help goes to stdout and ends with 0, wherever it is asked for" {
  for words in '--help' '-h' 'help' 'run --help' 'ps -h' 'help run' 'image --help' 'run -it --help'; do
    # shellcheck disable=SC2086 # words are words
    run -0 --separate-stderr ctr $words
    assert_contains 'Usage:'
    [ -z "$stderr" ] || fail "stderr of '$words': $stderr"
  done
}

@test "every command of the table has a help text" {
  while IFS=$'\t' read -r name _; do
    # shellcheck disable=SC2086 # a name may be two words
    run -0 ctr $name --help
    assert_contains "ctr $name"
  done < <(ctr __commands)
}

# Prints what bash offers behind the given words, of which the last one is being typed.
complete_words() {
  bash -c '. "$1"; shift; COMP_LINE=$*; COMP_POINT=${#COMP_LINE}; _ctr_complete ctr; printf "%s\n" "${COMPREPLY[@]}"' \
    - "$file_dir/completion" ctr "$@"
}

@test "bash completion is valid and completes commands and options" {
  ctr completion bash >"$file_dir/completion"
  bash -n "$file_dir/completion"
  run -0 complete_words ru
  assert_line run
  run -0 complete_words run --vol
  assert_line --volume
  run -0 complete_words image exi
  assert_line exists
  run -0 complete_words container ls --no
  assert_line --no-trunc
  mkdir -p "$file_dir/files" && touch "$file_dir/files/a name"
  cd "$file_dir/files"
  run -0 complete_words run --env-file a
  assert_line 'a name'
}

@test "bash completion offers the containers and images there are, names with colons too" {
  start_registry
  push_busybox
  ctr pull -q "$IMAGE" >/dev/null
  ctr tag "$IMAGE" localhost/apple:one
  ctr create --name pear "$IMAGE" >/dev/null
  ctr run -d --name plum --network none "$IMAGE" sleep 100 >/dev/null
  ctr completion bash >"$file_dir/completion"
  run -0 complete_words stop p
  assert_output plum
  run -0 complete_words start p
  assert_output pear
  run -0 complete_words rm -f p
  assert_output $'pear\nplum'
  run -0 complete_words run localhost/app
  assert_output localhost/apple:one
  run -0 complete_words run localhost/apple:o
  assert_output one
  run -0 complete_words inspect localhost/ap
  assert_output localhost/apple:one
  run -0 complete_words inspect pe
  assert_output pear
  run -0 complete_words run --pull=ne
  assert_output $'never\nnewer'
  run -0 complete_words ps --filter name=pl
  assert_output plum
  run -0 complete_words run --rm app
  assert_output apple:one
}

@test "a completing shell is answered as the scripts of podman ask" {
  run -0 ctr __complete run --pull ne
  assert_output $'never\nnewer\n:4'
  run -0 ctr __completeNoDesc volume l
  assert_output $'list\nls\n:4'
  run -0 ctr __complete farm ''
  assert_output ':4'
  ln -s "$CTR" "$file_dir/podman"
  run -0 "$file_dir/podman" completion bash
  assert_contains 'complete -F _ctr_complete podman'
}

@test "fish completes names, options and values" {
  ctr volume create --ignore data >/dev/null
  ctr completion fish >"$file_dir/completion"
  fish_words() { fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$file_dir/completion" "$1"; }
  run -0 fish_words 'ctr volume rm '
  assert_output data
  run -0 fish_words 'ctr ps --nohea'
  assert_output $'--noheading\tNo headings'
  run -0 fish_words 'ctr run --pull=ne'
  assert_output $'--pull=never\n--pull=newer'
  run -0 fish_words 'ctr load -i /etc/hostn'
  assert_output /etc/hostname
}

@test "zsh completes names, options and values" {
  ctr volume create --ignore data >/dev/null
  ctr completion zsh >"$file_dir/completion"
  # What the functions of zsh's completion system are given.
  zsh_words() {
    zsh -fc 'compdef() { : }; compset() { : }; _files() { print files "$@" }
      _describe() { print -rl -- "${(@P)2}" "${@[3,-1]}" }
      . $1; words=("${(@s: :)2}") CURRENT=$#words; _ctr_complete' - "$file_dir/completion" "$1"
  }
  run -0 zsh_words 'ctr volume rm '
  assert_output data
  run -0 zsh_words 'ctr ps --nohea'
  assert_output '--noheading:No headings'
  run -0 zsh_words 'ctr run --pull=ne'
  assert_output $'never\nnewer'
  run -0 zsh_words 'ctr run -v da'
  assert_output $'data\\:\n-S\nfiles -/'
}

@test "completion scripts are for bash, fish and zsh, and may do without descriptions" {
  run -0 ctr completion --no-desc fish
  assert_contains __completeNoDesc
  run -0 ctr completion --file "$file_dir/script" zsh
  assert_output ''
  zsh -n "$file_dir/script"
  run -125 ctr completion tcsh
  assert_line "Error: no completion for 'tcsh': choose from bash, fish, zsh"
}

@test "doctor prints one line a check and says by its exit code whether run can work" {
  run ctr doctor
  [ "$status" -le 1 ] || fail "exit code $status"
  assert_contains 'user namespaces'
  run ctr doctor --format json
  [ "$(jq 'all(.[]; has("Name") and has("State"))' <<<"$output")" = true ]
}

@test "info is YAML, JSON or a template" {
  run -0 ctr info
  assert_line 'host:'
  run -0 ctr info --format yaml
  assert_contains 'graphRoot:'
  run -0 ctr info --format json
  [ "$(jq -r .host.os <<<"$output")" = linux ]
  run -0 ctr info -f '{{.Host.Security.Rootless}} {{.Store.GraphDriverName}}'
  assert_match '^true overlay$'
  run -0 ctr info -f '{{index .Store.GraphStatus "Backing Filesystem"}}'
  assert_match "^[a-z0-9]+"
  run -0 ctr info -f '{{.Host.Security.Capabilities}}'
  assert_match '^CAP_CHOWN,CAP_'
  run -0 ctr system info --format '{{.Host.CgroupsVersion}}'
  assert_match '^v[12]$'
}

@test "unshare runs a command as root of a user namespace, with its exit code" {
  run -0 ctr unshare id -u
  assert_output 0
  run -3 ctr unshare sh -c 'exit 3'
  run -127 ctr unshare nosuchcommand
  run -126 ctr unshare /etc
}

@test "--root and --runroot move the store" {
  ctr --root "$file_dir/elsewhere" --runroot "$XDG_RUNTIME_DIR/else" images -q
  [ -d "$file_dir/elsewhere" ]
  run -0 ctr --root "$file_dir/elsewhere" info --format '{{.Store.GraphRoot}}'
  assert_output "$file_dir/elsewhere"
}

@test "what cannot be honoured is refused by name" {
  run -125 ctr --storage-driver vfs ps
  assert_line "Error: --storage-driver: driver: 'vfs': only overlay is supported"
  run -125 ctr --cgroup-manager other ps
  assert_line 'Error: --cgroup-manager other: choose systemd, cgroupfs or disabled'
}

@test "reset asks, and removes the whole store with --force" {
  ctr --root "$file_dir/gone" images -q
  run -0 ctr --root "$file_dir/gone" system reset <<<n
  assert_contains 'Are you sure'
  run -0 ctr --root "$file_dir/gone" system reset --force
  run -0 ctr --root "$file_dir/gone" images -q
  assert_output ''
}

@test "a full disk behind stdout is an error" {
  run -125 bash -c 'ctr --help >/dev/full'
  assert_contains 'No space left on device'
}

@test "descriptors that the caller has closed lead nowhere, neither for ctr nor for what it starts" {
  run -0 bash -c 'ctr volume ls >&-'
  assert_output ''
  run -0 bash -c 'ctr volume ls 2>&- <&-'
  assert_line 'DRIVER      VOLUME NAME'
  run -0 bash -c 'ctr unshare readlink /proc/self/fd/0 /proc/self/fd/2 <&- 2>&-'
  [ "$output" = $'/dev/null\n/dev/null' ] || fail "$output"
}

@test "a word that only groups commands asks for one of them" {
  for word in container healthcheck image manifest secret system volume; do
    run -125 ctr "$word"
    assert_line "Error: missing command 'ctr $word COMMAND'"
  done
}

@test "scripts that know docker find its words under its name" {
  ln -sf "$CTR" "$file_dir/docker"
  run -0 --separate-stderr "$file_dir/docker" context ls
  assert_match 'NAME +DESCRIPTION +DOCKER ENDPOINT +ERROR'
  [ -z "$stderr" ] || fail "$stderr"
  run -0 "$file_dir/docker" context ls --format json
  [ "$(jq -r '.Name + " " + (.Current | tostring)' <<<"$output")" = 'default true' ]
  run -0 "$file_dir/docker" context show
  assert_output default
  run -0 "$file_dir/docker" context use default
  run -125 "$file_dir/docker" context use other
  assert_contains 'context "other" does not exist'
  for words in 'image ls' 'container ls' 'container ps -a' 'ps --filter status=exited' 'system info' 'image list -q' 'volume ls'; do
    # shellcheck disable=SC2086 # words are words
    run -0 --separate-stderr "$file_dir/docker" $words
    [ -z "$stderr" ] || fail "stderr of docker $words: $stderr"
  done
  run -125 "$file_dir/docker" buildx ls
  assert_contains 'docker buildx: images cannot be built yet'
  run -125 "$file_dir/docker" swarm init
  assert_contains 'docker swarm: this verb of docker belongs to its daemon'
  DOCKER_HOST=tcp://nosuch.invalid:1 run -0 "$file_dir/docker" ps
}
