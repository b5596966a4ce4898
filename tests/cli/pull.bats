#!/usr/bin/env bats
# Pulls that are killed, cut off, or run side by side: what the registry is asked for and what the store holds.
# shellcheck disable=SC2030,SC2031 # each test starts its own pull
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers
load faults

BIG=6000000  # bytes of the large layer's files

setup_file() {
  start_test_file && start_fault_registry
  push_to_faults big:1 "{\"compress\": \"none\", \"layers\": [{\"busybox\": true},
    {\"random\": {\"files\": 20, \"bytes\": $BIG, \"seed\": 1}}], \"config\": {\"Cmd\": [\"sh\"]}}"
  # The large layer with another one on top.
  push_to_faults big:2 "{\"compress\": \"none\", \"layers\": [{\"busybox\": true},
    {\"random\": {\"files\": 20, \"bytes\": $BIG, \"seed\": 1}}, {\"random\": {\"files\": 3, \"bytes\": 300000, \"seed\": 2}}]}"
  LAYER=$(blob_of big:1 1)
  SIZE=$(size_of big:1 1)
  TOP=$(blob_of big:2 2)
  CONFIG=$(manifest_of big:1 | jq -r .config.digest)
  export BIG LAYER SIZE TOP CONFIG
}
teardown_file() { stop_fault_registry; end_test_file; }
setup() { ctr rmi -af >/dev/null 2>&1 || true; fault '{"cmd": "forget"}' >/dev/null; }
teardown() {
  assert_nothing_left
  ctr image prune -f >/dev/null
  rm -f "$(partial_file "$LAYER")" "$(partial_file "$TOP")"
  assert_clean_store
}

# Starts a pull in a process group of its own and waits until 70 % of the large layer are there.
start_held_pull() {
  hold_blob "$LAYER" $((SIZE * 7 / 10))
  setsid "$CTR" pull -q "$FAULTS/big:1" >"$file_dir/out" 2>"$file_dir/err" 3>&- &
  pull_pid=$!
  wait_for has_partial "$LAYER" $((SIZE * 69 / 100))
}

end_of() { status=0; wait "$1" || status=$?; }

# The next pull fetches the rest and nothing else.
assert_resumes() {
  wait_for no_store_processes
  fault '{"cmd": "forget"}' >/dev/null
  run -0 --separate-stderr ctr pull -q "$FAULTS/big:1"
  assert_match '^[0-9a-f]{64}$'
  [ "$(gets_of "$LAYER")" -eq 1 ]
  [ "$(sent_of "$LAYER")" -le $((SIZE * 35 / 100)) ] || fail "$(sent_of "$LAYER") of $SIZE bytes were fetched again"
  run -0 ctr run --rm --network none "$FAULTS/big:1" sh -c 'cat /data1/*/* | wc -c'
  assert_output "$BIG"
}

@test "a pull whose processes are all killed goes on where it stopped" {
  start_held_pull
  kill -KILL -- "-$pull_pid"
  wait "$pull_pid" || true
  run -0 ctr images -q
  assert_output ''
  run -0 ctr ps -aq
  assert_output ''
  assert_resumes
}

@test "a pull that is interrupted as by Ctrl-C says so, and goes on the next time" {
  start_held_pull
  kill -INT -- "-$pull_pid"
  end_of "$pull_pid"
  assert_status 130
  run cat "$file_dir/out" "$file_dir/err"
  assert_output 'Error: interrupted'
  assert_resumes
}

@test "a pull that is terminated goes on the next time, and so does one whose transfer program dies" {
  start_held_pull
  kill -TERM "$pull_pid"
  end_of "$pull_pid"
  assert_status 143
  wait_for no_store_processes
  hold_blob "$LAYER" $((SIZE / 10))
  setsid "$CTR" pull -q "$FAULTS/big:1" >"$file_dir/out" 2>"$file_dir/err" 3>&- &
  pull_pid=$!
  wait_for has_partial "$LAYER" $((SIZE * 79 / 100))
  kill -KILL "$(pgrep -P "$pull_pid" -x ctr-transfer)"
  end_of "$pull_pid"
  assert_status 125
  run cat "$file_dir/err"
  assert_contains 'Error: ctr-transfer ended without an answer'
  assert_resumes
}

@test "a dropped connection is taken up again within one pull" {
  fault "{\"cmd\": \"rule\", \"match\": \"GET .*/blobs/$LAYER\", \"times\": 1,
          \"action\": {\"stall_after\": $((SIZE * 7 / 10)), \"stall\": 0}}" >/dev/null
  run -0 --separate-stderr ctr pull --retry-delay 0s "$FAULTS/big:1"
  assert_match '^[0-9a-f]{64}$'
  [[ $stderr == *"Trying $LAYER again: "* ]] || fail "stderr: $stderr"
  [ "$(gets_of "$LAYER")" -eq 2 ]
  [ "$(sent_of "$LAYER")" -le $((SIZE * 105 / 100)) ] || fail "$(sent_of "$LAYER") bytes were sent of $SIZE"
  requests_of "$LAYER" | jq -e '.[1].headers.range | test("^bytes=[1-9][0-9]+-$")' >/dev/null
}

@test "the process that unpacks sees its directory only, and may neither start nor talk to anything" {
  start_held_pull
  wait_for one_worker
  wait_for grep -qx 'Seccomp:.2' "/proc/$worker/status"
  grep -qx 'NoNewPrivs:.1' "/proc/$worker/status"
  # Owners, modes, attributes and whiteouts: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, SETFCAP.
  grep -qx 'CapPrm:.000000008800001b' "/proc/$worker/status"
  grep -qE '^Max address space +805306368 ' "/proc/$worker/limits"
  [ "$(wc -l <"/proc/$worker/mountinfo")" -eq 1 ]
  grep -qE "^[0-9 :]+ /.*/layers/\.staging/[0-9a-f]+/diff / " "/proc/$worker/mountinfo"
  [ "$(readlink "/proc/$worker/ns/user")" != "$(readlink /proc/self/ns/user)" ]
  fault '{"cmd": "release"}' >/dev/null
  wait "$pull_pid"
}

# The one of the large layer, when the small layer is done and its process no more than a zombie.
one_worker() {
  worker=$(ps -o pid=,stat= --ppid "$(pgrep -P "$pull_pid" -x ctr-transfer)" | awk '$2 !~ /^Z/ { print $1 }')
  [ "$(wc -w <<<"$worker")" -eq 1 ]
}

@test "a layer that was damaged on its way is named by its digest, and the next pull fetches it anew" {
  push_to_faults packed:1 '{"layers": [{"random": {"files": 2, "bytes": 3000000, "seed": 7}}]}' >/dev/null
  packed=$(blob_of packed:1)
  fault "{\"cmd\": \"rule\", \"match\": \"GET .*/blobs/$packed\", \"times\": 1, \"action\": {\"corrupt\": true}}" >/dev/null
  run -125 ctr pull -q "$FAULTS/packed:1"
  assert_contains "the content of blob '$packed' has the digest"
  run -0 ctr pull -q "$FAULTS/packed:1"
  # The same with a part that an earlier pull kept.
  ctr rmi -a >/dev/null
  mkdir -p "$(dirname "$(partial_file "$packed")")"
  head -c 1000000 /dev/zero >"$(partial_file "$packed")"
  run -0 ctr pull -q "$FAULTS/packed:1"
}

@test "two pulls of one image at once ask for each blob once and end with the same id" {
  start_held_pull
  ctr pull -q "$FAULTS/big:1" >"$file_dir/out2" 2>"$file_dir/err2" 3>&- &
  second=$!
  wait_for second_manifest_asked
  fault '{"cmd": "release"}' >/dev/null
  wait "$pull_pid"
  wait "$second"
  [ -s "$file_dir/out" ] && cmp "$file_dir/out" "$file_dir/out2"
  for blob in "$LAYER" "$CONFIG" "$(blob_of big:1 0)"; do
    [ "$(gets_of "$blob")" -eq 1 ] || fail "$blob was asked for $(gets_of "$blob") times"
  done
}
second_manifest_asked() {
  [ "$(fault '{"cmd": "log"}' | jq '[.requests[] | select(.line | test("^GET .*/manifests/1"))] | length')" -ge 2 ]
}

@test "two images that share a layer fetch it once when they are pulled at once" {
  start_held_pull
  ctr pull -q "$FAULTS/big:2" >"$file_dir/out2" 2>"$file_dir/err2" 3>&- &
  second=$!
  wait_for other_manifest_asked
  fault '{"cmd": "release"}' >/dev/null
  wait "$pull_pid"
  wait "$second"
  [ "$(gets_of "$LAYER")" -eq 1 ]
  [ "$(gets_of "$TOP")" -eq 1 ]
  run -0 ctr images -q
  [ "$(wc -l <<<"$output")" -eq 2 ]
}
other_manifest_asked() {
  fault '{"cmd": "log"}' | jq -e '[.requests[] | select(.line | test("^GET .*/manifests/2"))] | length >= 1' >/dev/null
}

@test "what a pull relies on is not taken by rmi and prune, and the other way round" {
  ctr pull -q "$FAULTS/big:1" >/dev/null
  hold_blob "$TOP" 1000
  ctr pull -q "$FAULTS/big:2" >"$file_dir/out" 2>"$file_dir/err" 3>&- &
  pull_pid=$!
  wait_for has_partial "$TOP" 1000
  run -0 ctr rmi "$FAULTS/big:1"
  run -0 ctr image prune -af
  run -0 ctr images -q
  assert_output ''
  fault '{"cmd": "forget"}' >/dev/null
  wait "$pull_pid"
  [ "$(gets_of "$LAYER")" -eq 0 ]
  run -0 ctr run --rm --network none "$FAULTS/big:2" sh -c 'cat /data1/*/* /data2/*/* | wc -c'
  assert_output "$((BIG + 300000))"
}

@test "an image that a container runs from stays, whatever is removed beside it" {
  ctr pull -q "$FAULTS/big:1" >/dev/null
  ctr run -d --name user --network none "$FAULTS/big:1" sleep 1000 >/dev/null
  run -2 ctr rmi "$FAULTS/big:1"
  ctr pull -q "$FAULTS/big:2" >/dev/null
  run -0 ctr rmi "$FAULTS/big:2"
  run -0 ctr image prune -af
  assert_output ''
  run -0 ctr exec user sh -c 'cat /data1/*/* | wc -c'
  assert_output "$BIG"
}

@test "the policy says whether a registry is asked" {
  run -125 ctr pull --policy never "$FAULTS/big:1"
  assert_output "Error: $FAULTS/big:1: image not known"
  run -0 ctr pull -q --policy missing "$FAULTS/big:1"
  id=$output
  fault '{"cmd": "forget"}' >/dev/null
  for policy in missing never; do
    run -0 ctr pull -q --policy "$policy" "$FAULTS/big:1"
    assert_output "$id"
  done
  [ "$(fault '{"cmd": "log"}' | jq '.requests | length')" -eq 0 ]
  fault '{"cmd": "rule", "match": ".*/manifests/.*", "action": {"status": 404}}' >/dev/null
  run -0 ctr pull -q --policy newer "$FAULTS/big:1"
  assert_output "$id"
  run -125 ctr pull -q --policy always "$FAULTS/big:1"
}

@test "--all-tags pulls every tag and prints every id" {
  run --separate-stderr ctr pull -q --all-tags "$FAULTS/big"
  [ "$status" = 0 ] || fail "$stderr"
  [ "$(sort -u <<<"$output" | wc -l)" -eq 2 ]
  run -0 ctr images -q "$FAULTS/big"
  [ "$(wc -l <<<"$output")" -eq 2 ]
}

@test "--all-tags is for names without a tag" {
  run -125 ctr pull -q --all-tags "$FAULTS/big:1"
  assert_output 'Error: --all-tags takes a name without tag and digest'
}

@test "nobody waits for the pull or the run of another" {
  push_to_faults small:1 '{"layers": [{"busybox": true}]}'
  local image=$FAULTS/small:1 words
  start_held_pull
  # It shares a layer that the other pull has finished with.
  timeout 20 "$CTR" pull -q "$image"
  mkfifo "$file_dir/held"
  "$CTR" run -i --rm --name held --network none "$image" cat <"$file_dir/held" >/dev/null 3>&- &
  run_pid=$!
  exec 9>"$file_dir/held"
  wait_for is_running held
  while read -r words; do
    # shellcheck disable=SC2086 # the words of a command
    timeout 20 "$CTR" $words >"$file_dir/said" 2>&1 9>&- </dev/null || fail "$words: $? $(cat "$file_dir/said")"
  done <<TEXT
    pull -q $image
    ps -a
    images -a
    create --name made --network none $image true
    start -a made
    run --rm --network none $image true
    exec held true
    inspect held
    cp held:/etc/hostname -
    logs held
    commit -q held localhost/new
    rmi localhost/new
    tag $image localhost/other
    untag localhost/other localhost/other
    volume create v
    volume rm v
    volume prune -f
    rm made
    container prune -f
    system df
    info
    save -q -o $file_dir/saved.tar $image
    load -q -i $file_dir/saved.tar
    image prune -f
TEXT
  kill -0 "$pull_pid"
  kill -0 "$run_pid"
  exec 9>&-
  wait "$run_pid"
  fault '{"cmd": "release"}' >/dev/null
  wait "$pull_pid"
}
is_running() { [ "$(ctr inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
