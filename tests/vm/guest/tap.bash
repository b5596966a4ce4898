# shellcheck shell=bash
# What the tests of the machine are written with. Bats takes a second for each test on an emulated processor; this takes
# one fork:
#
#   it 'does what the title says' FUNCTION    runs FUNCTION in a subshell with `set -e`; its output is shown when it fails
#   plan                                      the last line: how many there were
#   fails STATUS COMMAND...                   the command must end with that status; its output is in $output
#   eventually COMMAND...                     until it succeeds, for ten seconds

number=0
tap_log=$(mktemp)
output=''

it() {
  local title=$1 begin=$EPOCHREALTIME status
  shift
  number=$((number + 1))
  # Outside of any condition, where `set -e` does not hold.
  (set -e; "$@") >"$tap_log" 2>&1
  status=$?
  printf '%s %d %s in %dms\n' "$([ "$status" -eq 0 ] || printf 'not ')ok" "$number" "$title" \
    "$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))"
  [ "$status" -eq 0 ] || sed 's/^/# /' "$tap_log"
}

plan() { printf '1..%d\n' "$number"; }

fails() {
  local wanted=$1 status=0
  shift
  output=$("$@" 2>&1) || status=$?
  printf '%s\n' "$output"
  [ "$status" -eq "$wanted" ] || { printf 'ended with %d instead of %d: %s\n' "$status" "$wanted" "$*"; return 1; }
}

eventually() {
  local deadline=$((SECONDS + 10))
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || { printf 'still not so: %s\n' "$*"; return 1; }
    sleep 0.05
  done
}

# is ACTUAL WANTED
is() { [ "$1" = "$2" ] || { printf 'is:     %s\nshould: %s\n' "$1" "$2"; return 1; }; }
contains() { [[ "$1" == *"$2"* ]] || { printf 'text:   %s\nshould contain: %s\n' "$1" "$2"; return 1; }; }
