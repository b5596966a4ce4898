#!/usr/bin/env bats
# push: what goes to the registry, how it survives failures, and that other tools read it.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers
load faults

setup_file() {
  start_test_file && start_fault_registry && start_registry tls auth
  push_to_faults src/oci:1 '{"layers": [{"busybox": true}, {"random": {"files": 2, "bytes": 3000000}}],
    "config": {"Cmd": ["echo", "pushed"]}}'
  push_to_faults src/docker:1 '{"format": "docker", "layers": [{"busybox": true}], "config": {"Cmd": ["docker"]}}'
  push_to_faults src/zstd:1 '{"compress": "zstd", "layers": [{"busybox": true}]}'
  ctr pull -q "$FAULTS/src/oci:1" >/dev/null
  ctr pull -q "$FAULTS/src/docker:1" >/dev/null
  ctr pull -q "$FAULTS/src/zstd:1" >/dev/null
}
teardown_file() { stop_fault_registry; end_test_file; }
setup() { fault '{"cmd": "forget"}' >/dev/null; }
teardown() { assert_nothing_left; }

requests() { fault '{"cmd": "log"}' | jq -r '.requests[].line'; }
count() { requests | grep -cE "$1" || true; }
to_registry() { ctr push --cert-dir "$(dirname "$REGISTRY_CA")" --creds tester:secret "$@"; }
from_registry() { skopeo "$1" --src-cert-dir "$(dirname "$REGISTRY_CA")" --src-creds tester:secret "${@:2}"; }
inspect_raw() { skopeo inspect --raw --cert-dir "$(dirname "$REGISTRY_CA")" --creds tester:secret "docker://$1"; }

@test "an image of one registry goes to another with TLS and a password, and skopeo reads it" {
  run -0 --separate-stderr to_registry --digestfile "$file_dir/digest" "$FAULTS/src/oci:1" "$REGISTRY/dst/oci:2"
  assert_output ''
  [[ $stderr == *'Writing manifest to image destination'* ]] || fail "stderr: $stderr"
  digest=$(cat "$file_dir/digest")
  inspect_raw "$REGISTRY/dst/oci:2" >"$file_dir/manifest"
  [ "sha256:$(sha256sum <"$file_dir/manifest" | cut -d' ' -f1)" = "$digest" ]
  manifest_of src/oci:1 | cmp - "$file_dir/manifest"
  mkdir -p "$file_dir/copy"
  from_registry copy -q "docker://$REGISTRY/dst/oci:2" "oci:$file_dir/copy:x"
  [ "$(jq -r '.manifests[0].digest' "$file_dir/copy/index.json")" = "$digest" ]
  # The same file may be written again.
  to_registry -q --digestfile "$file_dir/digest" "$FAULTS/src/oci:1" "$REGISTRY/dst/oci:3"
  [ "$(cat "$file_dir/digest")" = "$digest" ]
}

@test "a Docker image stays one, and --format turns it into an OCI image and back" {
  docker=application/vnd.docker.distribution.manifest.v2+json
  oci=application/vnd.oci.image.manifest.v1+json
  to_registry -q "$FAULTS/src/docker:1" "$REGISTRY/dst/docker:1"
  manifest_of src/docker:1 | cmp - <(inspect_raw "$REGISTRY/dst/docker:1")
  [ "$(inspect_raw "$REGISTRY/dst/docker:1" | jq -r .mediaType)" = "$docker" ]
  to_registry -q --format oci "$FAULTS/src/docker:1" "$REGISTRY/dst/docker:2"
  [ "$(inspect_raw "$REGISTRY/dst/docker:2" | jq -r .mediaType)" = "$oci" ]
  to_registry -q --format v2s2 "$FAULTS/src/oci:1" "$REGISTRY/dst/docker:3"
  [ "$(inspect_raw "$REGISTRY/dst/docker:3" | jq -r .mediaType)" = "$docker" ]
  mkdir -p "$file_dir/copy2"
  from_registry copy -q "docker://$REGISTRY/dst/docker:3" "dir:$file_dir/copy2"
  run -125 to_registry -q --format v2s2 "$FAULTS/src/zstd:1" "$REGISTRY/dst/docker:4"
  assert_output 'Error: the layers are compressed with zstd, which format v2s2 does not have'
}

@test "layers are compressed anew where a format is asked for, and the image is the same" {
  of() { inspect_raw "$REGISTRY/dst/comp:$1" | jq -r '[.layers[].mediaType | sub(".*tar.?"; "")] | unique | join(" ")'; }
  to_registry -q --compression-format zstd "$FAULTS/src/oci:1" "$REGISTRY/dst/comp:z"
  [ "$(of z)" = zstd ]
  [ "$(inspect_raw "$REGISTRY/dst/comp:z" | jq .config)" = "$(manifest_of src/oci:1 | jq .config)" ]
  to_registry -q --compression-format zstd --compression-level 19 "$FAULTS/src/docker:1" "$REGISTRY/dst/comp:d"
  [ "$(of d)" = zstd ]
  to_registry -q --compression-format gzip "$FAULTS/src/zstd:1" "$REGISTRY/dst/comp:g"
  [ "$(of g)" = gzip ]
  # What comes back holds the layers that the configuration names; skopeo looks at those of gzip by itself.
  from_registry copy -q "docker://$REGISTRY/dst/comp:g" "docker-archive:$file_dir/g.tar:x:1"
  mkdir "$file_dir/z"
  from_registry copy -q "docker://$REGISTRY/dst/comp:z" "dir:$file_dir/z"
  config=$(jq -r '.config.digest[7:]' "$file_dir/z/manifest.json")
  jq -r '.layers[].digest[7:]' "$file_dir/z/manifest.json" | while read -r layer; do
    printf 'sha256:%s\n' "$(zstd -dcq <"$file_dir/z/$layer" | sha256sum | cut -d' ' -f1)"
  done >"$file_dir/diff-ids"
  jq -r '.rootfs.diff_ids[]' "$file_dir/z/$config" | cmp - "$file_dir/diff-ids"
  # What has the format keeps its bytes, unless more is said.
  to_registry -q --compression-format gzip "$FAULTS/src/oci:1" "$REGISTRY/dst/comp:same"
  manifest_of src/oci:1 | cmp - <(inspect_raw "$REGISTRY/dst/comp:same")
  to_registry -q --compression-format gzip --compression-level 1 "$FAULTS/src/oci:1" "$REGISTRY/dst/comp:anew"
  run ! cmp -s <(manifest_of src/oci:1) <(inspect_raw "$REGISTRY/dst/comp:anew")
  run -125 to_registry -q --compression-format zstd --format v2s2 "$FAULTS/src/oci:1" "$REGISTRY/dst/comp:no"
  assert_output 'Error: format v2s2 has no layers that are compressed with zstd'
  run -125 to_registry -q --compression-format lzma "$FAULTS/src/oci:1" "$REGISTRY/dst/comp:no"
  assert_contains 'cannot find compressor for "lzma"'
  run -125 to_registry -q --compression-format gzip --compression-level 10 "$FAULTS/src/oci:1" "$REGISTRY/dst/comp:no"
  assert_output 'Error: --compression-level of gzip is 1 to 9'
}

@test "blobs that are there are not sent, and those of another repository are mounted" {
  run -0 ctr push -q "$FAULTS/src/oci:1" "$FAULTS/src/oci:2"
  [ "$(count '^PUT .*/blobs/')" -eq 0 ]
  fault '{"cmd": "forget"}' >/dev/null
  fault '{"cmd": "rule", "match": "HEAD .*/dst/.*", "action": {"status": 404}}' >/dev/null
  run -0 ctr push -q "$FAULTS/src/oci:1" "$FAULTS/dst/oci:1"
  [ "$(count '^POST .*/blobs/uploads/\?mount=sha256.*&from=src%2Foci')" -eq 3 ]
  [ "$(count '^PUT .*/blobs/')" -eq 0 ]
}

@test "a blob whose upload fails is sent again, the others are not" {
  # Everything has to be sent: nothing is there and nothing can be mounted.
  fault '{"cmd": "rule", "match": "HEAD .*", "times": 3, "action": {"status": 404}}' >/dev/null
  fault '{"cmd": "rule", "match": "PUT .*/blobs/uploads/.*", "times": 1, "action": {"status": 503}}' >/dev/null
  fault '{"cmd": "rule", "match": "HEAD .*", "times": 1, "action": {"status": 404}}' >/dev/null
  run -0 --separate-stderr ctr push --retry-delay 0s "$FAULTS/src/oci:1" "$OTHER_FAULTS/dst/again:1"
  [[ $stderr == *' again: '*'status 503'* ]] || fail "stderr: $stderr"
  [ "$(count '^PUT .*/blobs/')" -eq 4 ]
  [ "$(count '^PUT .*/manifests/1$')" -eq 1 ]
}

@test "an upload that always fails ends after the retries asked for, one that is refused at once" {
  fault '{"cmd": "rule", "match": "HEAD .*", "action": {"status": 404}}' >/dev/null
  fault '{"cmd": "rule", "match": "PUT .*/blobs/uploads/.*", "action": {"status": 502}}' >/dev/null
  run -125 ctr push -q --retry 2 --retry-delay 0s "$FAULTS/src/docker:1" "$OTHER_FAULTS/dst/never:1"
  assert_match '^Error: writing blob sha256:[0-9a-f]+: status 502.* \(after 2 retries\)$'
  [ "$(count '^PUT .*/blobs/')" -eq 6 ]
  [ "$(count '^PUT .*/manifests/')" -eq 0 ]
  fault '{"cmd": "forget"}' >/dev/null
  fault '{"cmd": "rule", "match": "HEAD .*", "action": {"status": 404}}' >/dev/null
  fault '{"cmd": "rule", "match": "PUT .*/blobs/uploads/.*", "action": {"status": 413}}' >/dev/null
  run -125 ctr push -q --retry-delay 0s "$FAULTS/src/docker:1" "$OTHER_FAULTS/dst/never:1"
  [ "$(count '^PUT .*/blobs/')" -eq 2 ]
}

@test "a large layer is sent with little memory" {
  push_to_faults src/large:1 '{"compress": "none", "layers": [{"random": {"files": 10, "bytes": 120000000}}]}'
  ctr pull -q "$FAULTS/src/large:1" >/dev/null
  run -0 python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)' \
    "$CTR" push -q --cert-dir "$(dirname "$REGISTRY_CA")" --creds tester:secret "$FAULTS/src/large:1" "$REGISTRY/dst/large:1"
  [ "$output" -lt 64 ] || fail "$output MiB"
  ctr rmi "$FAULTS/src/large:1" >/dev/null
}
