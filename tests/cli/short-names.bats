#!/usr/bin/env bats
# Names without a registry, and what registries.conf does to names.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers
load faults

setup_file() {
  start_test_file && start_fault_registry
  push_to_faults first/small:1 '{"layers": [{"entries": [{"path": "first"}]}]}'
  push_to_faults second/small:1 '{"layers": [{"entries": [{"path": "second"}]}]}'
  push_to_faults second/other:1 '{"layers": [{"entries": [{"path": "other"}]}]}'
}
teardown_file() { stop_fault_registry; end_test_file; }
setup() {
  fault '{"cmd": "forget"}' >/dev/null
  rm -f "$XDG_CACHE_HOME/containers/short-name-aliases.conf"
  export CONTAINERS_REGISTRIES_CONF=$BATS_TEST_TMPDIR/registries.conf
  export CONTAINERS_REGISTRIES_CONF_DIR=$BATS_TEST_TMPDIR/registries.conf.d
  mkdir -p "$CONTAINERS_REGISTRIES_CONF_DIR"
}
teardown() {
  ctr rmi -af >/dev/null 2>&1 || true
  assert_nothing_left
}

# configure TOP_LINES [MORE]: registries.conf; plain http is allowed for the test's registries.
configure() {
  printf '%s\n[[registry]]\nlocation = "%s"\ninsecure = true\n[[registry]]\nlocation = "%s"\ninsecure = true\n%s\n' \
    "$1" "$FAULTS" "$OTHER_FAULTS" "${2:-}" >"$CONTAINERS_REGISTRIES_CONF"
}
search() { configure "unqualified-search-registries = [\"$FAULTS/first\", \"$OTHER_FAULTS/second\"]$1"; }

# on_terminal ANSWER COMMAND...: runs it on a terminal and answers the question; prints what the terminal shows.
on_terminal() {
  python3 - "$@" <<'END'
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
try:
    while part := os.read(terminal, 4096):
        if b"Which one?" in part:
            os.write(terminal, sys.argv[1].encode() + b"\n")
        shown += part
except OSError:  # the terminal is gone with its last user
    pass
print(shown.decode().replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
}

@test "an alias is taken without a search, and drop-ins add to the file" {
  search "
[aliases]
\"little\" = \"$FAULTS/second/small\""
  printf '[aliases]\n"tiny" = "%s/first/small"\n' "$FAULTS" >"$CONTAINERS_REGISTRIES_CONF_DIR/10-tiny.conf"
  ctr pull -q little:1 >/dev/null
  ctr pull -q tiny:1 >/dev/null
  run -0 ctr images --format '{{.Repository}}' --sort repository
  assert_output "$FAULTS/first/small"$'\n'"$FAULTS/second/small"
}

@test "a script gets the first search registry that has the name, and is never asked" {
  search ''
  run -0 --separate-stderr ctr pull other:1
  [[ $stderr == *"Trying to pull $FAULTS/first/other:1..."*"Trying to pull $OTHER_FAULTS/second/other:1..."* ]] ||
    fail "stderr: $stderr"
  run -0 ctr images --format '{{.Repository}}'
  assert_output "$OTHER_FAULTS/second/other"
  [ ! -e "$XDG_CACHE_HOME/containers/short-name-aliases.conf" ]
}

@test "in mode enforcing a script is told to write the registry in front" {
  search '
short-name-mode = "enforcing"'
  run -125 --separate-stderr ctr pull -q small:1
  [ "$(wc -l <<<"$stderr")" -eq 2 ]
  [[ $stderr == *'short-name resolution enforced but cannot prompt without a TTY'* ]] || fail "stderr: $stderr"
  [ "$(fault '{"cmd": "log"}' | jq '.requests | length')" -eq 0 ]
}

@test "on a terminal the user chooses, once" {
  search '
short-name-mode = "enforcing"'
  run -0 on_terminal 2 ctr pull -q small:1
  assert_line "  1  $FAULTS/first/small:1"
  assert_line "  2  $OTHER_FAULTS/second/small:1"
  run -0 ctr images --format '{{.Repository}}'
  assert_output "$OTHER_FAULTS/second/small"
  ctr rmi -a >/dev/null
  # The choice is kept, for scripts too.
  run -0 on_terminal 1 ctr pull -q small:1
  refute_contains 'Which one?'
  run -0 ctr images --format '{{.Repository}}'
  assert_output "$OTHER_FAULTS/second/small"
}

@test "no answer and a wrong one pull nothing" {
  search ''
  for answer in '' 7; do
    run -125 on_terminal "$answer" ctr pull -q small:1
    assert_line "Error: no registry was chosen for the short name 'small:1'"
  done
  run -0 ctr images -q
  assert_output ''
  [ ! -e "$XDG_CACHE_HOME/containers/short-name-aliases.conf" ]
  # Without output to a terminal nobody is asked: the answer is for a script.
  run -0 on_terminal 2 sh -c 'id=$(ctr pull -q small:1) && echo "id $id"'
  assert_match 'id [0-9a-f]{64}'
  refute_contains 'Which one?'
}

@test "mode disabled passes over aliases and searches without asking" {
  search "
short-name-mode = \"disabled\"
[aliases]
\"small\" = \"$OTHER_FAULTS/second/small\""
  run -0 on_terminal 2 ctr pull -q small:1
  refute_contains 'Which one?'
  run -0 ctr images --format '{{.Repository}}'
  assert_output "$FAULTS/first/small"
}

@test "without search registries a short name is an error that says so" {
  configure ''
  run -125 ctr pull -q nosuch
  assert_line "Error: short-name \"nosuch\" did not resolve to an alias and no unqualified-search registries are defined in \"$CONTAINERS_REGISTRIES_CONF\""
}

@test "mirrors are asked first, and a remapped name keeps what the user typed" {
  configure '' "[[registry]]
prefix = \"images.example/team\"
location = \"$OTHER_FAULTS/second\"
insecure = true
[[registry.mirror]]
location = \"$FAULTS/nowhere\"
insecure = true
[[registry]]
prefix = \"images.example/closed\"
location = \"images.example/closed\"
blocked = true"
  run -0 ctr pull -q images.example/team/small:1
  run -0 ctr images --format '{{.Repository}}:{{.Tag}}'
  assert_output images.example/team/small:1
  run -0 fault '{"cmd": "log"}'
  [ "$(jq -r '[.requests[] | select(.line | test("manifests")) | .server + " " + .line] | join("\n")' <<<"$output")" = \
    "main GET /v2/nowhere/small/manifests/1"$'\n'"other GET /v2/second/small/manifests/1" ]
  run -125 ctr pull -q images.example/closed/x:1
  assert_contains 'registry images.example/closed is blocked in'
}
