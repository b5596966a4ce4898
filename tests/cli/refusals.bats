#!/usr/bin/env bats
# What registries should not send: each is refused by `ctr pull` with 125 and one clear line, and leaves nothing.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers
load faults

OCI_MANIFEST=application/vnd.oci.image.manifest.v1+json
OCI_INDEX=application/vnd.oci.image.index.v1+json
OCI_CONFIG=application/vnd.oci.image.config.v1+json
OCI_LAYER=application/vnd.oci.image.layer.v1.tar

setup_file() { start_test_file && start_fault_registry; }
teardown_file() { stop_fault_registry; end_test_file; }
setup() { fault '{"cmd": "forget"}' >/dev/null; }
teardown() { assert_nothing_left; }

add_blob() { fault "$(jq -nc --arg t "$1" --argjson n "${2:-1}" '{cmd: "blob", text: $t, times: $n}')"; }
# add_manifest TAG TYPE BODY
add_manifest() {
  fault "$(jq -nc --arg r "$1" --arg t "$2" --arg b "$3" '{cmd: "manifest", name: "bad", ref: $r, type: $t, body: $b}')"
}
descriptor() { jq -c --arg t "$1" '{mediaType: $t, digest: .digest, size: .size}'; }

# A manifest of one layer, after jq programs have changed its config and itself.
# image TAG [CONFIG_CHANGE [MANIFEST_CHANGE [LAYER_TEXT]]]
image() {
  local layer config manifest
  layer=$(add_blob "${4:-not a tar}" | descriptor $OCI_LAYER)
  config=$(jq -nc --argjson l "$layer" '{architecture: "amd64", os: "linux", config: {},
    rootfs: {type: "layers", diff_ids: [$l.digest]}}' | jq -c "${2:-.}")
  config=$(add_blob "$config" | descriptor $OCI_CONFIG)
  manifest=$(jq -nc --arg t $OCI_MANIFEST --argjson c "$config" --argjson l "$layer" \
    '{schemaVersion: 2, mediaType: $t, config: $c, layers: [$l]}' | jq -c "${3:-.}")
  add_manifest "$1" $OCI_MANIFEST "$manifest" >/dev/null
}

# refuses TAG WORDS: pulls, and wants one line with the words and nothing in the store.
refuses() {
  run --separate-stderr ctr pull -q --retry 0 "$FAULTS/bad:$1"
  assert_status 125
  assert_output ''
  [ "$(grep -c '^Error: ' <<<"$stderr")" -eq 1 ] || fail "not one error line: $stderr"
  [ "$(grep -vc '^hint: ' <<<"$stderr")" -eq 1 ] || fail "more than an error and a hint: $stderr"
  [[ $stderr == *"$2"* ]] || fail "no '$2' in: $stderr"
  ! grep -q $'[\e\a]' <<<"$stderr" || fail 'control characters on the terminal'
  assert_clean_store
  is_empty_dir "$XDG_DATA_HOME/ctr/images/blobs/sha256"
  is_empty_dir "$XDG_DATA_HOME/ctr/layers/.locks"
  run -0 ctr images -q
  assert_output ''
}

@test "a manifest over 4 MiB" {
  fault "{\"cmd\": \"rule\", \"match\": \"GET .*/manifests/huge\", \"action\": {\"status\": 200,
    \"headers\": {\"Content-Type\": \"$OCI_MANIFEST\"}, \"body\": \"{}\", \"extra\": 5000000}}" >/dev/null
  refuses huge 'the answer is longer than the limit of 4 MiB'
}

@test "schema 1, artifacts and foreign layers are named" {
  add_manifest schema1 application/vnd.docker.distribution.manifest.v1+prettyjws '{"schemaVersion": 1, "fsLayers": []}' >/dev/null
  refuses schema1 'schema 1'
  image artifact . '.config.mediaType = "application/vnd.cncf.helm.config.v1+json"'
  refuses artifact 'not a container image'
  image foreign . '.layers[0].mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"'
  refuses foreign 'has the foreign media type'
  image odd . '.layers[0].mediaType = "application/x-\u001b[31mlayer"'
  refuses odd '\x1b'
}

@test "a document that is two things at once, or of another type than its header" {
  image both . '.manifests = []'
  refuses both 'both'
  add_manifest lie $OCI_INDEX "$(manifest_body)" >/dev/null
  refuses lie "but was announced as '$OCI_INDEX'"
}
manifest_body() {
  image plain >/dev/null
  manifest_of bad:plain
}

@test "indexes that are deep or name each other" {
  local inner digest level
  image leaf
  inner=$(manifest_of bad:leaf)
  digest=$(add_manifest leaf2 $OCI_MANIFEST "$inner" | descriptor $OCI_MANIFEST)
  for level in 1 2 3; do
    digest=$(add_manifest "deep$level" $OCI_INDEX "$(jq -nc --argjson d "$digest" --arg t $OCI_INDEX \
      '{schemaVersion: 2, mediaType: $t, manifests: [$d + {platform: {os: "linux", architecture: "amd64"}}]}')" |
      descriptor $OCI_INDEX)
  done
  refuses deep3 'indexes lie between'
}

@test "sizes and digests that are not those of the manifest" {
  image size . '.layers[0].size = 5'
  refuses size 'but the manifest says 5'
  image blob
  fault '{"cmd": "rule", "match": "GET .*/blobs/.*", "action": {"corrupt": true}}' >/dev/null
  refuses blob 'digest'
  fault '{"cmd": "forget"}' >/dev/null
  fault '{"cmd": "rule", "match": "GET .*/manifests/.*", "action": {"corrupt": true}}' >/dev/null
  refuses blob 'digest'
  fault '{"cmd": "forget"}' >/dev/null
  image notdigest . '.layers[0].digest = "sha256:../../../etc/passwd"'
  refuses notdigest 'digest'
}

@test "a configuration that does not fit its layers" {
  image norootfs 'del(.rootfs)'
  refuses norootfs 'rootfs'
  image more '.rootfs.diff_ids += .rootfs.diff_ids'
  refuses more 'names 2 layers, the manifest has 1'
  image diffid '.rootfs.diff_ids[0] = "sha256:" + ("ab" * 32)' . "$(head -c 1024 /dev/zero | tr '\0' ' ')"
  refuses diffid 'layer'
  image wrongtype '.os = 5'
  refuses wrongtype 'os'
  image otheros '.os = "windows"'
  refuses otheros 'does not match the expected platform'
}

@test "a layer with another digest than the configuration says" {
  "$cli_dir/make-image" '{"layers": [{"entries": [{"path": "a", "content": "b"}]}],
    "config_override": {"rootfs": {"type": "layers", "diff_ids":
    ["sha256:abababababababababababababababababababababababababababababababab"]}}}' --push "$FAULTS/bad:diff" >/dev/null
  refuses diff 'but the image says'
}

@test "layers that are no tar, or packed in other ways" {
  image zip . . $'PK\x03\x04 and more'
  refuses zip 'compressed with zip'
  image bzip . . 'BZh91AY&SY and more'
  refuses bzip 'compressed with bzip2'
  image text . . 'plain text, which is no archive'
  refuses text 'the tar of the layer is damaged'
  "$cli_dir/make-image" '{"compress": "none", "layers": [{"entries": [{"path": "../../escape", "content": "x"}]}]}' \
    --push "$FAULTS/bad:escape" >/dev/null
  refuses escape "leaves its directory with '..'"
  "$cli_dir/make-image" '{"layers": [{"entries": [{"path": "f", "uid": 4000000}]}]}' --push "$FAULTS/bad:uid" >/dev/null
  refuses uid "'f' has the uid 4000000"
}

@test "words of a registry and names in a layer cannot move the cursor" {
  fault '{"cmd": "rule", "match": "GET .*/manifests/words", "action": {"status": 404,
    "body": "{\"errors\": [{\"code\": \"MANIFEST_UNKNOWN\", \"message\": \"\\u001b[2J gone\\nError: forged\"}]}"}}' >/dev/null
  refuses words '\x1b[2J gone\x0aError: forged'
  "$cli_dir/make-image" '{"layers": [{"entries": [{"path": "\u001b[2J\nfile", "uid": 4000000}]}]}' \
    --push "$FAULTS/bad:name" >/dev/null
  refuses name '\x1b[2J\x0afile'
}
