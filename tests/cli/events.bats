#!/usr/bin/env bats
# events: which verbs make which, how they print, and waiting for more.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() { ctr rm -fa -t 0 >/dev/null; assert_nothing_left; }

# past [OPTION...]: what has happened.
past() { ctr events --stream=false "$@"; }
statuses_of() { past --filter container="$1" --format '{{.Status}}' | tr '\n' ' '; }

@test "the life of a container, with its image and its labels in every event" {
  id=$(ctr run -d --name life --label app=web --network none "$IMAGE" sleep 100)
  ctr exec life true
  run ctr exec life sh -c 'exit 3'
  ctr kill -s WINCH life
  ctr stop -t 0 life
  ctr rename life later
  ctr rm later
  wait_for no_store_processes
  run -0 statuses_of "$id"
  assert_output 'create init start exec exec_died exec exec_died kill died cleanup stop rename remove '
  run -0 past --filter container="$id" --format json
  [ "$(jq -r '[.Image, .Attributes.app, .Type] | join(" ")' <<<"$output" | sort -u)" = "$IMAGE web container" ]
  [ "$(jq -r 'select(.Status == "exec_died") | .ContainerExitCode' <<<"$output" | tr '\n' ' ')" = '0 3 ' ]
  [ "$(jq -r 'select(.Status == "died") | .ContainerExitCode' <<<"$output")" = 137 ]
  run -0 past --filter container="$id" --filter event=create
  assert_match "^[0-9-]+ [0-9:.]+ \+0000 UTC container create $id \(image=$IMAGE, name=life, app=web\)$"
  run -0 past --no-trunc=false --filter container="$id" --filter event=remove
  assert_match "UTC container remove ${id:0:12} \(image=$IMAGE, name=later, app=web\)$"
  run -0 past --filter label=app=web --filter event=die --format '{{.Name}}'
  assert_output life
}

@test "a command in the background has an end, with its code, its terminal and its errors; --no-session leaves no trace" {
  id=$(ctr run -d --name back --network none "$IMAGE" sleep 100)
  run -0 ctr exec -d back sh -c 'exit 4'
  assert_match '^[0-9a-f]{64}$'
  wait_for eval '[ "$(statuses_of back)" = "create init start exec exec_died " ]'
  run -0 past --filter container=back --filter event=exec_died --format json
  [ "$(jq .ContainerExitCode <<<"$output")" = 4 ]
  ctr exec -d -t back sh -c 'test -t 1 && yes | head -c 100000 && touch /terminal'
  wait_for ctr exec --no-session back test -e /terminal
  wait_for eval '[ "$(statuses_of back)" = "create init start exec exec_died exec exec_died " ]'
  run -127 ctr exec -d back nosuchcmd
  run ctr exec -d --no-session back true
  assert_status 125
  assert_contains '--no-session and --detach cannot be used together'
  # What waits for it ends with the container.
  ctr exec -d back sleep 100
  ctr rm -f -t 0 back
  wait_for no_store_processes
}

@test "run --rm attached, restart and start -a" {
  ctr run --rm --name short --network none "$IMAGE" true
  wait_for no_store_processes
  run -0 statuses_of short
  assert_output 'create init start attach died remove '
  ctr create --name again --network none "$IMAGE" true
  ctr start -a again
  wait_for no_store_processes
  ctr restart -t 0 again
  wait_for no_store_processes
  run -0 statuses_of again
  assert_output 'create init start attach died cleanup restart init start died cleanup '
}

@test "images, volumes and secrets" {
  id=$(ctr images -q --no-trunc "$IMAGE")
  ctr tag "$IMAGE" localhost/other:1
  ctr save -q -o "$file_dir/saved.tar" localhost/other:1
  ctr rmi localhost/other:1
  ctr load -q -i "$file_dir/saved.tar"
  ctr push -q "$IMAGE" "$REGISTRY/test/pushed:1"
  run -0 past --filter type=image --format '{{.Status}} {{.Name}}'
  assert_output "pull $IMAGE
tag localhost/other:1
save $file_dir/saved.tar
untag localhost/other:1
loadfromarchive localhost/other:1
push $REGISTRY/test/pushed:1"
  run -0 past --filter image=localhost/other:1 --filter event=tag
  assert_match "UTC image tag ${id#sha256:} localhost/other:1$"
  ctr volume create v1
  ctr volume rm v1
  ctr volume create v2
  ctr volume prune -a -f
  run -0 past --filter type=volume --format '{{.Status}} {{.Name}}'
  assert_output 'create v1
remove v1
create v2
remove v2
prune v2'
  secret=$(printf x | ctr secret create s1 -)
  ctr secret rm s1
  run -0 past --filter type=secret --format '{{.Status}} {{.ID}}'
  assert_output "create $secret
remove $secret"
}

@test "events are waited for, and a time in the future ends that" {
  ctr events --format '{{.Status}} {{.Name}}' >"$file_dir/seen" &
  pid=$!
  # It has begun to watch when a first event of ours is seen.
  begun() { ctr volume create --ignore first >/dev/null; ctr volume rm first >/dev/null; grep -q first "$file_dir/seen"; }
  wait_for begun
  ctr volume create second
  wait_for grep -qx 'create second' "$file_dir/seen"
  refute_line_pull() { ! grep -q '^pull ' "$file_dir/seen"; }
  refute_line_pull
  kill -INT "$pid"
  wait "$pid" || true
  run -0 timeout 20 "$CTR" events --since 1h --until 200ms --filter volume=second --format '{{.Status}}'
  assert_output create
  run -0 past --until -1h
  assert_output ''
  ctr volume rm second
}

@test "mistakes are told at once" {
  run -125 ctr events --filter nosuch=1
  assert_contains 'nosuch is an invalid filter'
  run -125 ctr events --since yesterday
  assert_contains '--since'
  run -125 ctr events --until yesterday
  assert_contains '--until'
  run -125 ctr events --format '{{.Nosuch}}'
  assert_contains 'Nosuch'
  run -125 ctr events --format '{{'
}

@test "events are kept nowhere when nobody wants them" {
  ctr --events-backend none volume create silent >/dev/null
  CTR_EVENTS_BACKEND=none ctr volume create silent-too >/dev/null
  printf '[engine]\nevents_logger = "none"\n' >"$file_dir/none.conf"
  CONTAINERS_CONF=$file_dir/none.conf ctr volume create silent-three >/dev/null
  CONTAINERS_CONF=$file_dir/none.conf ctr run --rm --name unseen --network none "$IMAGE" true
  ctr volume create seen >/dev/null
  run -0 ctr events --stream=false --since 1m --filter type=volume --filter event=create --format '{{.Name}}'
  assert_line seen
  refute_contains silent
  run -0 ctr events --stream=false --since 1m --filter container=unseen
  assert_output ''
  run -125 ctr --events-backend none events --stream=false
  assert_contains "no events are recorded: the backend for events is 'none'"
  run -125 ctr --events-backend nosuch events
  assert_output 'Error: --events-backend nosuch: choose file, journald or none'
  run -0 ctr --events-backend none info --format '{{.Host.EventLogger}}'
  assert_output none
}
