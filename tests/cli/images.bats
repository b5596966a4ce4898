#!/usr/bin/env bats
# images, tag, untag, history, rmi, image prune, pull and push.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
setup() { ctr image exists "$IMAGE" || ctr pull -q "$IMAGE"; }
teardown() { assert_nothing_left; }

@test "an image is listed under each of its names" {
  ctr tag "$IMAGE" other:1
  run -0 ctr images --format '{{.Repository}}:{{.Tag}}' --sort repository
  assert_line "$IMAGE"
  assert_line 'localhost/other:1'
  run -0 ctr images
  assert_match '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE'
  run -0 ctr image ls -q
  [ "$(wc -l <<<"$output")" -eq 1 ]
  run -0 ctr untag localhost/other:1 localhost/other:1
  run -1 ctr image exists other:1
}

@test "the JSON list is one array with podman's fields" {
  run -0 ctr images --format json
  [ "$(jq -r '.[0].Id | length' <<<"$output")" = 64 ]
  [ "$(jq -r '.[0].Names[0]' <<<"$output")" = "$IMAGE" ]
  [ "$(jq -r '.[0].RepoDigests[0] | test("@sha256:")' <<<"$output")" = true ]
  [ "$(jq -r '.[0].Created | type' <<<"$output")" = number ]
}

@test "images are filtered by name, and an unknown filter is refused" {
  run -0 ctr images -q busybox
  assert_match '^[0-9a-f]{12}$'
  run -0 ctr images -q nosuch
  assert_output ''
  run -0 ctr images -q --filter "reference=$REGISTRY/*/busybox"
  assert_match '^[0-9a-f]{12}$'
  run -125 ctr images --filter bogus=1
  assert_output 'Error: bogus is an invalid filter'
  run -125 ctr images --sort bogus
  assert_contains '"bogus" is not a valid field for sorting'
}

@test "pull prints the id on stdout and progress on stderr" {
  ctr rmi -f "$IMAGE" >/dev/null
  run -0 --separate-stderr ctr pull "$IMAGE"
  assert_match '^[0-9a-f]{64}$'
  [[ $stderr == *"Trying to pull $IMAGE..."* ]] || fail "stderr: $stderr"
  [[ $stderr == *'Writing manifest to image destination'* ]] || fail "stderr: $stderr"
  run -0 --separate-stderr ctr pull -q "$IMAGE"
  assert_match '^[0-9a-f]{64}$'
  [ -z "$stderr" ] || fail "stderr: $stderr"
}

@test "history shows the steps, newest first" {
  run -0 ctr history "$IMAGE"
  assert_match '^ID +CREATED +CREATED BY +SIZE +COMMENT'
  run -0 ctr history --format '{{.Size}}' "$IMAGE"
  assert_match '^[0-9.]+ [kM]?B$'
  run -0 ctr history --format json "$IMAGE"
  [ "$(jq -r 'type' <<<"$output")" = array ]
}

@test "a pushed image is the same image when it comes back" {
  id=$(ctr images -q --no-trunc "$IMAGE")
  ctr push -q --digestfile "$file_dir/digest" "$IMAGE" "$REGISTRY/copy/busybox:2"
  grep -qE '^sha256:[0-9a-f]{64}$' "$file_dir/digest"
  ctr pull -q "$REGISTRY/copy/busybox:2"
  [ "$(ctr images -q --no-trunc "$REGISTRY/copy/busybox:2")" = "$id" ]
  ctr rmi "$REGISTRY/copy/busybox:2"
}

@test "rmi takes names away and removes the image with the last one" {
  ctr tag "$IMAGE" second
  run -0 ctr rmi second
  assert_output 'Untagged: localhost/second:latest'
  run -0 ctr rmi "$IMAGE"
  assert_line "Untagged: $IMAGE"
  assert_match 'Deleted: [0-9a-f]{64}'
  run -1 ctr image exists "$IMAGE"
}

@test "prune removes images without a name, and with -a unused ones" {
  ctr create --name user "$IMAGE" >/dev/null
  ctr untag "$IMAGE"
  run -0 ctr image prune -f
  assert_output ''
  ctr rm user >/dev/null
  run -0 ctr image prune -f
  assert_match '^[0-9a-f]{64}$'
  ctr pull -q "$IMAGE" >/dev/null
  run -0 ctr image prune -f
  assert_output ''
  run -0 ctr image prune -af
  assert_match '^[0-9a-f]{64}$'
}

@test "rmi -a removes images with several names, and says which are in use" {
  ctr tag "$IMAGE" localhost/second:1
  id=$(ctr create --network none "$IMAGE" true)
  run ctr rmi -a
  assert_status 2
  assert_contains 'image is in use by a container'
  ctr rm "$id"
  ctr rmi -a
  [ -z "$(ctr images -q)" ]
}

@test "an image of another platform is run with a warning, and --platform takes the one that fits" {
  push_image test/arm:latest '{"architecture": "arm64", "layers": [{"busybox": true}]}' >/dev/null
  ctr pull -q --platform linux/arm64 "$REGISTRY/test/arm" >/dev/null
  run -0 --separate-stderr ctr run --rm --network none "$REGISTRY/test/arm" echo ran
  assert_output ran
  [ "$stderr" = 'WARNING: image platform (linux/arm64) does not match the expected platform (linux/amd64)' ] || fail "$stderr"
  run -0 --separate-stderr ctr run --rm --network none --platform linux/arm64 "$REGISTRY/test/arm" echo ran
  [ -z "$stderr" ] || fail "$stderr"
  run -125 ctr run --rm --pull never --platform linux/s390x "$REGISTRY/test/arm" true
  assert_output "Error: $REGISTRY/test/arm: image not known"
}

@test "the policy of pull decides whether the registry is asked" {
  run -125 ctr pull --policy never "$REGISTRY/test/absent"
  assert_output "Error: $REGISTRY/test/absent: image not known"
  push_image test/moving:latest '{"layers": [{"busybox": true}], "config": {"Labels": {"n": "1"}}}' >/dev/null
  first=$(ctr pull -q "$REGISTRY/test/moving")
  push_image test/moving:latest '{"layers": [{"busybox": true}], "config": {"Labels": {"n": "2"}}}' >/dev/null
  run -0 ctr pull -q --policy missing "$REGISTRY/test/moving"
  assert_output "$first"
  run -0 ctr pull -q --policy newer "$REGISTRY/test/moving"
  [ "$output" != "$first" ] || fail 'the moved tag was not pulled'
}

@test "image tree shows the layers of an image and what is built on it" {
  push_image test/built:1 '{"layers": [{"busybox": true}, {"entries": [{"path": "more", "content": "x"}]}]}' >/dev/null
  ctr pull -q "$REGISTRY/test/built:1" >/dev/null
  run -0 ctr image tree "$REGISTRY/test/built:1"
  assert_match "^Image ID: [0-9a-f]{12}
Tags:     \\[$REGISTRY/test/built:1\\]
Size: .*
Image Layers
├── ID: [0-9a-f]{12} Size: .* Top Layer of: \\[.*$IMAGE.*\\]
└── ID: [0-9a-f]{12} Size: .* Top Layer of: \\[$REGISTRY/test/built:1\\]\$"
  run -0 ctr image tree --whatrequires "$IMAGE"
  assert_contains "Top Layer of: [$REGISTRY/test/built:1]"
  run -125 ctr image tree nosuch
  assert_output 'Error: nosuch: image not known'
  ctr rmi "$REGISTRY/test/built:1" >/dev/null
}

@test "prune obeys filters, and refuses what it does not know" {
  push_image test/labelled:1 '{"layers": [{"busybox": true}], "config": {"Labels": {"keep": "no"}}}' >/dev/null
  id=$(ctr pull -q "$REGISTRY/test/labelled:1")
  run -0 ctr image prune -af --filter label!=keep --filter until=1h
  refute_contains "$id"
  run -0 ctr image prune -af --filter label=keep=no
  assert_output "$id"
  id=$(ctr pull -q "$REGISTRY/test/labelled:1")
  run -0 ctr image prune -f --filter dangling=false --filter label=keep
  assert_output "$id"
  run -125 ctr image prune -f --filter bogus=1
  assert_output 'Error: bogus is an invalid filter'
  run -0 ctr image prune -f --external --build-cache
  assert_output ''
}

@test "before and since of images name images" {
  ctr create --name "busy" "$IMAGE" >/dev/null
  run -125 ctr images --filter before=busy
  assert_output 'Error: busy: image not known'
  run -0 ctr images -q --filter "since=$IMAGE"
  assert_output ''
}
