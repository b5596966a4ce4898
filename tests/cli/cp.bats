#!/usr/bin/env bats
# cp and export.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # helpers set file_dir; the containers' commands are meant literally
load helpers

LAYERS='{"layers": [{"busybox": true},
                    {"entries": [{"path": "etc/passwd", "content": "root:x:0:0::/:/bin/sh\nweb:x:33:34::/:/bin/sh\n"},
                                 {"path": "home/d/f", "content": "image"}, {"path": "gone/a", "content": "2"},
                                 {"path": "home/mode", "content": "m", "mode": 416, "uid": 7, "gid": 8}]}],
         "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]}}'

setup_file() {
  start_test_file && start_registry
  IMAGE=$REGISTRY/test/files:1
  export IMAGE
  push_image test/files:1 "$LAYERS" >/dev/null
  ctr pull -q "$IMAGE" >/dev/null
}
teardown_file() { end_test_file; }
setup() {
  work=$(mktemp -d "$file_dir/work.XXXXXX")
  cd "$work" || return 1
  mkdir -p src/d
  echo one >src/f
  echo two >src/d/g
  ln -s f src/link
  ln -s d src/dirlink
}
teardown() {
  ctr rm -f -a -t 0 >/dev/null
  assert_nothing_left
}

# make STATE NAME [OPTION...]: a container that runs or has never run.
make() {
  local state=$1 name=$2
  shift 2
  if [ "$state" = running ]; then
    ctr run -d --name "$name" --network none "$@" "$IMAGE" sleep 100 >/dev/null
  else
    ctr create --name "$name" --network none "$@" "$IMAGE" sleep 100 >/dev/null
  fi
}

# listing CONTAINER PATH: names and owners of what is there.
listing() { ctr cp "$1:$2" - | tar -tv --numeric-owner | awk '{ print $2, $6, $7, $8 }' | sed 's/ *$//'; }

check_forms() {
  local state=$1
  make "$state" c --user web
  # A file: to a name, over a file, into a directory; relative paths begin at the root.
  run -0 ctr cp src/f c:/home/new
  assert_output ''
  ctr cp src/f c:home/d/f
  ctr cp src/f c:/home/d
  # A directory: to a name, into a directory, its content.
  ctr cp src c:/home/all
  ctr cp src c:/home
  ctr cp src/. c:/home/content
  ctr cp src/d/. c:/home/d
  ctr cp src/link c:/home
  ctr cp src/dirlink c:/home
  run -0 listing c /home
  assert_output "$(cat <<'END'
0/0 home/
33/34 home/all/
33/34 home/all/d/
33/34 home/all/d/g
33/34 home/all/dirlink -> d
33/34 home/all/f
33/34 home/all/link -> f
33/34 home/content/
33/34 home/content/d/
33/34 home/content/d/g
33/34 home/content/dirlink -> d
33/34 home/content/f
33/34 home/content/link -> f
0/0 home/d/
33/34 home/d/f
33/34 home/d/g
33/34 home/dirlink/
33/34 home/dirlink/g
33/34 home/link
7/8 home/mode
33/34 home/new
33/34 home/src/
33/34 home/src/d/
33/34 home/src/d/g
33/34 home/src/dirlink -> d
33/34 home/src/f
33/34 home/src/link -> f
END
)"
  # And back.
  ctr cp c:/home/src back
  diff -r --no-dereference src back
  ctr cp c:/home/src .
  mkdir into
  ctr cp c:/home/src/. into
  diff -r --no-dereference src into
  ctr cp c:/home/new into
  [ "$(cat into/new)" = one ]
  ctr cp c:/home/mode .
  [ "$(stat -c '%a %u %Y' mode)" = "640 $(id -u) $(stat -c %Y mode)" ]
}

@test "files and directories are copied to and from a running container" { check_forms running; }
@test "files and directories are copied to and from a stopped container" { check_forms stopped; }

@test "a stopped container starts with what was copied, and what it leaves can be copied" {
  make stopped c
  ctr cp src c:/data
  ctr start c >/dev/null
  run -0 ctr exec c cat /data/d/g
  assert_output two
  ctr exec c sh -c 'echo three >/data/d/g; rm /data/f'
  ctr stop -t 0 c >/dev/null
  ctr cp c:/data .
  [ "$(cat data/d/g)" = three ]
  [ ! -e data/f ]
  ctr start c >/dev/null
  run -0 ctr exec c cat /data/d/g
  assert_output three
}

@test "--archive=false keeps ids" {
  make stopped c --user web
  ctr cp -a=false src/f c:/home/kept
  mkdir tree && echo x >tree/x
  tar -c --owner 12 --group 13 tree | ctr cp --archive=false - c:/home
  run -0 listing c /home
  assert_line '0/0 home/kept'
  assert_line '12/13 home/tree/x'
  tar -c --owner 12 --group 13 tree | ctr cp - c:/home
  run -0 listing c /home
  assert_line '33/34 home/tree/x'
}

@test "archives go in and out, compressed ones too" {
  make running c
  tar -c src | ctr cp - c:/home
  tar -c src/f | gzip | ctr cp - c:/home/d
  tar -c src/f | zstd -q | ctr cp - c:/home/d/src
  run -0 listing c /home
  assert_line '0/0 home/src/d/g'
  assert_line '0/0 home/d/src/src/f'
  [ "$(ctr cp c:/home/src/f - | tar -xO f)" = one ]
  run -0 listing c /home/src/.
  assert_line '0/0 f'
  run -125 sh -c 'echo text | ctr cp - c:/home'
  assert_output 'Error: source must be a (compressed) tar archive when copying from stdin'
  run -125 sh -c ': | ctr cp - c:/home'
  assert_output 'Error: source must be a (compressed) tar archive when copying from stdin'
  run -125 sh -c 'tar -c src | ctr cp - c:/etc/passwd'
  assert_output 'Error: destination must be a directory when copying from stdin'
  run -125 sh -c 'tar -c src | ctr cp - c:/nodir'
  assert_output 'Error: destination must be a directory when copying from stdin'
}

@test "containers copy from each other and inside themselves" {
  make running a
  make stopped b
  ctr cp src a:/home
  ctr cp a:/home/src b:/home
  ctr cp b:/home/src/f a:/home/from-b
  [ "$(ctr exec a cat /home/from-b)" = one ]
  for name in a b; do
    ctr cp $name:/home $name:/home/d
    run -0 listing $name /home/d
    assert_line '0/0 d/home/src/d/g'
    refute_contains 'd/home/d/home'
  done
}

@test "volumes and mounted directories are seen, also while the container is stopped" {
  mkdir host && echo h >host/h
  make stopped c -v vol:/home/d -v "$work/host:/mnt/host" -v "$work/host:/mnt/ro:ro"
  ctr cp src/f c:/home/d/new
  ctr cp src/f c:/mnt/host/new
  [ "$(cat host/new)" = one ]
  run -125 ctr cp src/f c:/mnt/ro/other
  assert_contains 'Read-only file system'
  run -0 listing c /mnt
  assert_line '0/0 mnt/ro/h'
  ctr start c >/dev/null
  # The image's own file has come to the volume before.
  run -0 ctr exec c ls /home/d
  assert_output $'f\nnew'
  ctr cp src/f c:/home/d/running
  ctr cp c:/mnt/host/h back
  [ "$(cat back)" = h ]
  ctr rm -f -t 0 c >/dev/null
  make stopped d -v vol:/v
  run -0 listing d /v
  assert_line '0/0 v/running'
}

@test "links of a container lead nowhere outside of it" {
  echo secret >outside
  for state in running stopped; do
    make running c
    ctr exec c ln -s "$work/outside" /home/escape
    ctr exec c ln -s / /home/root
    ctr exec c ln -s ../../../../../../../../../../.. /home/up
    if [ $state = stopped ]; then ctr stop -t 0 c >/dev/null; fi
    run -125 ctr cp c:/home/escape x
    assert_output 'Error: "/home/escape" could not be found on container c: no such file or directory'
    run -125 ctr cp "c:/home/root$work/outside" x
    assert_contains 'could not be found on container c'
    run -125 ctr cp src/f "c:/home/up$work/new"
    assert_contains 'could not be found on container c'
    ctr cp src/f c:/home/root
    ctr cp src/f c:/home/escape
    [ "$(cat outside)" = secret ]
    [ ! -e "$work/new" ]
    [ "$(ctr cp c:/f - | tar -xO f)" = one ]
    ctr rm -f -t 0 c >/dev/null
  done
  # What is copied out writes through no link of the host's directory either.
  make stopped c
  mkdir -p evil && ln -s "$work/src" evil/d
  mkdir -p in/d && echo bad >in/d/g
  ctr cp in/. c:/home/in
  run -125 ctr cp c:/home/in/. evil
  assert_contains "'d' is no directory there"
  [ "$(cat src/d/g)" = two ]
  # Nor does an archive.
  ln -s / there && tar -cf evil.tar there && rm there && mkdir there && echo x >there/x && tar -rf evil.tar there/x
  run ctr cp - c:/home <evil.tar
  run -125 ctr cp c:/x y
}

@test "what a link of a container leads to comes out under its own name, as with podman" {
  make stopped c
  ctr cp src c:/home/
  ln -s /home/src/link link && ln -s /home/src/dirlink dirs && tar -c link dirs | ctr cp - c:/home
  mkdir out
  for path in src/link link dirs; do ctr cp "c:/home/$path" out; done
  ctr cp c:/home/link out/named
  run -0 ls -R out
  assert_output $'out:\nd\nf\nnamed\n\nout/d:\ng'
  [ "$(ctr cp c:/home/dirs - | tar -t | xargs)" = 'd/ d/g' ]
  [ "$(ctr cp c:/home/dirs/. - | tar -t | xargs)" = g ]
  make stopped d
  ctr cp c:/home/link d:/home
  ctr cp c:/home/link c:/etc
  [ "$(ctr cp d:/home/f -  | tar -xO)$(ctr cp c:/etc/f - | tar -xO)" = oneone ]
}

@test "files lose set-id bits on the host, and devices stay behind" {
  make running c
  ctr exec c sh -c 'mkdir /home/s; cp /bin/busybox /home/s/suid; chmod 6755 /home/s/suid; mkfifo /home/s/fifo; ln /home/s/suid /home/s/hard'
  ctr cp c:/home/s .
  [ "$(stat -c %a s/suid)" = 755 ]
  [ "$(stat -c %h s/hard)" = 2 ]
  [ -p s/fifo ]
  run -0 listing c /dev
  refute_contains 'dev/null'
  run -125 ctr cp c:/dev/null x
  assert_output 'Error: "/dev/null" on container c must be a directory or a regular file'
}

@test "files of the kernel are copied as far as they can be read, and what is mounted is not replaced" {
  echo mine >mine
  make running c -v "$work/mine:/home/mine"
  ctr cp c:/proc/1 proc
  [ "$(grep -c '^Uid:' proc/status)" = 1 ]
  chmod -R u+w proc
  run -125 ctr cp src/f c:/home/mine
  assert_contains "'mine' is mounted there"
  run -125 ctr cp src/f c:/etc/hosts
  assert_contains "'hosts' is mounted there"
  [ "$(ctr exec c cat /home/mine)" = mine ]
}

@test "directories and other files replace each other with --overwrite only" {
  make stopped c
  mkdir -p a/d b && echo file >b/d && mkdir -p a/f && echo x >a/f/x && echo y >b/f
  ctr cp a/. c:/home/o
  run -125 ctr cp b/. c:/home/o
  assert_output $'Error: \'d\' is a directory there\nhint: --overwrite replaces it'
  ctr cp --overwrite b/. c:/home/o
  run -0 listing c /home/o
  assert_output $'0/0 o/\n0/0 o/d\n0/0 o/f'
  run -125 ctr cp a/. c:/home/o
  assert_output $'Error: \'d\' is no directory there\nhint: --overwrite replaces it'
}

@test "what cannot be copied is said in podman's words" {
  make stopped c
  check() {
    local message=$1
    shift
    run -125 ctr cp "$@"
    assert_output "Error: $message"
  }
  check '"nosuch" could not be found on the host: no such file or directory' nosuch c:/home/
  check 'container "nosuch" does not exist' src/f nosuch:/home
  check '"/nosuch" could not be found on container c: no such file or directory' c:/nosuch x
  check '"nodir/x" could not be found on the host: no such file or directory' c:/etc/passwd nodir/x
  check '"nodir/" could not be found on the host: no such file or directory' c:/etc/passwd nodir/
  check '"nodir/" could not be found on the host: no such file or directory' c:/etc nodir/
  check '"/nodir/x" could not be found on container c: no such file or directory' src/f c:/nodir/x
  check '"/nodir/" could not be found on container c: no such file or directory' src/f c:/nodir/
  check 'destination must be a directory when copying a directory' src c:/etc/passwd
  check 'destination must be a directory when copying a directory' c:/etc src/f
  check 'invalid arguments "c:", "x": you must specify paths' c: x
  check 'invalid arguments "src/f", "c:": you must specify paths' src/f c:
  check 'invalid destination: "/dev/null" must be a directory or a regular file' c:/etc/passwd /dev/null
  run -125 ctr cp src/f x
  assert_contains 'name or ID cannot be empty'
  run -125 ctr cp src/f
  assert_contains 'requires at least 2 arg(s), only received 1'
  # A word that looks like a container but is a path.
  echo colon >c:x
  ctr cp ./c:x c:/home
  run -0 ctr container cp c:/home/c:x y
}

@test "a root that only the container may see is copied from and to, in both states" {
  make running c --userns keep-id --user root
  ctr cp src/f c:/tmp/x
  [ "$(ctr exec c stat -c %u /tmp/x)" = 0 ]
  ctr stop -t 0 c >/dev/null
  ctr cp src/f c:/tmp/z
  ctr cp c:/tmp/x out
  cmp src/f out
  ctr cp c:/tmp/z c:/tmp/again
  ctr start c >/dev/null
  run -0 ctr exec c stat -c %u /tmp/z /tmp/again
  assert_output $'0\n0'
  ctr exec c sh -c 'echo made >/made; chown 5:6 /made; rm -r /gone'
  ctr export c >out.tar
  run -0 tar -tvf out.tar --numeric-owner
  assert_match '7/8 .* home/mode'
  assert_match '5/6 .* made'
  refute_contains ' gone/'
}

# What export has in common for both states.
check_export() {
  run -0 tar -tvf out.tar --numeric-owner
  refute_contains ' gone/'
  refute_contains 'vol-file'
  refute_contains ' proc/1'
  run -0 tar -tf out.tar
  assert_line 'home/d/f'
  assert_line 'made'
  assert_line 'bin/busybox'
  [ "$(tar -xOf out.tar made)" = made ]
  [ "$(tar -tvf out.tar --numeric-owner home/mode | awk '{ print $1, $2 }')" = '-rw-r----- 7/8' ]
}

@test "export writes the root of a container, running or not" {
  make running c -v vol:/mnt
  ctr exec c sh -c 'rm -r /gone; echo made >/made; echo v >/mnt/vol-file'
  ctr export c >out.tar
  check_export
  ctr stop -t 0 c >/dev/null
  rm out.tar
  run -0 ctr container export -o out.tar c
  assert_output ''
  check_export
}

@test "export refuses a terminal and names who is not there" {
  make stopped c
  run -125 "$BATS_TEST_DIRNAME/on-terminal" -- ctr export c
  assert_contains 'refusing to export to terminal. Use -o flag or redirect'
  run -125 ctr export nosuch
  assert_output 'Error: no container with name or ID "nosuch" found: no such container'
  run -125 ctr export
  assert_contains 'requires at least 1 arg(s), only received 0'
  run -125 ctr export -o nodir/x c
  assert_contains nodir
  run -0 ls
  assert_output src
}
