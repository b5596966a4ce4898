#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# ctr volume: create, exists, export, import, inspect, ls, mount, prune, reload, rm and unmount. What containers do with volumes is in volumes.bats.

load helpers

setup_file() {
  start_test_file
  pull_busybox
}
teardown_file() { end_test_file; }
teardown() {
  assert_nothing_left
  ctr volume rm -a -f >/dev/null
}

# The names below volumes/, without what is staged.
volume_dirs() { ls "$XDG_DATA_HOME/ctr/volumes" 2>/dev/null; }

@test "a volume is created, found and removed by its name" {
  run ctr volume create data
  assert_status 0
  assert_output data
  [ -d "$XDG_DATA_HOME/ctr/volumes/data/_data" ]
  run ctr volume exists data
  assert_status 0
  assert_output ''
  run ctr volume rm data
  assert_status 0
  assert_output data
  run ctr volume exists data
  assert_status 1
  [ -z "$(volume_dirs)" ]
}

@test "without a name one of 64 digits is made up" {
  run ctr volume create
  assert_status 0
  assert_match '^[0-9a-f]{64}$'
}

@test "a name that is taken is refused, unless --ignore says otherwise" {
  ctr volume create --label first data
  run ctr volume create data
  assert_status 125
  assert_output 'Error: volume with name data already exists: volume already exists'
  run ctr volume create --ignore --label second data
  assert_status 0
  assert_output data
  run ctr volume inspect --format '{{.Labels}}' data
  assert_output 'map[first:]'
}

@test "what cannot be a volume is refused by name" {
  run ctr volume create ../x
  assert_status 125
  assert_contains "'../x' is not a valid volume name"
  run ctr volume create --driver nfs x
  assert_status 125
  assert_contains 'volume driver nfs'
  run ctr volume create --driver image x
  assert_status 125
  assert_contains "the volume driver 'image' takes the option image"
  run ctr volume create --driver image -o image=nosuch x
  assert_status 125
  assert_contains 'nosuch: image not known'
  run ctr volume create -o nosuch=1 x
  assert_status 125
  assert_output "Error: invalid mount option nosuch for driver 'local': invalid argument"
  run ctr volume create -o o=size=1g x
  assert_status 125
  assert_contains 'volume options size and inodes not supported. Filesystem does not support Project Quota'
  run ctr volume create -o o=noexec x
  assert_status 125
  assert_contains "o=noexec needs a type and a device"
  run ctr volume create -o o=uid=many x
  assert_status 125
  assert_contains "'many' is not a valid number"
  run ctr volume create --uid 4294967295 x
  assert_status 125
  run ctr volume create --label =x y
  assert_status 125
  assert_output 'Error: invalid label format: "=x"'
  run ctr volume create a b
  assert_status 125
  [ -z "$(volume_dirs)" ]
}

@test "the document has podman's fields" {
  ctr volume create --label b=2 --label a=1 -o type=tmpfs -o device=tmpfs -o o=size=2m,uid=7 data >/dev/null
  run ctr volume inspect data
  assert_status 0
  created=$(jq -r '.[0].CreatedAt' <<<"$output")
  [[ $created =~ ^20[0-9-]+T[0-9:.]+Z$ ]]
  assert_output "[
     {
          \"Name\": \"data\",
          \"Driver\": \"local\",
          \"Mountpoint\": \"$XDG_DATA_HOME/ctr/volumes/data/_data\",
          \"CreatedAt\": \"$created\",
          \"Labels\": {
               \"a\": \"1\",
               \"b\": \"2\"
          },
          \"Scope\": \"local\",
          \"Options\": {
               \"SIZE\": \"2m\",
               \"UID\": \"7\",
               \"device\": \"tmpfs\",
               \"o\": \"size=2m,uid=7\",
               \"type\": \"tmpfs\"
          },
          \"UID\": 7,
          \"MountCount\": 0,
          \"NeedsCopyUp\": true,
          \"LockNumber\": 0
     }
]"
  run ctr volume inspect --format '{{.Name}} {{.UID}} {{.GID}} {{.Anonymous}} {{index .Labels "a"}}' data
  assert_output 'data 7 0 false 1'
}

@test "inspect goes on behind a name that is not there" {
  ctr volume create one >/dev/null
  run --separate-stderr ctr volume inspect nosuch one
  assert_status 125
  [ "$(jq -r '.[].Name' <<<"$output")" = one ]
  [ "${stderr%%$'\n'*}" = 'Error: no volume with name "nosuch" found: no such volume' ]
  run --separate-stderr ctr volume inspect nosuch
  assert_status 125
  assert_output '[]'
  run ctr volume inspect
  assert_status 125
  assert_output 'Error: provide one or more volume names or use --all'
  run ctr volume inspect --all --format '{{.Name}}'
  assert_output one
}

@test "the beginning of a name is enough if only one begins so" {
  ctr volume create data-one >/dev/null
  ctr volume create data-two >/dev/null
  run ctr volume inspect --format '{{.Name}}' data-o
  assert_output data-one
  run ctr volume rm data
  assert_status 125
  assert_contains 'more than one result for volume name "data"'
  run ctr volume exists data-o
  assert_status 1
}

@test "ls lists by name, as a table, as JSON and by template" {
  run ctr volume ls
  assert_status 0
  assert_output 'DRIVER      VOLUME NAME'
  ctr volume create two >/dev/null
  ctr volume create --label k=v one >/dev/null
  run ctr volume ls
  assert_output $'DRIVER      VOLUME NAME\nlocal       one\nlocal       two'
  run ctr volume list -n
  assert_output $'local       one\nlocal       two'
  run ctr volume ls -q
  assert_output $'one\ntwo'
  run ctr volume ls --format '{{.Name}}={{.Labels}}'
  assert_output $'one=map[k:v]\ntwo=map[]'
  run ctr volume ls --format 'table {{.Name}} {{.Scope}}'
  assert_output $'VOLUME NAME  SCOPE\none          local\ntwo          local'
  run ctr volume ls --format json
  [ "$(jq -r '.[].Name' <<<"$output")" = $'one\ntwo' ]
  [[ $output == $'[\n  {\n    "Name": "one",'* ]]
  run ctr volume ls -q --format json
  assert_status 125
  assert_output 'Error: quiet and format flags cannot be used together'
  run ctr volume ls --format '{{.Nosuch}}'
  assert_status 125
  assert_contains "can't evaluate field Nosuch in type *entities.VolumeListReport"
}

@test "filters of ls" {
  ctr volume create --label k=v -o type=tmpfs -o device=tmpfs first >/dev/null
  ctr volume create --label k=w second >/dev/null
  id=$(ctr create -v second:/x -v /anonymous "$IMAGE")
  anonymous=$(ctr inspect --format '{{range .Mounts}}{{.Name}} {{end}}' "$id" | tr ' ' '\n' | grep -v second | grep .)
  list() { run ctr volume ls -q "$@"; assert_status 0; }
  list -f label=k=v;                    assert_output first
  list -f label=k -f label!=k=v;        assert_output second
  list -f name=^s;                      assert_output second
  list -f name=first -f name=second;    assert_output $'first\nsecond'
  list -f dangling=true;                assert_output first
  list -f dangling=false -f driver=local -f anonymous=0; assert_output second
  list -f anonymous=true;               assert_output "$anonymous"
  list -f opt=type;                     assert_output first
  list -f opt=type=nfs;                 assert_output ''
  list -f since=first -f name=second;   assert_output second
  list -f after=second -f name=first;   assert_output ''
  list -f scope=global;                 assert_output ''
  list -f until=2000-01-01;             assert_output ''
  list -f until=0s -f name=first;       assert_output first
  run ctr volume ls -f nosuch=1
  assert_status 125
  assert_output 'Error: "nosuch" is an invalid volume filter'
  run ctr volume ls -f dangling=maybe
  assert_status 125
  assert_output 'Error: "maybe" is not a valid value for the "dangling" filter - must be true or false'
  run ctr volume ls -f since=nosuch
  assert_status 125
  assert_contains 'no such volume'
}

@test "rm of what is missing exits with 1, of what is in use with 2" {
  run ctr volume rm nosuch
  assert_status 1
  assert_output 'Error: no volume with name "nosuch" found: no such volume'
  run ctr volume rm -f nosuch
  assert_status 0
  assert_output ''
  id=$(ctr create -v data:/x "$IMAGE")
  run ctr volume rm data
  assert_status 2
  assert_output "Error: volume data is being used by the following container(s): $id: volume is being used"
  ctr rm "$id" >/dev/null
  run ctr volume rm data
  assert_status 0
}

@test "rm --force removes the containers first, running ones too" {
  id=$(ctr run -d --network none -v data:/x "$IMAGE" sleep 1000)
  run ctr volume rm -t 0 data
  assert_status 125
  assert_contains '--force option must be specified to use the --time option'
  run ctr volume rm -f -t 0 data
  assert_status 0
  assert_output data
  run ctr container exists "$id"
  assert_status 1
}

@test "rm takes several names, or all of them" {
  for name in a b c; do ctr volume create "$name" >/dev/null; done
  run --separate-stderr ctr volume rm a nosuch b
  assert_status 1
  assert_output $'a\nb'
  run ctr volume rm --all c
  assert_status 125
  assert_output 'Error: choose either one or more volumes or all'
  run ctr volume rm --all
  assert_status 0
  assert_output c
}

@test "prune removes what has no name and no container" {
  ctr volume create --label keep=no named >/dev/null
  id=$(ctr create -v /a "$IMAGE")
  anonymous=$(ctr volume ls -q -f anonymous=true)
  run ctr volume prune -f
  assert_status 0
  assert_output ''
  ctr rm "$id" >/dev/null
  run ctr volume prune --dry-run
  assert_output "$anonymous"
  run ctr volume prune <<<n
  assert_status 0
  assert_contains 'WARNING! This will remove anonymous local volumes not used by at least one container.'
  assert_contains "$anonymous"
  run --separate-stderr ctr volume prune <<<y
  assert_status 0
  assert_output "$anonymous"
  run ctr volume prune --all -f --filter label!=keep
  assert_output ''
  run ctr volume prune --filter all=true -f
  assert_output named
  run ctr volume prune --all
  assert_status 0
  assert_contains 'No dangling volumes found'
  run ctr volume prune -f --filter nosuch=1
  assert_status 125
}

@test "a volume of another user's id belongs to it in the container" {
  ctr volume create --uid 1000 --gid 1001 home >/dev/null
  run ctr run --rm --network none -v home:/home "$IMAGE" sh -c 'ls -nd /home'
  assert_status 0
  assert_match '^drwxr-xr-x +2 1000 +1001 '
  run ctr volume inspect --format '{{.UID}} {{.GID}} {{.NeedsChown}}' home
  assert_output '1000 1001 false'
}

@test "a volume that is removed while containers are created with it is never half there" {
  for _ in 1 2 3 4 5 6; do
    ctr create -v race:/x --name "r$RANDOM$RANDOM" "$IMAGE" >/dev/null &
    ctr volume rm -f race >/dev/null 2>&1 &
    wait
  done
  # Whatever container is left names a volume that is there.
  for id in $(ctr ps -aq); do
    run ctr start --attach "$id"
    assert_status 0
  done
}

# Files with owners, as one container sees them: "path owner mode".
seen_in() { ctr run --rm -v "$1:/v" "$IMAGE" sh -c 'cd /v && find . -mindepth 1 | sort | xargs stat -c "%n %u %a"'; }

@test "what is exported of a volume is imported into another one, owners and all" {
  ctr run --rm -v data:/v "$IMAGE" sh -c \
    'cd /v && mkdir d && echo one >d/a && chown 7:8 d/a && chmod 640 d/a && ln d/a b && ln -s /etc/passwd l && mkfifo f'
  before=$(seen_in data)
  run -0 ctr volume export data -o "$file_dir/data.tar"
  assert_output ''
  run -0 tar -tf "$file_dir/data.tar"
  refute_contains ..
  gzip -k "$file_dir/data.tar"
  ctr volume create copy
  run -0 ctr volume import copy "$file_dir/data.tar.gz"
  assert_output ''
  [ "$(seen_in copy)" = "$before" ] || fail "$before" "$(seen_in copy)"
  # Through a pipe, over what is there.
  ctr run --rm -v copy:/v "$IMAGE" sh -c 'rm /v/d/a && mkdir /v/d/a && touch /v/mine'
  ctr volume export data | ctr volume import copy -
  run -0 ctr run --rm -v copy:/v "$IMAGE" sh -c 'cat /v/d/a /v/b && ls /v/mine'
  assert_output $'one\none\n/v/mine'
}

@test "a tar that means harm stays in the volume" {
  ctr volume create data
  echo kept >"$file_dir/outside"
  python3 - "$file_dir/evil.tar" "$file_dir/outside" <<'PY'
import io, sys, tarfile
tar = tarfile.open(sys.argv[1], "w")
def add(name, kind=tarfile.REGTYPE, link="", text=b""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, len(text)
    tar.addfile(entry, io.BytesIO(text))
add("up", tarfile.SYMTYPE, "../../../..")
add("out", tarfile.SYMTYPE, sys.argv[2])
add("out", text=b"changed")
add("null", tarfile.CHRTYPE)
add("good", text=b"good")
PY
  run ctr volume import data "$file_dir/evil.tar"
  [ "$(cat "$file_dir/outside")" = kept ]
  run ! test -e "$XDG_DATA_HOME/ctr/volumes/data/_data/null"
  for name in ../escaped /absolute/../../escaped; do
    tar -C "$file_dir" -cf "$file_dir/up.tar" --transform "s,.*,$name," -P outside
    run ctr volume import data "$file_dir/up.tar"
  done
  [ ! -e /escaped ]
  [ ! -e /absolute ]
  [ -z "$(find "$file_dir" -name escaped -not -path '*/volumes/data/_data/*')" ]
  run ctr volume import data "$file_dir/outside"
  assert_status 125
  assert_contains 'tar archive'
}

@test "volumes that are not there, files that are not there and file systems are refused" {
  run ctr volume export nosuch
  assert_status 125
  assert_output 'Error: no volume with name "nosuch" found: no such volume'
  run ctr volume import nosuch /dev/null
  assert_status 125
  assert_output 'Error: no volume with name "nosuch" found: no such volume'
  ctr volume create data
  run ctr volume import data "$file_dir/nosuch"
  assert_status 125
  assert_contains "$file_dir/nosuch"
  ctr volume create -o type=tmpfs -o device=tmpfs memory
  run ctr volume export memory
  assert_status 125
  assert_contains "the volume 'memory' is a file system (tmpfs)"
}

@test "a volume that binds a directory exports what is in it" {
  mkdir -p "$file_dir/bound"
  echo here >"$file_dir/bound/file"
  ctr volume create -o type=none -o "device=$file_dir/bound" -o o=bind data
  [ "$(ctr volume export data | tar -xO file)" = here ]
}

@test "volumes are mounted for root of a user namespace alone" {
  ctr volume create data
  ctr volume create -o type=tmpfs -o device=tmpfs -o o=size=1m memory
  run ctr volume mount data
  assert_status 125
  assert_contains 'must execute `ctr unshare` first'
  run -0 ctr unshare sh -ec '
    ctr volume mount data memory
    stat -f -c %T "$(ctr volume mount memory)"
    ctr volume unmount data memory
    stat -f -c %T "$(dirname "$(ctr volume mount data)")/../memory/_data"'
  assert_output "$(printf '%s\n' "$XDG_DATA_HOME/ctr/volumes/data/_data" "$XDG_DATA_HOME/ctr/volumes/memory/_data" tmpfs \
    data memory "$(stat -f -c %T "$XDG_DATA_HOME")")"
  run -0 ctr volume reload
  assert_output ''
}

@test "removing a volume leaves alone what is mounted there" {
  mkdir "$file_dir/shown"
  echo kept >"$file_dir/shown/file"
  ctr volume create -o type=none -o o=bind -o "device=$file_dir/shown" bound
  ctr volume create data
  run -0 ctr unshare sh -ec '
    ctr volume mount bound >/dev/null
    mount --bind "$1" "$(ctr volume mount data)"
    ctr volume rm bound data' sh "$file_dir/shown"
  assert_output "$(printf '%s\n' bound data)"
  [ "$(cat "$file_dir/shown/file")" = kept ]
}

@test "a volume begins with what an image has, and is written to" {
  run -0 ctr volume create --driver image -o "image=$IMAGE" data
  assert_output data
  [ "$(ctr volume inspect data --format '{{.Driver}} {{.Options.image}}')" = "image $IMAGE" ]
  run -0 ctr run --rm -v data:/v "$IMAGE" sh -c 'cmp /bin/busybox /v/bin/busybox && touch /v/new'
  run -0 ctr run --rm -v data:/v "$IMAGE" ls /v/new
  [ "$(ctr volume ls -q --filter driver=image)" = data ]
}
