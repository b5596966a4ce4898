#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# push --encryption-key, pull and run --decryption-key; skopeo is the other side.

load helpers

setup_file() {
  start_test_file && start_registry
  push_image plain:1 '{"layers": [{"busybox": true}, {"entries": [{"path": "data/secret", "content": "for few"}]}], "config": {"Cmd": ["sh"]}}' \
    >/dev/null
  ctr pull -q "$REGISTRY/plain:1" >/dev/null
  cd "$file_dir" || return 1
  openssl genrsa -out key.pem 2048 2>/dev/null && openssl rsa -in key.pem -pubout -out public.pem 2>/dev/null
  openssl genrsa -out other.pem 2048 2>/dev/null && openssl rsa -in other.pem -pubout -out other-public.pem 2>/dev/null
  openssl rsa -aes256 -in key.pem -passout pass:words -out locked.pem 2>/dev/null
  openssl req -new -x509 -key key.pem -subj /CN=me -out certificate.pem 2>/dev/null
  openssl ecparam -genkey -name prime256v1 -noout -out curve.pem && openssl ec -in curve.pem -pubout -out curve-public.pem
  echo words >passphrase
} 2>/dev/null
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

raw() { skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/$1"; }
copy() { skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "$@"; }
push() { run ctr push -q --tls-verify=false "${@:2}" "$REGISTRY/plain:1" "$REGISTRY/$1"; }
types() { raw "$1" | jq -r '[.layers[].mediaType | endswith("+encrypted")] | join(" ")'; }
# A store that has never seen the image.
elsewhere() { run ctr --root "$file_dir/else" "$@"; }

@test "what ctr encrypts skopeo opens, and the layers are those of before" {
  push secret:1 --encryption-key jwe:"$file_dir/public.pem"
  assert_status 0
  [ "$(types secret:1)" = 'true true' ]
  raw secret:1 | jq -e '.layers[].annotations | has("org.opencontainers.image.enc.keys.jwe")' >/dev/null
  mkdir "$file_dir/copy"
  copy --decryption-key "$file_dir/key.pem" "docker://$REGISTRY/secret:1" "oci:$file_dir/copy:x"
  manifest=$(jq -r '.manifests[0].digest' "$file_dir/copy/index.json")
  [ "$(jq -c '[.layers[].digest]' "$file_dir/copy/blobs/sha256/${manifest#sha256:}")" = \
    "$(raw plain:1 | jq -c '[.layers[].digest]')" ]
  run copy --decryption-key "$file_dir/other.pem" "docker://$REGISTRY/secret:1" "oci:$file_dir/copy:y"
  assert_status 1
}

@test "what skopeo encrypts ctr opens, also with a key that has a passphrase" {
  copy --encryption-key jwe:"$file_dir/public.pem" "docker://$REGISTRY/plain:1" "docker://$REGISTRY/secret:2"
  [ "$(types secret:2)" = 'true true' ]
  elsewhere pull -q --tls-verify=false --decryption-key "$file_dir/locked.pem:pass=words" "$REGISTRY/secret:2"
  assert_status 0
  assert_output "$(ctr images -q --no-trunc "$REGISTRY/plain:1" | cut -d: -f2)"
  elsewhere run --rm --network none --pull never "$REGISTRY/secret:2" cat /data/secret
  assert_output 'for few'
  elsewhere system check
  assert_status 0
  elsewhere rmi -af
  elsewhere pull -q --tls-verify=false --decryption-key "$file_dir/locked.pem:$file_dir/passphrase" "$REGISTRY/secret:2"
  assert_status 0
  elsewhere rmi -af
}

@test "without its key an encrypted image stays closed" {
  push secret:3 --encryption-key jwe:"$file_dir/certificate.pem" --encryption-key jwe:"$file_dir/other-public.pem"
  assert_status 0
  elsewhere pull -q --tls-verify=false "$REGISTRY/secret:3"
  assert_status 125
  assert_contains 'is encrypted'
  assert_contains '--decryption-key'
  openssl genrsa -out "$file_dir/third.pem" 2048 2>/dev/null
  elsewhere pull -q --tls-verify=false --decryption-key "$file_dir/third.pem" "$REGISTRY/secret:3"
  assert_status 125
  assert_contains 'it is wrapped for another key'
  elsewhere pull -q --tls-verify=false --decryption-key "$file_dir/locked.pem:pass=wrong" "$REGISTRY/secret:3"
  assert_status 125
  assert_contains 'its passphrase is missing or wrong'
  # Each of the two opens it.
  elsewhere run --rm --network none --tls-verify=false -q --decryption-key "$file_dir/other.pem" "$REGISTRY/secret:3" \
    cat /data/secret
  assert_output 'for few'
  elsewhere rmi -af
}

@test "single layers are encrypted by their places" {
  push secret:4 --encryption-key jwe:"$file_dir/public.pem" --encrypt-layer -1
  assert_status 0
  [ "$(types secret:4)" = 'false true' ]
  elsewhere pull -q --tls-verify=false --decryption-key "$file_dir/key.pem" "$REGISTRY/secret:4"
  assert_status 0
  elsewhere rmi -af
  push secret:5 --encryption-key jwe:"$file_dir/public.pem" --encrypt-layer 2
  assert_status 125
  assert_contains '--encrypt-layer 2: the image has 2 layers'
}

@test "what cannot be encrypted for is refused by name" {
  push secret:6 --encrypt-layer 0
  assert_output 'Error: --encrypt-layer can only be used with --encryption-key'
  push secret:6 --encryption-key pgp:me@example.com
  assert_contains "keys of 'pgp' are not supported"
  push secret:6 --encryption-key jwe:"$file_dir/curve-public.pem"
  assert_contains 'it is no key of RSA'
  push secret:6 --format v2s2 --encryption-key jwe:"$file_dir/public.pem"
  assert_contains 'format v2s2 has no encrypted layers'
  run -1 raw secret:6
}
