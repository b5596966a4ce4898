#!/usr/bin/env bats
# Signatures: what policy.json demands at pull and load, and what push makes; with skopeo as the peer.
# shellcheck disable=SC2154 # bats sets stderr, helpers set file_dir
load helpers

key_of() { gpg --list-keys --with-colons "$1" | awk -F: '/^fpr/ {print $10; exit}'; }
new_key() { gpg -q --batch --passphrase '' "${@:2}" --quick-gen-key "$1" ed25519 sign "${expires:-never}" 2>/dev/null; }

setup_file() {
  start_test_file && start_registry
  # Sockets of gpg's agent have short paths, too.
  export GNUPGHOME=$XDG_RUNTIME_DIR/gpg
  mkdir -m 700 "$GNUPGHOME"
  new_key good@test
  new_key other@test
  new_key revoked@test
  expires=2020-02-01 new_key expired@test --faked-system-time 20200101T000000
  gpg --export -a good@test >"$file_dir/good.asc"
  gpg --export other@test >"$file_dir/other.gpg"
  sed 's/^:---/---/' "$GNUPGHOME/openpgp-revocs.d/$(key_of revoked@test).rev" >"$file_dir/revocation"
  mkdir -p "$XDG_CONFIG_HOME/containers/registries.d" "$file_dir/lookaside"
  cp "$cli_dir"/keys/cosign.* "$file_dir"
  echo passphrase >"$file_dir/passphrase"
  places "  lookaside: file://$file_dir/lookaside"
  push_image src/plain:1 '{"layers": [{"entries": [{"path": "a", "type": "file", "content": "x"}]}]}' >/dev/null
  ctr pull -q "$REGISTRY/src/plain:1" >/dev/null
}
teardown_file() { gpgconf --kill all; end_test_file; }
setup() {
  rm -f "$XDG_CONFIG_HOME/containers/policy.json"
  ctr rmi -f "$REGISTRY/img:1" >/dev/null 2>&1 || true
}
teardown() { assert_nothing_left; }

# places LINE...: what registries.d says of every registry.
places() { printf 'default-docker:\n%s\n' "$@" >"$XDG_CONFIG_HOME/containers/registries.d/default.yaml"; }
# demand TYPE KEY-MEMBERS [IDENTITY]: a policy for the registry; for everything else the images are good.
demand() {
  local members="\"type\": \"$1\", $2" identity=${3:-}
  [ "$1" != signedBy ] || members+=', "keyType": "GPGKeys"'
  [ -z "$identity" ] || members+=", \"signedIdentity\": $identity"
  printf '{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"%s": [{%s}]}}}\n' \
    "$REGISTRY" "$members" | tee "$XDG_CONFIG_HOME/containers/policy.json" >"$file_dir/policy.json"
}
good() { demand signedBy "\"keyPath\": \"$file_dir/good.asc\"" "$@"; }
sign_good() { ctr push -q --sign-by "$(key_of good@test)" "$REGISTRY/src/plain:1" "$REGISTRY/img:1"; }
signature_file() { find "$file_dir/lookaside" -path '*/img@sha256=*/signature-1'; }
refused() {
  run -125 ctr pull -q "$REGISTRY/${2:-img:1}"
  assert_output "Error: Source image rejected: $XDG_CONFIG_HOME/containers/policy.json demands ${kind:-signedBy} of \
docker://$REGISTRY/${2:-img:1}: $1"
  run -1 ctr image exists "$REGISTRY/${2:-img:1}"
}

# cosign_sign REPOSITORY TAG: a signature as cosign leaves it, with a key of its own that the policy then demands.
cosign_sign() {
  local blob where dir=$file_dir/cosign
  mkdir -p "$dir"
  openssl ecparam -name prime256v1 -genkey -noout -out "$dir/key" 2>/dev/null
  openssl pkey -in "$dir/key" -pubout -out "$file_dir/ec.pub"
  demand sigstoreSigned "\"keyPath\": \"$file_dir/ec.pub\""
  printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},%s},"optional":null}' \
    "$REGISTRY/$1" "$(sed 's/-/:/; s/.sig$//' <<<"$2")" '"type":"cosign container image signature"' >"$dir/claim"
  openssl dgst -sha256 -sign "$dir/key" "$dir/claim" | base64 -w0 >"$dir/sig"
  echo '{}' >"$dir/config"
  for blob in claim config; do
    where=$(curl -fsS -X POST -o /dev/null -w '%header{location}' "http://$REGISTRY/v2/$1/blobs/uploads/")
    curl -fsS -X PUT --data-binary "@$dir/$blob" -H 'Content-Type: application/octet-stream' \
      "$where&digest=sha256:$(sha256sum <"$dir/$blob" | cut -d' ' -f1)"
  done
  printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' application/vnd.oci.image.manifest.v1+json \
    "$(described application/vnd.oci.image.config.v1+json "$dir/config" null)" \
    "$(described application/vnd.dev.cosign.simplesigning.v1+json "$dir/claim" \
      "{\"dev.cosignproject.cosign/signature\": \"$(cat "$dir/sig")\"}")" >"$dir/manifest"
  curl -fsS -X PUT --data-binary "@$dir/manifest" -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
    "http://$REGISTRY/v2/$1/manifests/$2"
}
described() {
  jq -n --arg type "$1" --arg digest "sha256:$(sha256sum <"$2" | cut -d' ' -f1)" --argjson size "$(wc -c <"$2")" \
    "{mediaType: \$type, digest: \$digest, size: \$size, annotations: $3}"
}

@test "an image that push signs is pulled where the policy demands its key, and by skopeo; an unsigned one is not" {
  good
  ctr push -q "$REGISTRY/src/plain:1" "$REGISTRY/img:1"
  refused 'A signature was required, but no signature exists'
  sign_good
  run -0 ctr pull -q "$REGISTRY/img:1"
  skopeo --policy "$file_dir/policy.json" --registries.d "$XDG_CONFIG_HOME/containers/registries.d" \
    copy -q --src-tls-verify=false "docker://$REGISTRY/img:1" "dir:$file_dir/copy"
  # The digest of the same image is good, another tag is not.
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/img:1")
  run -0 ctr pull -q "$REGISTRY/img@$digest"
  ctr push -q "$REGISTRY/src/plain:1" "$REGISTRY/img:2"
  refused "Signature for identity $REGISTRY/img:1 is not accepted" img:2
  good '{"type": "matchRepository"}'
  run -0 ctr pull -q "$REGISTRY/img:2"
  ctr rmi "$REGISTRY/img:2" >/dev/null
}

@test "another key, an expired or revoked one, another image's signature and a damaged one are refused" {
  sign_good
  demand signedBy "\"keyPath\": \"$file_dir/other.gpg\""
  run -125 ctr pull -q "$REGISTRY/img:1"
  assert_match ': Signature by key [0-9A-F]{16} is not accepted$'
  demand signedBy "\"keyPaths\": [\"$file_dir/other.gpg\", \"$file_dir/good.asc\"]"
  run -0 ctr pull -q "$REGISTRY/img:1"
  ctr rmi "$REGISTRY/img:1" >/dev/null
  signature=$(signature_file)
  cp "$signature" "$file_dir/kept"
  good
  printf 'no signature at all' >"$signature"
  refused 'Invalid GPG signature: it is not one signed document'
  head -c 60 "$file_dir/kept" >"$signature"
  refused 'Invalid GPG signature: it is not one signed document'
  push_image other:1 '{"layers": [{"entries": [{"path": "b", "type": "file", "content": "y"}]}]}' >/dev/null
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/other:1")
  skopeo standalone-sign -o "$signature" <(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/other:1") \
    "$REGISTRY/img:1" "$(key_of good@test)" >/dev/null
  refused "Signature for docker digest $digest does not match"
  # One good signature among bad ones is enough.
  cp "$file_dir/kept" "${signature%1}2"
  run -0 ctr pull -q "$REGISTRY/img:1"
}

@test "a key that has expired or is revoked signs nothing any more" {
  gpg --export expired@test revoked@test >"$file_dir/old.gpg"
  ctr push -q "$REGISTRY/src/plain:1" "$REGISTRY/img:1"
  skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/img:1" >"$file_dir/manifest"
  sign_good
  signature=$(signature_file)
  gpg -q --yes --output "$file_dir/claim" --decrypt "$signature" 2>/dev/null
  demand signedBy "\"keyPath\": \"$file_dir/old.gpg\""
  gpg -q --batch --yes -u expired@test --faked-system-time 20200110T000000 -o "$signature" --sign "$file_dir/claim"
  run -125 ctr pull -q "$REGISTRY/img:1"
  assert_match 'Invalid GPG signature: key [0-9A-F]{16} has expired$'
  gpg -q --batch --yes -u revoked@test -o "$signature" --sign "$file_dir/claim"
  run -0 ctr pull -q "$REGISTRY/img:1"
  ctr rmi "$REGISTRY/img:1" >/dev/null
  gpg -q --batch --import "$file_dir/revocation" 2>/dev/null
  gpg --export revoked@test >"$file_dir/old.gpg"
  run -125 ctr pull -q "$REGISTRY/img:1"
  assert_match 'Invalid GPG signature: key [0-9A-F]{16} is revoked$'
}

@test "what skopeo signs is good, from a lookaside that is a directory or a server" {
  good
  skopeo --registries.d "$XDG_CONFIG_HOME/containers/registries.d" copy -q --src-tls-verify=false \
    --dest-tls-verify=false --sign-by "$(key_of good@test)" "docker://$REGISTRY/src/plain:1" "docker://$REGISTRY/sk:1"
  run -0 ctr pull -q "$REGISTRY/sk:1"
  ctr rmi "$REGISTRY/sk:1" >/dev/null
  python3 -u -m http.server -b 127.0.0.1 -d "$file_dir/lookaside" 0 >"$file_dir/server" 2>&1 3>&- &
  server=$!
  wait_for grep -q port "$file_dir/server"
  port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$file_dir/server")
  places "  lookaside: http://127.0.0.1:$port"
  run -0 ctr pull -q "$REGISTRY/sk:1"
  run -125 ctr push -q --sign-by "$(key_of good@test)" "$REGISTRY/src/plain:1" "$REGISTRY/img:9"
  assert_contains "signatures cannot be written to 'http://127.0.0.1:$port'"
  kill "$server"
  wait "$server" || true
  places "  lookaside: file://$file_dir/lookaside"
}

@test "of a manifest list the image that is chosen has to be signed, and manifest push signs both" {
  good
  ctr manifest create "$REGISTRY/list:1" "$REGISTRY/src/plain:1" >/dev/null
  ctr manifest push -q "$REGISTRY/list:1" "$REGISTRY/list:1"
  run -125 ctr pull -q "$REGISTRY/list:1"
  assert_contains 'A signature was required, but no signature exists'
  ctr manifest push -q --sign-by "$(key_of good@test)" "$REGISTRY/list:1" "$REGISTRY/list:1"
  [ "$(find "$file_dir/lookaside" -path '*/list@*/signature-1' | wc -l)" = 2 ]
  ctr manifest rm "$REGISTRY/list:1" >/dev/null
  run -0 ctr pull -q "$REGISTRY/list:1"
  ctr rmi "$REGISTRY/list:1" >/dev/null
}

@test "signatures of sigstore lie beside the image, as cosign makes them and looks for them" {
  kind=sigstoreSigned
  demand sigstoreSigned "\"keyPath\": \"$file_dir/cosign.pub\""
  run -125 ctr push -q --sign-by-sigstore-private-key "$file_dir/cosign.key" --sign-passphrase-file \
    "$file_dir/passphrase" "$REGISTRY/src/plain:1" "$REGISTRY/img:1"
  assert_contains 'Error: writing sigstore attachments is disabled by configuration'
  places '  use-sigstore-attachments: true'
  ctr push -q "$REGISTRY/src/plain:1" "$REGISTRY/img:1"
  refused 'A signature was required, but no signature exists'
  run -125 ctr push -q --sign-by-sigstore-private-key "$file_dir/cosign.key" "$REGISTRY/src/plain:1" "$REGISTRY/img:1"
  assert_contains "sign with '$file_dir/cosign.key': the passphrase is not the key's"
  ctr push -q --sign-by-sigstore-private-key "$file_dir/cosign.key" --sign-passphrase-file "$file_dir/passphrase" \
    "$REGISTRY/src/plain:1" "$REGISTRY/img:1"
  run -0 ctr pull -q "$REGISTRY/img:1"
  ctr rmi "$REGISTRY/img:1" >/dev/null
  # What lies there is what cosign looks for: OpenSSL agrees with the signature of the document.
  tag=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/img:1" | tr : -).sig
  curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/img/manifests/$tag" \
    >"$file_dir/attached"
  curl -fsS "http://$REGISTRY/v2/img/blobs/$(jq -r '.layers[0].digest' "$file_dir/attached")" >"$file_dir/claim"
  jq -r '.layers[0].annotations["dev.cosignproject.cosign/signature"]' "$file_dir/attached" | base64 -d >"$file_dir/sig"
  openssl dgst -sha256 -verify "$file_dir/cosign.pub" -signature "$file_dir/sig" "$file_dir/claim"
  # cosign names the repository alone, which the policy has to allow.
  ctr push -q "$REGISTRY/src/plain:1" "$REGISTRY/co:1"
  cosign_sign co "$tag"
  refused "Signature for identity $REGISTRY/co is not accepted" co:1
  demand sigstoreSigned "\"keyPath\": \"$file_dir/ec.pub\"" '{"type": "matchRepository"}'
  run -0 ctr pull -q "$REGISTRY/co:1"
  ctr rmi "$REGISTRY/co:1" >/dev/null
  # The same key, named by a file of parameters.
  demand sigstoreSigned "\"keyPath\": \"$file_dir/cosign.pub\""
  printf 'privateKeyFile: %s\nprivateKeyPassphraseFile: %s\n' "$file_dir/cosign.key" "$file_dir/passphrase" \
    >"$file_dir/params.yaml"
  ctr push -q --sign-by-sigstore "$file_dir/params.yaml" "$REGISTRY/src/plain:1" "$REGISTRY/params:1"
  run -0 ctr pull -q "$REGISTRY/params:1"
  ctr rmi "$REGISTRY/params:1" >/dev/null
  echo 'rekorURL: x' >>"$file_dir/params.yaml"
  run -125 ctr push -q --sign-by-sigstore "$file_dir/params.yaml" "$REGISTRY/src/plain:1" "$REGISTRY/params:1"
  assert_contains "'rekorURL' is not supported"
  # A plain key of another kind; the signature is one more beside the first.
  openssl genpkey -algorithm ed25519 -out "$file_dir/ed.pem" 2>/dev/null
  openssl pkey -in "$file_dir/ed.pem" -pubout -out "$file_dir/ed.pub"
  demand sigstoreSigned "\"keyPath\": \"$file_dir/ed.pub\""
  refused 'cryptographic signature verification failed'
  ctr push -q --sign-by-sigstore-private-key "$file_dir/ed.pem" "$REGISTRY/src/plain:1" "$REGISTRY/img:1"
  run -0 ctr pull -q "$REGISTRY/img:1"
  ctr rmi "$REGISTRY/img:1" >/dev/null
  demand sigstoreSigned '"fulcio": {}'
  refused "it demands 'fulcio', which ctr cannot check"
  places "  lookaside: file://$file_dir/lookaside"
}

@test "a key that cannot sign leaves the registry as it was" {
  run -125 ctr push -q --sign-by nobody@test "$REGISTRY/src/plain:1" "$REGISTRY/unsigned:1"
  assert_contains "there is no secret key 'nobody@test'"
  run ! skopeo inspect --tls-verify=false "docker://$REGISTRY/unsigned:1"
  run -125 ctr push -q --sign-by good@test "$REGISTRY/src/plain:1" "dir:$file_dir/out"
  assert_contains "Can not copy signatures to dir:$file_dir/out"
}

@test "a directory brings its signatures, an archive has none, and each is judged as what it is" {
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/src/plain:1" "dir:$file_dir/dir"
  skopeo standalone-sign -o "$file_dir/dir/signature-1" "$file_dir/dir/manifest.json" x.io/y:1 \
    "$(key_of good@test)" >/dev/null
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/src/plain:1" "docker-archive:$file_dir/d.tar:x.io/d:1"
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/src/plain:1" "oci-archive:$file_dir/o.tar:x.io/o:1"
  signed=$(printf '[{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "%s", "signedIdentity":
    {"type": "exactReference", "dockerReference": "x.io/y:1"}}]' "$file_dir/good.asc")
  printf '{"default": [{"type": "reject"}], "transports": {"dir": {"": %s}, "oci-archive": {"": %s},
    "docker-archive": {"": [{"type": "insecureAcceptAnything"}]}}}' "$signed" "$signed" \
    >"$XDG_CONFIG_HOME/containers/policy.json"
  run -0 ctr pull -q "dir:$file_dir/dir"
  # Only what the archive turns out to be is asked for.
  run -0 ctr load -q -i "$file_dir/d.tar"
  run -125 ctr load -q -i "$file_dir/o.tar"
  assert_contains 'A signature was required, but no signature exists'
  ctr rmi -f x.io/d:1 >/dev/null
}

@test "image sign adds signatures of what the registry has to a directory" {
  mkdir -p "$file_dir/signed"
  places "  lookaside: file://$file_dir/signed"
  good
  ctr push -q "$REGISTRY/src/plain:1" "$REGISTRY/later:1"
  ctr tag "$REGISTRY/src/plain:1" "$REGISTRY/later:1"
  run -125 ctr image sign --sign-by "$(key_of good@test)" "$REGISTRY/nosuch:1"
  assert_contains 'image not known'
  run -125 ctr image sign "$REGISTRY/later:1"
  assert_contains 'no identity provided'
  run -0 ctr image sign --sign-by "$(key_of other@test)" --directory "$file_dir/signed" "docker://$REGISTRY/later:1"
  assert_output ''
  ctr rmi "$REGISTRY/later:1" >/dev/null
  run -125 ctr pull -q "$REGISTRY/later:1"
  ctr tag "$REGISTRY/src/plain:1" "$REGISTRY/later:1"
  # Where registries.d says, behind the other one: one that is good is enough.
  ctr image sign --sign-by "$(key_of good@test)" "$REGISTRY/later:1"
  ctr rmi "$REGISTRY/later:1" >/dev/null
  [ "$(find "$file_dir/signed" -name 'signature-*' | wc -l)" = 2 ]
  run -0 ctr pull -q "$REGISTRY/later:1"
  ctr rmi "$REGISTRY/later:1" >/dev/null
  skopeo --policy "$file_dir/policy.json" --registries.d "$XDG_CONFIG_HOME/containers/registries.d" copy -q \
    --src-tls-verify=false "docker://$REGISTRY/later:1" "dir:$file_dir/later"
}
