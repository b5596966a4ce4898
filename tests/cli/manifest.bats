#!/usr/bin/env bats
# manifest lists: made of images of the store and of registries, shown, changed, run, pushed and removed.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers

setup_file() {
  start_test_file && pull_busybox
  push_image test/arm:1 '{"architecture": "arm64", "layers": [{"entries": [{"path": "arm", "content": "x"}]}]}' >/dev/null
  push_image test/other:1 '{"layers": [{"busybox": true}, {"entries": [{"path": "other", "content": "y"}]}]}' >/dev/null
  MANIFEST=$(manifest_digest "$IMAGE")
  ARM=$(manifest_digest "$REGISTRY/test/arm:1")
  export MANIFEST ARM
}
teardown_file() { end_test_file; }
teardown() {
  ctr manifest rm -i list >/dev/null
  assert_nothing_left
}

manifest_digest() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$1"; }
raw() { skopeo inspect --raw --tls-verify=false "docker://$1"; }
listed() { ctr manifest inspect "$1" | jq -r '.manifests[] | "\(.platform.os)/\(.platform.architecture) \(.digest)"'; }

@test "a list names images of the store and of a registry, with their platforms" {
  run -0 ctr manifest create list
  assert_match '^[0-9a-f]{64}$'
  id=$output
  run -0 ctr manifest inspect list
  [ "$(jq -c '[.schemaVersion, .mediaType, .manifests]' <<<"$output")" = '[2,"application/vnd.oci.image.index.v1+json",[]]' ]
  run -0 ctr manifest add list "$IMAGE"
  assert_output "$id"
  run -0 ctr manifest add list "docker://$REGISTRY/test/arm:1"
  assert_output "$id"
  run -0 listed list
  assert_output "linux/amd64 $MANIFEST
linux/arm64 $ARM"
  # The image in the registry is not in the store, its manifest is.
  run -1 ctr image exists "$REGISTRY/test/arm:1"
  run -0 ctr manifest exists list
  run -125 ctr manifest exists "$IMAGE"
  assert_output "Error: $IMAGE: image is not a manifest list"
  run -1 ctr manifest exists nosuch
  run -125 ctr manifest create list
  assert_contains 'that name is already in use'
  run -0 ctr manifest create --amend list
  assert_output "$id"
}

@test "images shows a list, and filters find it" {
  ctr manifest create list "$IMAGE" >/dev/null
  run -0 ctr images --filter manifest=true --format '{{.Repository}}:{{.Tag}} {{.IsManifestList}}'
  assert_output 'localhost/list:latest true'
  run -0 ctr images --filter manifest=false --format '{{.Repository}}:{{.Tag}}'
  refute_contains localhost/list
  assert_line "$IMAGE"
  run -0 ctr images --format json --filter manifest=true
  [ "$(jq -r '.[0].Names[0]' <<<"$output")" = localhost/list:latest ]
  run -0 ctr images
  assert_match 'localhost/list +latest +[0-9a-f]{12} +'
}

@test "annotate and remove change what a list says" {
  ctr manifest create list "$IMAGE" "docker://$REGISTRY/test/arm:1" >/dev/null
  ctr manifest annotate --arch arm --variant v7 --os-version 1 --features a,b --annotation k=v list "$ARM" >/dev/null
  run -0 ctr manifest inspect list
  [ "$(jq -c '.manifests[1].platform' <<<"$output")" = '{"architecture":"arm","os":"linux","os.version":"1","variant":"v7","features":["a","b"]}' ] || fail "$output"
  [ "$(jq -r '.manifests[1].annotations.k' <<<"$output")" = v ]
  ctr manifest annotate --index --annotation of=all --subject "$IMAGE" list >/dev/null
  run -0 ctr manifest inspect list
  [ "$(jq -r '.annotations.of + " " + .subject.digest' <<<"$output")" = "all $MANIFEST" ]
  ctr manifest remove list "$ARM" >/dev/null
  run -0 listed list
  assert_output "linux/amd64 $MANIFEST"
  run -125 ctr manifest remove list "$ARM"
  assert_output "Error: no instance matching digest \"$ARM\" found in manifest list: file does not exist"
  run -125 ctr manifest annotate list nosuch
  assert_contains 'invalid image digest "nosuch"'
  run -125 ctr manifest add list "docker://$REGISTRY/test/absent"
  assert_contains 'manifest unknown'
  run -125 ctr manifest add nosuch "$IMAGE"
  assert_output 'Error: nosuch: image not known'
  run -125 ctr manifest add "$IMAGE" "$IMAGE"
  assert_output "Error: $IMAGE: image is not a manifest list"
  run -125 ctr manifest add --artifact-type text/plain list "$IMAGE"
  assert_output 'Error: --artifact-type requires --artifact'
}

@test "a list that cannot be made whole is not made" {
  run -125 ctr manifest create list "$IMAGE" "docker://$REGISTRY/test/absent"
  assert_contains 'manifest unknown'
  run -1 ctr manifest exists list
}

@test "push takes the image of this host, and of a list without one the list" {
  ctr manifest create list "docker://$REGISTRY/test/arm:1" >/dev/null
  run -0 ctr push -q list "$REGISTRY/pushed/arm:1"
  [ "$(raw "$REGISTRY/pushed/arm:1" | jq -r '.manifests[].digest')" = "$ARM" ]
  ctr manifest add list "$IMAGE" >/dev/null
  run -0 ctr push -q list "$REGISTRY/pushed/arm:2"
  [ "$(manifest_digest "$REGISTRY/pushed/arm:2")" = "$MANIFEST" ]
}

@test "a list is pushed with its images, and what was not in the store comes from its registry" {
  ctr manifest create list "docker://$REGISTRY/test/arm:1" "docker://$REGISTRY/test/other:1" >/dev/null
  run -0 --separate-stderr ctr manifest push --digestfile "$file_dir/digest" list "$REGISTRY/pushed/list:1"
  assert_output ''
  raw "$REGISTRY/pushed/list:1" >"$file_dir/list"
  [ "sha256:$(sha256sum <"$file_dir/list" | cut -d' ' -f1)" = "$(cat "$file_dir/digest")" ]
  [ "$(jq -r '.manifests | length' "$file_dir/list")" = 2 ]
  skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/pushed/list:1" "dir:$file_dir/all"
  # From another registry the layers go through this host.
  first=$REGISTRY
  start_second
  run -0 ctr manifest push --all --rm --format v2s2 list "$REGISTRY/pushed/list:2"
  raw "$REGISTRY/pushed/list:2" >"$file_dir/list"
  [ "$(jq -r .mediaType "$file_dir/list")" = application/vnd.docker.distribution.manifest.list.v2+json ]
  [ "$(jq -r '.manifests[0].mediaType' "$file_dir/list")" = application/vnd.docker.distribution.manifest.v2+json ]
  run -1 ctr manifest exists list
  run -0 ctr run -q --rm --network none "$REGISTRY/pushed/list:2" cat /other
  assert_output y
  ctr rmi "$REGISTRY/pushed/list:2" >/dev/null
  REGISTRY=$first
}
start_second() {
  registry_start "$file_dir/registry2"
  REGISTRY=$registry_host
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >>"$XDG_CONFIG_HOME/containers/registries.conf"
}

@test "each image of a list is sent in another compression, too, behind the others" {
  ctr manifest create list "$IMAGE" >/dev/null
  run -0 ctr manifest push -q --add-compression zstd,gzip list "$REGISTRY/pushed/both:1"
  raw "$REGISTRY/pushed/both:1" >"$file_dir/list"
  [ "$(jq -c '[.manifests[].annotations["io.github.containers.compression.zstd"]]' "$file_dir/list")" = '[null,"true"]' ]
  [ "$(jq -r '.manifests[0].digest' "$file_dir/list")" = "$MANIFEST" ]
  [ "$(jq -c '.manifests[0].platform' "$file_dir/list")" = "$(jq -c '.manifests[1].platform' "$file_dir/list")" ]
  zstd=$(jq -r '.manifests[1].digest' "$file_dir/list")
  raw "$REGISTRY/pushed/both@$zstd" | jq -e 'all(.layers[]; .mediaType | endswith("+zstd"))' >/dev/null
  run -0 ctr manifest inspect list
  [ "$(jq '.manifests | length' <<<"$output")" = 1 ]
  run -125 ctr manifest push --add-compression zstd --all=false list "$REGISTRY/pushed/both:2"
  assert_contains '--add-compression needs the images of the list'
  run -125 ctr manifest push --add-compression xz list "$REGISTRY/pushed/both:2"
  assert_contains "--add-compression 'xz' is not one of gzip and zstd"
  ctr manifest rm list >/dev/null
}

@test "run, inspect and save take the image of a list that fits this host" {
  ctr manifest create list "docker://$REGISTRY/test/arm:1" "$IMAGE" >/dev/null
  id=$(ctr images -q --no-trunc "$IMAGE")
  run -0 ctr run --rm --network none list echo ran
  assert_output ran
  run -0 ctr image inspect --format '{{.Id}}' list
  assert_output "${id#sha256:}"
  run -0 ctr pull -q --policy missing list
  assert_output "${id#sha256:}"
  # The other platform's image is fetched from where the list says it is.
  arm=$(ctr pull -q --policy missing --platform linux/arm64 list)
  run -0 ctr image inspect --format '{{.Architecture}}' "$arm"
  assert_output arm64
  run -125 ctr run --rm --pull never --platform linux/s390x list true
  assert_contains 'no image found in the index for platform linux/s390x'
  ctr rmi -f "$arm" >/dev/null
}

@test "a list is tagged, keeps its images when their names go, and is removed like an image" {
  ctr manifest create list "$IMAGE" >/dev/null
  ctr tag list second
  run -0 ctr manifest exists second
  ctr untag list second
  run -0 ctr rmi "$IMAGE"
  assert_match 'Deleted: '
  run -0 ctr manifest push list "$REGISTRY/kept/list:1"
  run -0 ctr manifest rm list
  assert_match '^Untagged: localhost/list:latest
Deleted: [0-9a-f]{64}$'
  [ -z "$(find "$XDG_DATA_HOME/ctr/images/blobs" -type f)" ] || fail 'blobs are left'
  run -1 ctr manifest rm list
  assert_output 'Error: list: image not known'
  ctr pull -q "$IMAGE" >/dev/null
  run -125 ctr manifest rm "$IMAGE"
  assert_output "Error: $IMAGE: image is not a manifest list"
}

@test "all images of a list in a registry come into a list, and that of the registry can be looked at" {
  ctr manifest create list "$IMAGE" "docker://$REGISTRY/test/arm:1" >/dev/null
  ctr manifest push -q list "$REGISTRY/test/multi:1"
  ctr manifest rm list >/dev/null
  ctr manifest create list >/dev/null
  ctr manifest add list "docker://$REGISTRY/test/multi:1" >/dev/null
  run -0 listed list
  assert_output "linux/amd64 $MANIFEST"
  ctr manifest add --all list "docker://$REGISTRY/test/multi:1" >/dev/null
  run -0 listed list
  assert_output "linux/amd64 $MANIFEST
linux/arm64 $ARM"
  run -0 ctr manifest inspect "$REGISTRY/test/multi:1"
  [ "$(jq -r '.manifests | length' <<<"$output")" = 2 ]
  run -0 --separate-stderr ctr manifest inspect "$REGISTRY/test/arm:1"
  [[ $stderr == *'is not a manifest list but a single image'* ]] || fail "$stderr"
  [ "$(jq -r '.layers | length' <<<"$output")" = 1 ]
}

# put_blob NAME: what stdin has comes to the registry as a blob of test/NAME; prints {"digest", "size"}.
put_blob() {
  local bytes=$BATS_TEST_TMPDIR/blob digest place
  cat >"$bytes"
  digest=sha256:$(sha256sum <"$bytes" | cut -d ' ' -f 1)
  place=$(curl -fsS -o /dev/null -D - -X POST "http://$REGISTRY/v2/test/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //Ip')
  curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$bytes" "$place&digest=$digest" >/dev/null
  jq -nc --arg digest "$digest" --argjson size "$(stat -c %s "$bytes")" '{$digest, $size}'
}
# put_manifest NAME TAG TYPE: what stdin has comes to the registry as a manifest; prints its descriptor.
put_manifest() {
  local bytes=$BATS_TEST_TMPDIR/manifest
  cat >"$bytes"
  curl -fsS -X PUT -H "Content-Type: $3" --data-binary "@$bytes" "http://$REGISTRY/v2/test/$1/manifests/$2" >/dev/null
  jq -nc --arg mediaType "$3" --arg digest "sha256:$(sha256sum <"$bytes" | cut -d ' ' -f 1)" \
    --argjson size "$(stat -c %s "$bytes")" '{$mediaType, $digest, $size}'
}

@test "statements about images that a builder has put into a list come along with them" {
  oci=application/vnd.oci.image
  skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/test/other:1" "docker://$REGISTRY/test/built:amd"
  entry=$(raw "$REGISTRY/test/built:amd" | put_manifest built amd "$oci.manifest.v1+json")
  layer=$(echo '{"predicateType": "https://slsa.dev/provenance/v0.2"}' | put_blob built)
  config=$(jq -nc --argjson l "$layer" '{architecture: "unknown", os: "unknown", config: {}, rootfs: {type: "layers", diff_ids: [$l.digest]}}' | put_blob built)
  statement=$(jq -nc --argjson c "$config" --argjson l "$layer" --arg oci "$oci" \
    '{schemaVersion: 2, mediaType: ($oci + ".manifest.v1+json"), config: ($c + {mediaType: ($oci + ".config.v1+json")}),
      layers: [$l + {mediaType: "application/vnd.in-toto+json", annotations: {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}}]}' |
    put_manifest built statement "$oci.manifest.v1+json")
  jq -nc --argjson i "$entry" --argjson s "$statement" --arg oci "$oci" \
    '{schemaVersion: 2, mediaType: ($oci + ".index.v1+json"), manifests: [$i + {platform: {architecture: "amd64", os: "linux"}},
      $s + {platform: {architecture: "unknown", os: "unknown"},
            annotations: {"vnd.docker.reference.digest": $i.digest, "vnd.docker.reference.type": "attestation-manifest"}}]}' |
    put_manifest built 1 "$oci.index.v1+json" >/dev/null
  # What runs is the image.
  run -0 ctr run --rm --network none "$REGISTRY/test/built:1" cat other
  ctr rmi "$REGISTRY/test/built:1" >/dev/null
  ctr manifest create list >/dev/null
  ctr manifest add --all list "docker://$REGISTRY/test/built:1" >/dev/null
  run -0 ctr manifest inspect list
  [ "$(jq -c '[.manifests[].platform.os]' <<<"$output")" = '["linux","unknown"]' ] || fail "$output"
  [ "$(jq -r '.manifests[1].annotations["vnd.docker.reference.type"]' <<<"$output")" = attestation-manifest ]
  run -0 ctr manifest push -q --all list "$REGISTRY/test/again:1"
  [ "$(raw "$REGISTRY/test/again:1" | jq -c '.manifests')" = "$(raw "$REGISTRY/test/built:1" | jq -c '.manifests')" ]
  raw "$REGISTRY/test/again@$(jq -r .digest <<<"$statement")" | cmp - <(raw "$REGISTRY/test/built@$(jq -r .digest <<<"$statement")")
}

@test "files come into a list as an artifact, and go with it to a registry" {
  cd "$BATS_TEST_TMPDIR"
  echo '{"a": 1}' >sbom.json
  printf 'x\0y' >blob
  echo 'a: b' >config
  ctr manifest create list "$IMAGE" >/dev/null
  ctr manifest add --artifact --artifact-type application/vnd.test.sbom --artifact-subject "$IMAGE" \
    --artifact-annotation of=artifact --annotation of=entry --os linux --arch amd64 list sbom.json blob >/dev/null
  rm sbom.json blob
  run -0 ctr manifest inspect list
  [ "$(jq -c '.manifests[1] | [.artifactType, .annotations, .platform]' <<<"$output")" = \
    '["application/vnd.test.sbom",{"of":"entry"},{"architecture":"amd64","os":"linux"}]' ] || fail "$output"
  # An artifact for this platform is no image to run.
  run -0 ctr run --rm --network none list echo image
  assert_output image
  ctr manifest push -q list "docker://$REGISTRY/pushed/artifact:1" >/dev/null
  artifact=$(raw "$REGISTRY/pushed/artifact:1" | jq -r '.manifests[1].digest')
  run -0 raw "$REGISTRY/pushed/artifact@$artifact"
  [ "$(jq -c '[.artifactType, .config.mediaType, .subject.digest, .annotations]' <<<"$output")" = \
    "[\"application/vnd.test.sbom\",\"application/vnd.oci.empty.v1+json\",\"$MANIFEST\",{\"of\":\"artifact\"}]" ] || fail "$output"
  [ "$(jq -c '[.layers[] | [.mediaType, .annotations["org.opencontainers.image.title"], .size]]' <<<"$output")" = \
    '[["application/json","sbom.json",9],["application/octet-stream","blob",3]]' ] || fail "$output"
  layer=$(jq -r '.layers[0].digest' <<<"$output")
  [ "$(curl -sf "http://$REGISTRY/v2/pushed/artifact/blobs/$layer")" = '{"a": 1}' ]
  run -125 ctr manifest push -q -f v2s2 list "docker://$REGISTRY/pushed/artifact:2"
  assert_contains 'format v2s2 has no artifacts'
  ctr manifest remove list "$artifact" >/dev/null
  ctr manifest add --artifact --artifact-exclude-titles --artifact-layer-type text/x-own --artifact-config config \
    --artifact-config-type text/x-config list config >/dev/null
  blob=$(ctr manifest inspect list | jq -r '.manifests[1].digest')
  run -0 cat "$XDG_DATA_HOME/ctr/images/blobs/sha256/${blob#sha256:}"
  [ "$(jq -c '[.artifactType, .config.mediaType, .layers[0].mediaType, .layers[0].annotations]' <<<"$output")" = \
    '["application/vnd.unknown.artifact.v1","text/x-config","text/x-own",null]' ] || fail "$output"
  run -125 ctr manifest add --artifact list nosuch
  assert_contains "nosuch': No such file or directory"
  run -125 ctr manifest add --artifact list /dev/null
  assert_output "Error: '/dev/null' is no regular file"
  ctr manifest rm list >/dev/null
  [ ! -e "$XDG_DATA_HOME/ctr/images/blobs/sha256/${blob#sha256:}" ]
}

@test "several commands that add to one list at a time lose nothing" {
  ctr manifest create list >/dev/null
  ctr manifest add list "$IMAGE" >/dev/null &
  ctr manifest add list "docker://$REGISTRY/test/arm:1" >/dev/null &
  ctr manifest annotate --index --annotation a=1 list >/dev/null &
  ctr manifest annotate --index --annotation b=2 list >/dev/null &
  wait
  run -0 ctr manifest inspect list
  [ "$(jq -c '[(.manifests | length), .annotations.a, .annotations.b]' <<<"$output")" = '[2,"1","2"]' ] || fail "$output"
}
