#!/usr/bin/env bats
# save and load: archives of ctr, skopeo and docker, and archives that mean harm.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
# shellcheck disable=SC2030,SC2031 # each test has its own output
load helpers

TWO_LAYERS='{"layers": [{"busybox": true}, {"entries": [{"path": "etc/greeting", "content": "hello\n"}]}],
             "config": {"Cmd": ["cat", "/etc/greeting"], "Env": ["PATH=/bin"]}}'

setup_file() {
  start_test_file && start_registry
  IMAGE=$REGISTRY/test/greeter:1
  export IMAGE
  push_image test/greeter:1 "$TWO_LAYERS" >/dev/null
}
teardown_file() {
  # podman keeps its user namespace alive by a process.
  local pause=$XDG_RUNTIME_DIR/libpod/tmp/pause.pid
  if [ -f "$pause" ]; then kill "$(cat "$pause")"; fi
  end_test_file
}
setup() {
  work=$file_dir/work
  rm -rf "$work" && mkdir "$work" && cd "$work" || return 1
  ctr image exists "$IMAGE" || ctr pull -q "$IMAGE" >/dev/null
  id=$(ctr images -q --no-trunc "$IMAGE")
  id=${id#sha256:}
}
teardown() {
  assert_nothing_left
  # Nothing of a failed save or load: no passing file beside the output, no partial blob.
  run find "$work" "$XDG_DATA_HOME/ctr/images/.partial" -name '.*' -not -name .partial
  assert_output ''
}

empty_store() { ctr rmi -a -f >/dev/null; }
make_archive() { "$cli_dir/make-archive" "$@"; }

@test "an image that is saved and loaded is the same image under the same name" {
  run -0 --separate-stderr ctr save -o image.tar "$IMAGE"
  assert_output ''
  [[ $stderr == *"Copying config sha256:$id"*'Writing manifest to image destination'* ]] || fail "stderr: $stderr"
  empty_store
  run -0 --separate-stderr ctr load -i image.tar
  assert_output "Loaded image: $IMAGE"
  [[ $stderr == *'Copying blob sha256:'* ]] || fail "stderr: $stderr"
  [ "$(ctr images -q --no-trunc "$IMAGE")" = "sha256:$id" ]
  run -0 ctr run --rm --network none "$IMAGE"
  assert_output 'hello'
  run -0 ctr images --format '{{.Repository}} {{.Digest}}' --filter "reference=$IMAGE"
  assert_match "^$REGISTRY/test/greeter sha256:[0-9a-f]{64}$"
}

@test "every format keeps the image, also through a pipe and compressed" {
  for format in docker-archive oci-archive oci-dir docker-dir; do
    ctr save -q --format "$format" -o "$format" "$IMAGE"
    empty_store
    run -0 ctr load -q -i "$format"
    case $format in
      docker-dir) assert_output "Loaded image: sha256:$id" ;;
      *) assert_output "Loaded image: $IMAGE" ;;
    esac
    ctr image exists "$id"
    ctr tag "$id" "$IMAGE"
  done
  for format in docker-archive oci-archive; do
    ctr save --format "$format" "$IMAGE" 2>/dev/null >stream.tar
    cmp stream.tar "$format"
    empty_store
    run -0 ctr load -q <stream.tar
    assert_output "Loaded image: $IMAGE"
    gzip -k stream.tar
    zstd -q stream.tar
    for file in stream.tar.gz stream.tar.zst; do
      empty_store
      run -0 bash -c "cat $file | ctr load -q"
      assert_output "Loaded image: $IMAGE"
      run -0 ctr load -q --input "$file"
      assert_output "Loaded image: $IMAGE"
    done
    rm stream.tar*
  done
}

@test "saving the same image twice gives the same bytes" {
  ctr save -q -o 1.tar "$IMAGE"
  ctr save -q -o 2.tar "$IMAGE"
  cmp 1.tar 2.tar
  ctr save -q --format oci-archive -o 3.tar "$IMAGE"
  ctr save -q --format oci-archive -o 4.tar "$IMAGE"
  cmp 3.tar 4.tar
  # An archive that is there is replaced.
  ctr save -q --format oci-archive -o 1.tar "$IMAGE"
  cmp 1.tar 3.tar
}

@test "an OCI archive holds the layers as they were pulled, and uncompressed when asked" {
  ctr save -q --format oci-archive -o image.tar "$IMAGE"
  digest=$(ctr image inspect --format '{{.Digest}}' "$IMAGE")
  tar -xf image.tar index.json
  [ "$(jq -r '.manifests[0].digest' index.json)" = "$digest" ]
  [ "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' index.json)" = "$IMAGE" ]
  ctr save -q --format oci-archive --uncompressed -o plain.tar "$IMAGE"
  run -0 skopeo inspect --raw "oci-archive:plain.tar:$IMAGE"
  [ "$(jq -r '.layers[].mediaType' <<<"$output" | sort -u)" = application/vnd.oci.image.layer.v1.tar ]
  [ "$(jq -r '.layers[].digest' <<<"$output")" = "$(ctr image inspect --format '{{join .RootFS.Layers "\n"}}' "$IMAGE")" ]
  empty_store
  run -0 ctr load -q -i plain.tar
  assert_output "Loaded image: $IMAGE"
  run -0 ctr run --rm --network none "$IMAGE"
  assert_output 'hello'
}

@test "skopeo reads what ctr saves, and ctr loads what skopeo writes" {
  empty_store
  ctr pull -q "$IMAGE" >/dev/null
  ctr save -q -o docker.tar "$IMAGE"
  ctr save -q --format oci-archive -o oci.tar "$IMAGE"
  ctr save -q --format oci-dir -o oci "$IMAGE"
  ctr save -q --compress --format docker-dir -o dir "$IMAGE"
  # Every form of ctr's is read, and every form of skopeo's is written at least once.
  number=0
  while read -r source target; do
    number=$((number + 1))
    skopeo copy -q --insecure-policy "$source" "$target:out$number" || fail "skopeo copy $source $target"
    empty_store
    run -0 ctr load -q -i "out$number"
    assert_match "^Loaded image: sha256:[0-9a-f]{64}$"
    run -0 ctr run --rm --network none "${output#Loaded image: sha256:}"
    assert_output 'hello'
  done <<PAIRS
docker-archive:docker.tar docker-archive
docker-archive:docker.tar:$IMAGE oci
oci-archive:oci.tar:$IMAGE oci-archive
oci-archive:oci.tar:$IMAGE docker-archive
oci:oci:$IMAGE dir
dir:dir docker-archive
PAIRS
  skopeo copy -q --insecure-policy docker-archive:docker.tar docker-archive:named.tar:quay.io/team/other:7
  run -0 ctr load -q -i named.tar
  assert_output 'Loaded image: quay.io/team/other:7'
  skopeo copy -q --insecure-policy docker-archive:docker.tar oci-archive:short.tar:7
  run -0 ctr load -q -i short.tar
  assert_output 'Loaded image: localhost/7:latest'
}

# podman with a store of its own, below the file's directory.
pod() {
  CONTAINERS_CONF=$file_dir/podman/containers.conf podman --root "$file_dir/podman/storage" \
    --runroot "$XDG_RUNTIME_DIR/podman" --tmpdir "$XDG_RUNTIME_DIR/libpod/tmp" --storage-driver vfs "$@"
}

@test "podman loads what ctr saves, and ctr loads what podman saves" {
  mkdir -p "$file_dir/podman"
  printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' >"$file_dir/podman/containers.conf"
  ctr save -q -o docker.tar "$IMAGE"
  ctr save -q --format oci-archive "$IMAGE" >oci.tar
  for archive in docker.tar oci.tar; do
    pod rmi -a -f >/dev/null
    run -0 pod load -q -i "$archive"
    assert_output "Loaded image: $IMAGE"
  done
  [ "$(pod image inspect --format '{{.Id}}' "$IMAGE")" = "$id" ]
  for format in docker-archive oci-archive oci-dir docker-dir; do
    pod save -q --format "$format" -o "by-$format" "$IMAGE"
    empty_store
    run -0 ctr load -q -i "by-$format"
    loaded=${output#Loaded image: }
    case $format in
      docker-dir) assert_match '^Loaded image: sha256:[0-9a-f]{64}$' ;;
      *) assert_output "Loaded image: $IMAGE" ;;
    esac
    run -0 ctr run --rm --network none "${loaded#sha256:}"
    assert_output 'hello'
  done
  pod tag "$IMAGE" localhost/second:2
  pod save -q -m "$IMAGE" localhost/second:2 >both.tar
  empty_store
  run -0 ctr load -q <both.tar
  assert_line "Loaded image: $IMAGE"
  assert_line 'Loaded image: localhost/second:2'
}

@test "a terminal gets no archive and is not read as one" {
  run -125 "$cli_dir/on-terminal" -- "$CTR" save -q "$IMAGE"
  assert_output 'Error: refusing to save to terminal. Use -o flag or redirect'
  run -125 "$cli_dir/on-terminal" -- "$CTR" load -q
  assert_output 'Error: cannot read from terminal, use command-line redirection or the --input flag'
}

@test "archives of docker are loaded: the old layout and the new one" {
  recipe='{"layers": [{"busybox": true}, {"entries": [{"path": "a", "content": "x"}]}, {"entries": [{"path": "a", "content": "y"}]},
                      {"entries": [{"path": "a", "content": "x"}]}]}'
  make_archive legacy "$recipe" old.tar greeter:old greeter:older
  run -0 ctr load -q -i old.tar
  assert_line 'Loaded image: docker.io/library/greeter:old'
  assert_line 'Loaded image: docker.io/library/greeter:older'
  run -0 ctr run --rm --network none greeter:old cat /a
  assert_output 'x'
  make_archive docker25 "$recipe" new.tar greeter:new
  run -0 ctr load -q -i new.tar
  assert_output 'Loaded image: docker.io/library/greeter:new'
  [ "$(ctr images -q greeter:new)" = "$(ctr images -q greeter:old)" ]
  make_archive legacy "$recipe" unnamed.tar
  run -0 ctr load -q -i unnamed.tar
  assert_match '^Loaded image: sha256:[0-9a-f]{64}$'
}

@test "several images go into one archive" {
  push_image test/second:1 '{"layers": [{"busybox": true}, {"entries": [{"path": "second", "content": "2"}]}]}' >/dev/null
  ctr pull -q "$REGISTRY/test/second:1" >/dev/null
  ctr tag "$IMAGE" localhost/alias:1
  ctr save -q -m -o all.tar "$IMAGE" "$REGISTRY/test/second:1" localhost/alias:1
  tar -xf all.tar manifest.json
  [ "$(jq length manifest.json)" = 2 ]
  [ "$(jq -c '.[0].RepoTags' manifest.json)" = "[\"$IMAGE\",\"localhost/alias:1\"]" ]
  # The layer they share is there once.
  [ "$(tar -tf all.tar | grep -c '\.tar$')" = 3 ]
  ctr save -q -m --format oci-archive -o all.oci "$IMAGE" "$REGISTRY/test/second:1"
  for archive in all.tar all.oci; do
    empty_store
    run -0 ctr load -q -i "$archive"
    assert_line "Loaded image: $IMAGE"
    assert_line "Loaded image: $REGISTRY/test/second:1"
  done
  # Without -m the other words are names for the one image.
  ctr save -q -o one.tar "$IMAGE" more:2 quay.io/x/y
  [ "$(tar -xOf one.tar manifest.json | jq -c '[.[].RepoTags]')" = "[[\"$IMAGE\",\"localhost/more:2\",\"quay.io/x/y:latest\"]]" ]
  # By id the archive has no name.
  ctr save -q -o id.tar "$id"
  [ "$(tar -xOf id.tar manifest.json | jq -c '.[0].RepoTags')" = '[]' ]
}

@test "a tag moves to what the archive names, and to nothing else" {
  ctr save -q -o image.tar "$IMAGE"
  ctr save -q -o unnamed.tar "$id"
  empty_store
  push_image test/greeter:2 '{"layers": [{"busybox": true}]}' >/dev/null
  ctr pull -q "$REGISTRY/test/greeter:2" >/dev/null
  ctr tag "$REGISTRY/test/greeter:2" "$IMAGE"
  ctr load -q -i unnamed.tar
  [ "$(ctr images -q "$IMAGE")" = "$(ctr images -q "$REGISTRY/test/greeter:2")" ]
  ctr load -q -i image.tar
  [ "$(ctr images -q --no-trunc "$IMAGE")" = "sha256:$id" ]
}

@test "wrong words are refused, and nothing is left of them" {
  run -125 ctr save -o x.tar nosuch
  assert_output 'Error: nosuch: image not known'
  run -125 ctr save --format bogus -o x.tar "$IMAGE"
  assert_output 'Error: format value must be one of oci-dir oci-archive docker-dir docker-archive'
  run -125 ctr save --compress -o x.tar "$IMAGE"
  assert_output "Error: --compress can only be set when --format is 'docker-dir'"
  push_image test/flat:1 '{"compress": "none", "layers": [{"entries": [{"path": "a", "content": "x"}]}]}' >/dev/null
  ctr pull -q "$REGISTRY/test/flat:1" >/dev/null
  run -125 ctr save -q --compress --format docker-dir -o x "$REGISTRY/test/flat:1"
  assert_contains 'is stored uncompressed'
  run -125 ctr push -q --compress "$REGISTRY/test/flat:1" dir:x
  assert_contains 'is stored uncompressed'
  ctr rmi "$REGISTRY/test/flat:1" >/dev/null
  run -125 ctr save -q -m --format docker-dir -o x "$IMAGE" "$id"
  assert_output 'Error: unsupported format "docker-dir" for saving multiple images'
  run -125 ctr save --format oci-dir "$IMAGE"
  assert_contains 'needs a directory'
  run -125 ctr save -q -o no/such/dir/x.tar "$IMAGE"
  assert_contains 'No such file or directory'
  mkdir -p full/of
  run -125 ctr save -q --format oci-dir -o full "$IMAGE"
  assert_contains 'is a directory that is not empty'
  run -125 ctr load -i nosuch.tar
  assert_contains "open 'nosuch.tar': No such file or directory"
  run -125 ctr load words
  assert_contains 'ctr load'
  [ "$(find . -type f)" = '' ]
}

@test "a full disk and a reader that goes away are errors in one line" {
  run -125 ctr save -q -o /dev/full "$IMAGE"
  assert_match "^Error: save to '/dev/full': .*No space left on device"
  run -0 bash -c "ctr save -q $IMAGE 2>err | head -c 1000 >part; echo \${PIPESTATUS[0]}"
  assert_output 125
  [ "$(cat err)" = 'Error: save to standard output: write the archive: Broken pipe' ] || fail "$(cat err)"
  run -125 bash -c "ctr save -q --format oci-archive $IMAGE >&-"
  assert_contains 'Error: save to standard output: '
}

@test "what is no archive of images is named as such" {
  : >empty
  echo 'no tar' >text
  head -c 100000 /dev/urandom >random
  make_archive entries '[{"path": "file", "content": "x"}]' other.tar
  tar -cJf foreign.tar.xz text
  for file in empty text random; do
    run -125 ctr load -i "$file"
    assert_match "^Error: load '$file': it is no tar archive"
    run -125 bash -c "ctr load <$file"
    assert_match "^Error: load from standard input: it is no tar archive"
  done
  run -125 ctr load -i other.tar
  assert_contains 'it has no index.json and no manifest.json'
  run -125 ctr load -i foreign.tar.xz
  assert_contains 'it is compressed with xz'
  ctr save -q -o whole.tar "$IMAGE"
  truncate -s 300000 whole.tar
  run -125 ctr load -i whole.tar
  assert_match "^Error: load 'whole.tar': "
}

# Each archive is refused with one line, and no file outside of the store is touched.
refuses() {
  local words=$1
  run -125 ctr load -i "$2"
  [ "$(wc -l <<<"$output")" -le 2 ] || fail "$output"
  assert_match "^Error: load '$2': "
  assert_contains "$words"
}

@test "an archive with paths or links that lead outside is refused" {
  local manifest='{"path": "manifest.json", "content": "[{\"Config\": \"c\", \"RepoTags\": [], \"Layers\": []}]"}'
  make_archive entries "[{\"path\": \"../escape\", \"content\": \"x\"}, $manifest]" dots.tar
  refuses "has '..' in its path" dots.tar
  make_archive entries "[{\"path\": \"a/../../escape\", \"content\": \"x\"}, $manifest]" inner.tar
  refuses "has '..' in its path" inner.tar
  make_archive entries "[{\"path\": \"/etc/escape\", \"content\": \"x\"}, $manifest]" absolute.tar
  refuses 'has an absolute path' absolute.tar
  make_archive entries "[{\"path\": \"c\", \"type\": \"symlink\", \"link\": \"/etc/passwd\"}, $manifest]" link.tar
  refuses 'has an absolute path' link.tar
  make_archive entries "[{\"path\": \"c\", \"type\": \"symlink\", \"link\": \"../../etc/passwd\"}, $manifest]" link2.tar
  refuses "leads out of it with '..'" link2.tar
  make_archive entries "[{\"path\": \"c\", \"type\": \"hardlink\", \"link\": \"/etc/passwd\"}, $manifest]" hard.tar
  refuses 'has an absolute path' hard.tar
  make_archive entries "[{\"path\": \"c\", \"type\": \"symlink\", \"link\": \"d\"}, {\"path\": \"d\", \"type\": \"symlink\", \"link\": \"c\"}, $manifest]" circle.tar
  refuses 'link in a circle' circle.tar
  make_archive entries "[{\"path\": \"c\", \"type\": \"char\", \"major\": 1, \"minor\": 3}, $manifest]" device.tar
  refuses 'is neither a file, a directory nor a link' device.tar
  make_archive entries "[$manifest, $manifest]" twice.tar
  refuses 'is there twice' twice.tar
}

@test "documents of an archive that are wrong or huge are refused" {
  make_archive entries '[{"path": "manifest.json", "content": "[{\"Config\": \"nosuch\", \"RepoTags\": null, \"Layers\": []}]"}]' config.tar
  refuses "there is no file 'nosuch'" config.tar
  make_archive entries '[{"path": "manifest.json", "content": "[[[["}]' json.tar
  refuses 'manifest.json' json.tar
  make_archive entries '[{"path": "manifest.json", "content": "[]"}]' none.tar
  refuses 'it holds no image' none.tar
  make_archive entries '[{"path": "manifest.json", "content": "{\"Config\": 3}"}]' object.tar
  refuses 'manifest.json' object.tar
  make_archive entries '[{"path": "manifest.json", "size": 5000000}]' huge.tar
  refuses "'manifest.json' has 5000000 bytes, over the limit of 4194304" huge.tar
  make_archive entries '[{"path": "index.json", "content": "{\"schemaVersion\": 2, \"manifests\": [{\"mediaType\": \"application/vnd.oci.image.manifest.v1+json\", \"size\": 3, \"digest\": \"sha256:../../../../etc/passwd\"}]}"}]' digest.tar
  refuses 'digest' digest.tar
}

@test "a layer that is not what the configuration says is refused" {
  make_archive legacy "$TWO_LAYERS" good.tar greeter:bad
  mkdir x && tar -xf good.tar -C x
  echo more >>"$(find x -name layer.tar | head -1)"
  tar -cf bad.tar -C x .
  empty_store
  run -125 ctr load -q -i bad.tar
  assert_contains "load 'bad.tar': copying blob sha256:"
  run -0 ctr images -q
  assert_output ''
}

@test "a bomb in the archive's compression ends at the size of its files" {
  # 256 MiB of zeros in about 256 KiB: spooled to the store, listed, refused, and gone.
  head -c 268435456 /dev/zero | gzip -1 >bomb.gz
  run -125 ctr load -i bomb.gz
  assert_match "^Error: load 'bomb.gz': "
  [ "$(du -s --block-size=1M "$XDG_DATA_HOME" | cut -f 1)" -lt 100 ]
}
