#!/usr/bin/env bats
# Images in files and directories by name: pull, push and run with docker-archive:, oci-archive:, oci: and dir:.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
setup() {
  work=$file_dir/work
  rm -rf "$work" && mkdir "$work" && cd "$work" || return 1
  ctr image exists "$IMAGE" || ctr pull -q "$IMAGE" >/dev/null
  id=$(ctr images -q --no-trunc "$IMAGE")
  id=${id#sha256:}
}
teardown() { assert_nothing_left; }

empty_store() { ctr rmi -a -f >/dev/null; }

@test "an image goes into each kind of file, is read by skopeo, and comes back as the same image" {
  for target in docker-archive:a.tar:team/app:1 oci-archive:b.tar:app:1 oci:layout:app:1 dir:folder; do
    run -0 ctr push -q "$IMAGE" "$target"
    assert_output ''
    [ "$(skopeo inspect --config "${target}" | jq -r .config.Cmd[0])" = sh ] || fail "$target"
  done
  empty_store
  for source in docker-archive:a.tar oci-archive:b.tar oci:layout:app:1 dir:folder; do
    run -0 ctr pull -q "$source"
    assert_output "$id"
  done
  run -0 ctr images --format '{{.Repository}}:{{.Tag}}' --sort repository
  assert_output 'docker.io/team/app:1
localhost/app:1'
  run -0 --separate-stderr ctr pull docker://"$IMAGE"
  assert_output "$id"
}

@test "an OCI layout gets one image after the other, and one of them is chosen by name" {
  push_image test/second:1 '{"layers": [{"busybox": true}, {"entries": [{"path": "second", "content": "2"}]}]}' >/dev/null
  ctr pull -q "$REGISTRY/test/second:1" >/dev/null
  ctr push -q "$IMAGE" oci:layout:one
  ctr push -q --digestfile digest "$REGISTRY/test/second:1" oci:layout:two
  ctr push -q "$REGISTRY/test/second:1" oci:layout:two
  [ "$(jq -r '.manifests | length' layout/index.json)" = 2 ]
  [ "$(jq -r '.manifests[1].digest' layout/index.json)" = "$(cat digest)" ]
  run -0 ctr run -q --rm --network none oci:layout:two cat /second
  assert_output 2
  run -125 ctr pull oci:layout
  assert_contains 'more than one image in oci, choose an image'
  run -125 ctr pull oci:layout:three
  assert_contains "it has no image 'three'"
}

@test "images that go into an OCI layout at the same time are all in it" {
  local n writers=()
  for n in 1 2 3 4 5 6; do ctr push -q "$IMAGE" "oci:layout:tag$n" & writers+=($!); done
  wait "${writers[@]}"
  [ "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' layout/index.json | sort | xargs)" = \
    'tag1 tag2 tag3 tag4 tag5 tag6' ]
}

@test "run and create take an image from a file" {
  ctr push -q "$IMAGE" docker-archive:a.tar:app:1
  empty_store
  run -0 ctr run -q --rm --network none docker-archive:a.tar echo ran
  assert_output ran
  run -0 ctr create --name made --network none docker-archive:a.tar:app:1 true
  run -0 ctr inspect --format '{{.ImageName}}' made
  assert_output docker.io/library/app:1
}

@test "push to dir: keeps the manifest, and --format changes it" {
  run -0 ctr push -q --digestfile digest "$IMAGE" dir:plain
  [ "sha256:$(sha256sum <plain/manifest.json | cut -d' ' -f1)" = "$(cat digest)" ]
  [ "$(cat digest)" = "$(ctr images --format '{{.Digest}}' "$IMAGE" | head -n 1)" ]
  ctr push -q --format v2s2 "$IMAGE" dir:docker
  [ "$(jq -r .mediaType docker/manifest.json)" = application/vnd.docker.distribution.manifest.v2+json ]
  ctr push -q "$IMAGE" dir:docker
  [ "$(sha256sum <docker/manifest.json)" = "$(sha256sum <plain/manifest.json)" ]
  mkdir full && touch full/mine
  run -125 ctr push -q "$IMAGE" dir:full
  assert_contains 'is a directory that is not empty'
  [ -e full/mine ]
  run -125 ctr push -q --format v2s2 "$IMAGE" oci:layout
  assert_output 'Error: oci holds images of format oci only'
}

@test "what cannot be read or written is one clear line, and nothing is left" {
  run -125 ctr pull containers-storage:busybox
  assert_contains "the transport 'containers-storage' is not supported"
  run -125 ctr run --rm docker-daemon:busybox:1
  assert_contains "the transport 'docker-daemon' is not supported"
  run -125 ctr push "$IMAGE" docker-daemon:busybox:1
  assert_contains "the transport 'docker-daemon' is not supported"
  run -125 ctr pull oci-archive:absent.tar
  assert_contains 'initializing source oci-archive:absent.tar'
  assert_contains 'No such file or directory'
  run -125 ctr pull oci:
  assert_output "Error: 'oci:': 'oci:' needs a path"
  echo text >text
  run -125 ctr pull docker-archive:text
  assert_contains 'initializing source docker-archive:text'
  ctr push -q "$IMAGE" docker-archive:a.tar
  [ "$(tar -xOf a.tar manifest.json | jq -r '.[0].RepoTags[0]')" = "$IMAGE" ]
  run -125 ctr push -q "$IMAGE" docker-archive:a.tar
  assert_contains "docker-archive doesn't support modifying existing images"
  run -125 ctr pull --all-tags docker-archive:a.tar
  assert_contains '--all-tags is for registries'
  run find . -name '.*' -not -name .
  assert_output ''
}
