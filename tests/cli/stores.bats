#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Where images and containers are kept: storage.conf, stores of others, and programs that write into the store.

load helpers

setup_file() {
  start_test_file
  pull_busybox
  other=$file_dir/other
  export other
  # The name is the other store's alone.
  ctr tag "$IMAGE" localhost/shared:1
  ctr save --format oci-dir -o "$file_dir/layout" localhost/shared:1
  ctr rmi localhost/shared:1 >/dev/null
  ctr --root "$other" pull -q "oci:$file_dir/layout" >/dev/null
  ctr --root "$other" tag "$(ctr --root "$other" images -q)" localhost/shared:1
}
teardown_file() {
  chmod -R u+w "$other/images" 2>/dev/null || true
  end_test_file
}
teardown() {
  assert_nothing_left
  rm -rf "$XDG_CONFIG_HOME/containers/storage.conf"
  ctr rmi -a -f >/dev/null 2>&1
  ctr pull -q "$IMAGE" >/dev/null
}

# storage_conf LINE...: the user's file.
storage_conf() { printf '%s\n' "$@" >"$XDG_CONFIG_HOME/containers/storage.conf"; }

# What a store is made of, with times, so that a write of any kind is seen.
state_of() { find "$1" -printf '%P %s %T@ %C@\n' | sort; }

@test "images of another store are shown as read-only and run where they lie" {
  ctr rmi -a -f >/dev/null
  storage_conf '[storage.options]' "additionalimagestores = [\"$other\"]"
  before=$(state_of "$other")
  run -0 ctr images
  assert_match 'IMAGE ID +CREATED +SIZE +R/O'
  assert_match 'localhost/shared +1 .* true'
  [ "$(ctr images --format json | jq -c '[.[].ReadOnly]')" = '[true]' ]
  [ -z "$(ctr images -q --filter readonly=false)" ]
  run -0 ctr run --name c shared:1 sh -c 'echo changed >/etc/group && stat -c %u /bin/busybox'
  assert_output 0
  [[ $(ctr inspect c --format '{{.Image}}') = $(ctr images -q --no-trunc | cut -d : -f 2) ]]
  run -0 ctr start -a c
  [ "$(ctr diff c)" != '' ]
  [ ! -e "$XDG_DATA_HOME/ctr/layers" ] || [ -z "$(ls "$XDG_DATA_HOME/ctr/layers")" ]
  [ "$(state_of "$other")" = "$before" ]
}

@test "images of another store cannot be removed or named, and are pushed and built upon" {
  ctr rmi -a -f >/dev/null
  storage_conf '[storage.options]' "additionalimagestores = [\"$other\"]"
  id=$(ctr images -q --no-trunc | cut -d : -f 2)
  for verb in 'rmi shared:1' 'rmi -f shared:1' 'tag shared:1 mine:1' 'untag shared:1'; do
    # shellcheck disable=SC2086
    run ctr $verb
    assert_contains "read-only image \"$id\": it is in the additional image store '$other'"
    [ "$status" -ne 0 ]
  done
  run -0 ctr rmi -a
  run -0 ctr image prune -a -f
  run -0 ctr image exists shared:1
  ctr push -q shared:1 "$REGISTRY/test/shared:1"
  ctr save -q -o "$file_dir/saved.tar" shared:1
  ctr run --name c shared:1 touch /made
  ctr commit -q c mine:1
  run -0 ctr run --rm mine:1 ls /made
  # What was made of it stands by itself.
  rm "$XDG_CONFIG_HOME/containers/storage.conf"
  run -0 ctr run --rm mine:1 ls /made
}

@test "a store that is read-only, gone, damaged or podman's does no harm" {
  ctr rmi -a -f >/dev/null
  mkdir -p "$file_dir/podmans/overlay-images" "$file_dir/empty" "$file_dir/damaged/images" "$file_dir/pipe"
  mkfifo "$file_dir/pipe/schema.json"
  printf '{"schema":1}' >"$file_dir/damaged/schema.json"
  printf '{"manifests":[' >"$file_dir/damaged/images/index.json"
  touch -d 2020-01-01 "$file_dir/damaged/images/index.json"
  chmod -R a-w "$other/images" "$other/layers"/*/layer.json
  storage_conf '[storage.options]' \
    "additionalimagestores = [\"$file_dir/podmans\", \"$file_dir/gone\", \"$file_dir/empty\", \"$file_dir/damaged\", \"$file_dir/pipe\",
    \"$other\"]"
  run -0 --separate-stderr ctr run --rm shared:1 echo works
  assert_output works
  output=$stderr
  assert_contains "the additional image store '$file_dir/gone' is left out"
  assert_contains "the additional image store '$file_dir/empty' is left out: it is no store of ctr's"
  assert_contains "the additional image store '$file_dir/damaged' is left out"
  assert_contains "the additional image store '$file_dir/pipe' is left out"
  refute_contains podmans
  # Of the own store nobody asks for more.
  chmod -R u+w "$other/images"
  ctr pull -q "$IMAGE" >/dev/null
  run -0 --separate-stderr ctr run --rm "$IMAGE" true
  [ -z "$stderr" ] || fail "$stderr"
}

@test "a damaged image in another store hides no other image" {
  tar -C "$file_dir/layout" -cf "$file_dir/root.tar" index.json
  id=$(ctr --root "$file_dir/broken" import -q "$file_dir/root.tar" localhost/broken:1)
  rm "$file_dir/broken/images/blobs/sha256/${id#sha256:}"
  storage_conf '[storage.options]' "additionalimagestores = [\"$file_dir/broken\"]"
  run -0 --separate-stderr ctr images -q
  [ "${#lines[@]}" = 1 ]
  [[ $stderr = *"in the additional image store '$file_dir/broken' is left out"* ]] || fail "$stderr"
}

@test "an image in a store of another user is copied when it is first used" {
  ctr rmi -a -f >/dev/null
  mkdir "$file_dir/foreign"
  cp -r "$other/images" "$other/schema.json" "$file_dir/foreign"
  # A name that both stores have stays that of the own image.
  ctr --root "$file_dir/foreign" tag shared:1 localhost/both:1
  tar -C "$file_dir/layout" -cf "$file_dir/own.tar" index.json
  own=$(ctr import -q "$file_dir/own.tar" localhost/both:1)
  # The layers belong to a subordinate id, as they would in that user's store.
  ctr unshare sh -ec "cp -a '$other/layers' '$file_dir/foreign' && chmod 755 '$file_dir/foreign/layers'/*
    chown 1 '$file_dir/foreign/layers'/*"
  storage_conf '[storage.options]' "additionalimagestores = [\"$file_dir/foreign\"]"
  run -0 --separate-stderr ctr run --rm shared:1 sh -c 'echo changed >/etc/group && echo works'
  assert_output works
  [[ $stderr = "copying the image 'localhost/shared:1' into the own store: the store '$file_dir/foreign' belongs to uid "* ]] ||
    fail "$stderr"
  run -0 --separate-stderr ctr run --rm shared:1 true
  [ -z "$stderr" ] || fail "$stderr"
  [ "$(ctr images --format '{{.ReadOnly}}' shared)" = false ]
  [ "$(ctr images -q --no-trunc both:1)" = "sha256:${own#sha256:}" ]
}

@test "images are kept apart from containers, and those of the containers' store are used as well" {
  run -0 ctr --imagestore "$file_dir/apart" images --format '{{.ReadOnly}}'
  assert_output true
  ctr --imagestore "$file_dir/apart" pull -q "oci:$file_dir/layout" >/dev/null
  id=$(ctr --imagestore "$file_dir/apart" images -q --filter readonly=false)
  ctr --imagestore "$file_dir/apart" tag "$id" apart:1
  run ! ctr image exists apart:1
  ctr rmi -a -f >/dev/null
  run -0 ctr --imagestore "$file_dir/apart" run --name c apart:1 echo works
  assert_output works
  run -0 ctr start -a c
  assert_output works
  [ -z "$(ls "$XDG_DATA_HOME/ctr/layers")" ]
  run -2 ctr --imagestore "$file_dir/apart" rmi apart:1
  ctr rm c
  ctr --imagestore "$file_dir/apart" rmi apart:1
  [ -z "$(ls "$file_dir/apart/layers")" ]
  is_empty() { [ -z "$(ls "$1")" ]; }
  wait_for is_empty "$file_dir/apart/trash"
}

@test "an image whose layers are not unpacked is unpacked when it is first used" {
  id=$(ctr images -q --no-trunc "$IMAGE" | cut -d : -f 2)
  ctr save -q --format oci-dir -o "$file_dir/plain" "$IMAGE"
  ctr rmi -f "$id" >/dev/null
  layout=$XDG_DATA_HOME/ctr/images
  # Both directions, by a program that knows nothing of ctr.
  skopeo copy -q --insecure-policy "oci:$file_dir/plain" "oci:$layout:app:2"
  run -0 ctr images --format '{{.Repository}}:{{.Tag}} {{.ID}}' --no-trunc
  assert_line "localhost/app:2 sha256:$id"
  [ -z "$(ls "$XDG_DATA_HOME/ctr/layers" 2>/dev/null)" ]
  run -0 --separate-stderr ctr run --rm app:2 echo works
  assert_output works
  run -0 skopeo inspect --format '{{.Name}}' "oci:$layout:app:2"
  ctr tag app:2 third:3
  run -0 skopeo copy -q --insecure-policy "oci:$layout:localhost/third:3" "dir:$file_dir/third"
  ctr rmi third:3 >/dev/null
  run ! skopeo inspect "oci:$layout:localhost/third:3"
  run -0 ctr system check
}

@test "what another program is writing into the store is not swept away" {
  blob=$(printf content | sha256sum | cut -d ' ' -f 1)
  file=$XDG_DATA_HOME/ctr/images/blobs/sha256/$blob
  (umask 022; printf content >"$file")
  ctr image prune -f
  [ -e "$file" ]
  touch -d '2 hours ago' "$file"
  ctr image prune -f
  [ ! -e "$file" ]
}

@test "storage.conf moves the store to the disk that it names, beside podman's" {
  storage_conf '[storage]' 'graphroot = "$HOME/disk/storage"' "runroot = \"$XDG_RUNTIME_DIR/moved\"" 'nosuch = 1'
  mkdir -p "$HOME/disk"
  run -0 --separate-stderr ctr volume create data
  assert_output data
  [ -d "$HOME/disk/storage-ctr/volumes/data" ]
  [ ! -e "$HOME/disk/storage" ]
  [[ $stderr = *"storage.conf:4: unknown key storage.nosuch"* ]] || fail "$stderr"
  [ "$(ctr info --format '{{.Store.GraphRoot}} {{.Store.RunRoot}}' 2>/dev/null)" = \
    "$HOME/disk/storage-ctr $XDG_RUNTIME_DIR/moved-ctr" ]
  [ "$(ctr info --format '{{.Store.ConfigFile}}' 2>/dev/null)" = "$XDG_CONFIG_HOME/containers/storage.conf" ]
  run -0 ctr config show --origin
  assert_match "graphroot = \"$HOME/disk/storage\" +# $XDG_CONFIG_HOME/containers/storage.conf:2"
  run -0 ctr config show --format json
  [ "$(ctr config show --format json 2>/dev/null | jq -r '.["storage.options"].additionalimagestores | length')" = 0 ]
  # What is named on the command line wins.
  [ "$(ctr --root "$file_dir/named" info --format '{{.Store.GraphRoot}}' 2>/dev/null)" = "$file_dir/named" ]
}

@test "a new store uses fuse-overlayfs when it is named, and stays with it" {
  [ "$(ctr info --format json | jq -r .store.graphMountProgram)" = overlay ]
  storage_conf '[storage.options.overlay]' 'mount_program = "/usr/bin/fuse-overlayfs"'
  [ "$(ctr info --format json | jq -r .store.graphMountProgram)" = overlay ]
  [ "$(ctr --root "$file_dir/fuse" info --format json | jq -r .store.graphMountProgram)" = fuse-overlayfs ]
  rm "$XDG_CONFIG_HOME/containers/storage.conf"
  [ "$(ctr --root "$file_dir/fuse" info --format json | jq -r .store.graphMountProgram)" = fuse-overlayfs ]
}

@test "what the store cannot be is refused by name, from wherever it comes" {
  run ctr --storage-driver vfs ps
  assert_status 125
  assert_contains "--storage-driver: driver: 'vfs': only overlay is supported"
  run ctr --storage-opt overlay.size=1G ps
  assert_status 125
  assert_contains '--storage-opt: size: '
  run ctr --storage-opt nosuch=1 ps
  assert_status 125
  assert_contains "unknown storage option 'nosuch'"
  STORAGE_DRIVER=zfs run ctr ps
  assert_status 125
  assert_contains "STORAGE_DRIVER: driver: 'zfs'"
  storage_conf '[storage]' 'transient_store = true'
  run ctr ps
  assert_status 125
  assert_contains 'storage.conf:2: transient_store'
  storage_conf '[storage]' 'driver = '
  run ctr ps
  assert_status 125
  assert_contains 'storage.conf:2:'
}

@test "an unknown key of registries.conf is one warning with file and line" {
  cp "$XDG_CONFIG_HOME/containers/registries.conf" "$file_dir/kept"
  printf 'nosuch = 1\n' | cat - "$file_dir/kept" >"$XDG_CONFIG_HOME/containers/registries.conf"
  run --separate-stderr ctr pull -q "$IMAGE"
  mv "$file_dir/kept" "$XDG_CONFIG_HOME/containers/registries.conf"
  assert_status 0
  [ "$(grep -c 'registries.conf:1: unknown key nosuch' <<<"$stderr")" = 1 ] || fail "$stderr"
}
