#!/usr/bin/env bats
# system df, prune and check: what takes space, what gives it back, and what is damaged.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
teardown() {
  ctr rm -fa -t 0 >/dev/null
  ctr volume prune -af >/dev/null
  assert_nothing_left
}

rows() { ctr system df --format '{{.Type}} {{.Total}} {{.Active}} {{.Size}} {{.Reclaimable}}'; }

@test "what there is, what is in use, and what would come back" {
  ctr volume create kept >/dev/null
  head -c 3000 /dev/zero >"$(ctr volume inspect --format '{{.Mountpoint}}' kept)/file"
  run -0 rows
  assert_match '^Images 1 0 [0-9.]+[kM]B [0-9.]+[kM]B \(100%\)'
  assert_line 'Containers 0 0 0B 0B (0%)'
  assert_line 'Local Volumes 1 0 3kB 3kB (100%)'
  ctr run --name c1 -v kept:/data --network none "$IMAGE" sh -c 'head -c 2000 /dev/zero >/file'
  run -0 rows
  assert_match '^Images 1 1 [0-9.]+[kM]B 0B \(0%\)'
  assert_line 'Containers 1 0 2kB 2kB (100%)'
  assert_line 'Local Volumes 1 1 3kB 0B (0%)'
  run -0 ctr system df
  [ "$(head -n 1 <<<"$output" | tr -s ' ')" = 'TYPE TOTAL ACTIVE SIZE RECLAIMABLE' ]
  run -0 ctr system df --format json
  [ "$(jq -r '.[1] | [.Type, .Total, .RawSize, .Size, .Reclaimable] | join(" ")' <<<"$output")" = 'Containers 1 2000 2kB 2kB (100%)' ]
}

@test "a row for each image, container and volume" {
  ctr create --name c1 -v kept:/data --network none "$IMAGE" echo hello >/dev/null
  run -0 ctr system df -v
  assert_contains 'Images space usage:'
  grep -Eq "^${IMAGE%:latest} +latest +[0-9a-f]{12} .* 1\$" <<<"$output"
  grep -Eq '^[0-9a-f]{12} +[0-9a-f]{12} +echo hello +1 +[0-9.]+k?B .* created +c1$' <<<"$output"
  grep -Eq '^kept +1 +0B$' <<<"$output"
  run -125 ctr system df -v --format json
  assert_contains 'cannot combine --format and --verbose'
}

@test "prune asks, keeps what is used, and says what came back" {
  ctr run -d --name runs --network none "$IMAGE" sleep 100 >/dev/null
  ended=$(ctr create --network none --label a=b "$IMAGE" true)
  other=$(ctr create --network none "$IMAGE" true)
  ctr volume create lonely >/dev/null
  run -0 ctr system prune --volumes <<<n
  assert_contains 'WARNING! This command removes:'
  assert_contains '- all stopped containers'
  assert_contains '- all volumes not used by at least one container'
  assert_contains '- all dangling images'
  ctr container exists "$ended"
  run -0 ctr system prune -f --filter label=a=b
  assert_output "Deleted Containers
$ended
Total reclaimed space: 0B"
  run -0 ctr system prune -af --volumes
  assert_output "Deleted Containers
$other
Deleted Volumes
lonely
Total reclaimed space: 0B"
  ctr container exists runs
  run -0 ctr events --stream=false --filter type=system --format '{{.Status}}'
  assert_output 'prune
prune'
}

@test "prune --all takes the images that no container uses" {
  push_image test/other:1 '{"layers": [{"entries": [{"path": "unlike", "size": 5000}]}]}' >/dev/null
  ctr create --name c1 "$IMAGE" true >/dev/null
  id=$(ctr pull -q "$REGISTRY/test/other:1")
  run -0 ctr system prune -f --filter until=1h
  assert_output 'Total reclaimed space: 0B'
  ctr rm c1
  ctr run -d --name runs "$IMAGE" sleep 100 >/dev/null
  run -0 ctr system prune -af
  assert_line 'Deleted Images'
  assert_line "$id"
  assert_match 'Total reclaimed space: [0-9.]+[kM]B$'
  run -0 ctr images --format '{{.Repository}}'
  assert_output "${IMAGE%:latest}"
}

@test "options and filters that mean nothing are refused" {
  run -125 ctr system prune -f --filter nosuch=1
  assert_contains 'nosuch is an invalid filter'
  run -125 ctr system prune -f --external --volumes
  assert_output 'Error: system prune --external cannot be combined with other options'
}

@test "prune of containers outside the store removes nothing and does not ask" {
  ctr create --name outside "$IMAGE" true
  run -0 ctr system prune --external
  assert_output 'Total reclaimed space: 0B'
  run -0 ctr container exists outside
  ctr rm outside
}

blob_of() { echo "$XDG_DATA_HOME/ctr/images/blobs/sha256/$1"; }
# The digests of the image's one layer, compressed and unpacked.
find_parts() {
  manifest=$(ctr inspect --format '{{.Digest}}' "$IMAGE")
  layer=$(jq -r '.layers[0].digest' "$(blob_of "${manifest#sha256:}")")
  layer=${layer#sha256:}
  diff=$(ctr inspect --format '{{index .RootFS.Layers 0}}' "$IMAGE")
  diff=${diff#sha256:}
  tree=$XDG_DATA_HOME/ctr/layers/$diff/diff
}

@test "a sound store has nothing to tell" {
  run -0 ctr system check
  assert_output ''
  run -0 ctr system check --quick
  assert_output ''
}

@test "a layer whose content has changed is found, and unpacked again" {
  find_parts
  chmod u+w "$tree/etc/passwd"
  time=$(stat -c %Y "$tree/etc/passwd")
  printf X | dd of="$tree/etc/passwd" conv=notrunc status=none
  touch -d "@$time" "$tree/etc/passwd"
  chmod 644 "$tree/etc/passwd"
  run -0 ctr system check --quick
  assert_output ''
  run -0 ctr system check --repair
  assert_output "Damaged layer sha256:$diff:
  /etc/passwd: content
  needed by $IMAGE
  unpacked again from its blob"
  run -0 ctr system check
  assert_output ''
  ctr run --rm --network none "$IMAGE" grep -q '^root:' /etc/passwd
  compgen -G "$XDG_DATA_HOME/ctr/quarantine/layer-$diff-*" >/dev/null
  ctr system prune -f
  [ ! -e "$XDG_DATA_HOME/ctr/quarantine" ]
}

@test "a layer that is gone is found by the quick check, too" {
  find_parts
  mv "$XDG_DATA_HOME/ctr/layers/$diff" "$file_dir/away"
  run -125 ctr system check --quick
  assert_line "Damaged layer sha256:$diff:"
  assert_line '  is missing'
  assert_line 'Error: damage detected in local storage'
  run -0 ctr system check --repair --quick
  assert_line '  unpacked again from its blob'
  ctr run --rm --network none "$IMAGE" true
  remove_tree "$file_dir/away"
}

@test "a damaged blob is fetched again from where the image came from" {
  find_parts
  for blob in "$layer" "${manifest#sha256:}"; do
    chmod u+w "$(blob_of "$blob")"
    printf X | dd of="$(blob_of "$blob")" bs=1 seek=20 conv=notrunc status=none
    run -125 ctr system check
    assert_line "Damaged blob sha256:$blob:"
    assert_match 'its content has the digest sha256:'
    run -0 ctr system check --repair
    assert_line '  is missing'
    assert_match "  fetched again from ${IMAGE%:latest}@sha256:"
    run -0 ctr system check
    assert_output ''
  done
  run -0 ctr images --format '{{.Repository}}:{{.Tag}}'
  assert_output "$IMAGE"
}

@test "what cannot be fetched again is said, and removed only by force" {
  ctr run --name c1 --network none "$IMAGE" sh -c 'head -c 100000 /dev/urandom >/file'
  ctr commit -q c1 localhost/made:1
  ctr rm c1
  blob=$(jq -r '.layers[1].digest' "$(blob_of "$(ctr inspect --format '{{.Digest}}' localhost/made:1 | cut -d : -f 2)")")
  : >"$(blob_of "${blob#sha256:}")"
  run -125 ctr system check --repair
  assert_match "has 0 bytes instead of"
  assert_line '  needed by localhost/made:1'
  assert_match '  cannot be fetched again: '
  assert_contains 'Error: damage detected in local storage'
  run -125 ctr system check --force
  assert_contains '--force needs --repair'
  run -0 ctr system check --repair --force
  assert_line 'Untagged: localhost/made:1'
  run -0 ctr system check
  assert_output ''
}
