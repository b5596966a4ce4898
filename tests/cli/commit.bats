#!/usr/bin/env bats
# commit.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # helpers set variables; containers' commands and templates are literal
load helpers

LAYERS='{"layers": [{"busybox": true},
                    {"entries": [{"path": "home/d/f", "content": "image"}, {"path": "gone/a", "content": "2"},
                                 {"path": "again/old", "content": "3"}, {"path": "home/mode", "content": "m", "mode": 416,
                                  "uid": 7, "gid": 8}]}],
         "config": {"Cmd": ["sh"], "Env": ["PATH=/bin", "FROM=image"], "Labels": {"a": "1"}, "WorkingDir": "/home",
                    "ExposedPorts": {"80/tcp": {}}}}'

setup_file() {
  start_test_file && start_registry
  IMAGE=$REGISTRY/test/base:1
  export IMAGE
  push_image test/base:1 "$LAYERS" >/dev/null
  ctr pull -q "$IMAGE" >/dev/null
}
teardown_file() { end_test_file; }
setup() {
  work=$(mktemp -d "$file_dir/work.XXXXXX")
  cd "$work" || return 1
}
teardown() {
  ctr rm -f -a -t 0 >/dev/null
  assert_nothing_left
}

CHANGE='echo new >/home/new; chown 5:6 /home/new; chmod 4755 /home/new; ln /home/new /home/second
        ln -s new /home/link; echo changed >/home/d/f; rm -r /gone; rm -r /again; mkdir /again; echo k >/again/k
        mkfifo /home/fifo'
# What an image with these changes shows.
check_changes() {
  run -0 ctr run --rm --network none "$1" sh -c \
    'cat new d/f link; ls / | grep gone; ls /again; stat -c "%n %A %u %g %h" new mode; ls -l fifo | cut -c 1'
  assert_output $'new\nchanged\nnew\nk\nnew -rwsr-xr-x 5 6 2\nmode -rw-r----- 7 8 1\np'
}
# config IMAGE TEMPLATE
config() { ctr image inspect --format "{{json .Config.$2}}" "$1"; }
# layer IMAGE: the files of its last layer.
layer() {
  rm -rf layout && ctr save -q --format oci-dir -o layout "$1"
  local manifest
  manifest=$(jq -r '.manifests[0].digest' layout/index.json)
  tar -tzf "layout/blobs/sha256/$(jq -r '.layers[-1].digest' "layout/blobs/sha256/${manifest#sha256:}" | cut -d : -f 2)"
}

@test "what a container has changed is in the image, whether it runs or not" {
  ctr run --name c --network none "$IMAGE" sh -c "$CHANGE"
  run -0 --separate-stderr ctr commit c stopped
  assert_match '^[0-9a-f]{64}$'
  id=$output
  [[ $stderr == *"Copying blob sha256:"*'Writing manifest to image destination'* ]] || fail "stderr: $stderr"
  [ "$(ctr images -q --no-trunc localhost/stopped:latest)" = "sha256:$id" ]
  check_changes localhost/stopped
  ctr run -d --name busy --network none "$IMAGE" sh -c "$CHANGE; touch /made; exec sleep 100" >/dev/null
  wait_for ctr exec busy test -e /made
  run -0 --separate-stderr ctr container commit -q busy running:2
  [ -z "$stderr" ] || fail "stderr: $stderr"
  [ "$(ctr ps --format '{{.Names}} {{.State}}')" = 'busy running' ]
  ctr exec busy true
  check_changes running:2
  # The base image is as it was, and the container too.
  run -0 ctr run --rm --network none "$IMAGE" sh -c 'ls /gone /again; cat d/f'
  assert_output $'/again:\nold\n\n/gone:\na\nimage'
  run -0 ctr diff c
  assert_line 'A /home/new'
}

@test "images of images, of a container that has changed nothing, and a push keep their layers" {
  ctr run --name one --network none "$IMAGE" sh -c 'echo 1 >/one; rm /gone/a'
  ctr commit -q one first >/dev/null
  ctr run --name two --network none first sh -c 'rm /one; echo 2 >/two; echo back >/gone/a'
  ctr commit -q two "$REGISTRY/test/second:1" >/dev/null
  ctr create --name idle --network none "$REGISTRY/test/second:1" >/dev/null
  ctr commit -q idle third >/dev/null
  ctr push -q "$REGISTRY/test/second:1"
  ctr rm -fa -t 0 >/dev/null
  ctr rmi "$REGISTRY/test/second:1" >/dev/null
  ctr pull -q "$REGISTRY/test/second:1" >/dev/null
  for image in "$REGISTRY/test/second:1" third; do
    run -0 ctr run --rm --network none "$image" sh -c 'ls /one; cat /two /gone/a'
    assert_contains $'2\nback'
    assert_contains 'No such file'
  done
  [ "$(ctr image inspect --format '{{len .RootFS.Layers}} {{len .History}}' third)" = '5 5' ]
}

@test "nothing that is mounted or that ctr adds comes into the image" {
  printf sesame | ctr secret create token - >/dev/null
  printf sesame | ctr secret create variable - >/dev/null
  mkdir host && echo host-file >host/f
  ctr run -d --name c --network none --init --hostname named -v "$work/host:/mnt/host" -v data:/mnt/data --tmpfs /scratch \
    -v "$work/host/f:/etc/bound" --secret token --secret token,target=/etc/key --secret variable,type=env,target=VARIABLE \
    "$IMAGE" sh -c 'echo x >/scratch/s; echo x >/mnt/data/d; echo x >>/etc/hosts; echo x >/etc/own; touch /ready; sleep 100' \
    >/dev/null
  wait_for ctr exec c test -e /ready
  [ "$(ctr exec c cat /run/secrets/token /etc/key)" = sesamesesame ]
  ctr commit -q c all >/dev/null
  run -0 layer all
  assert_line etc/own
  assert_line ready
  for path in etc/hosts etc/hostname etc/resolv.conf run/.containerenv run/secrets run/secrets/ run/podman-init etc/key \
    etc/bound mnt/host mnt/host/ mnt/data/ scratch/ scratch/s mnt/data/d proc/ sys/ dev/; do
    ! grep -qxF "$path" <<<"$output" || fail "$path is in the layer:" "$output"
  done
  run grep -r sesame layout
  assert_status 1
  for blob in layout/blobs/sha256/*; do
    ! { zcat "$blob" 2>/dev/null || cat "$blob"; } | grep -q sesame || fail "a secret is in $blob"
  done
  run -0 config all Env
  assert_output '["PATH=/bin","FROM=image"]'
  # Without a mount the file is the container's own.
  ctr run --name own --network none --no-hosts "$IMAGE" sh -c 'echo mine >/etc/hosts'
  ctr commit -q own own-hosts >/dev/null
  run -0 ctr run --rm --network none --no-hosts own-hosts cat /etc/hosts
  assert_output mine
  ctr rm -fa -t 0 >/dev/null
  ctr volume rm data >/dev/null
  ctr secret rm -a >/dev/null
}

@test "the image runs as the container did, and --change has the last word" {
  http_proxy=http://user:pass@127.0.0.1:1 ctr create --name c --network none -e MODE=test -e FROM=user --label a=2 \
    --label b=3 --user 7:8 -w /tmp --entrypoint '["sh", "-c"]' "$IMAGE" 'id -u; pwd; echo $MODE' >/dev/null
  ctr commit -q c plain >/dev/null
  [ "$(config plain Env)" = '["PATH=/bin","FROM=user","MODE=test"]' ]
  [ "$(config plain Labels)" = '{"a":"2","b":"3"}' ]
  [ "$(config plain ExposedPorts)" = '{"80/tcp":{}}' ]
  run -0 ctr run --rm --network none plain
  assert_output $'7\n/tmp\ntest'
  ctr commit -q -c 'CMD ["echo", "a b"]' -c 'ENTRYPOINT []' -c ENV=MODE=new -c 'ENV MORE=x y' -c 'LABEL b=4' -c 'EXPOSE 53/udp' \
    -c 'USER 9' -c 'VOLUME /v' -c 'WORKDIR sub' -c 'STOPSIGNAL SIGINT' -c 'ONBUILD RUN true' -a Ada c changed >/dev/null
  [ "$(config changed Env)" = '["PATH=/bin","FROM=user","MODE=new","MORE=x y"]' ]
  [ "$(config changed Labels)" = '{"a":"2","b":"4"}' ]
  [ "$(config changed ExposedPorts)" = '{"53/udp":{},"80/tcp":{}}' ]
  [ "$(config changed User)" = '"9"' ] && [ "$(config changed WorkingDir)" = '"/tmp/sub"' ]
  [ "$(config changed Volumes)" = '{"/v":{}}' ] && [ "$(config changed OnBuild)" = '["RUN true"]' ]
  [ "$(ctr image inspect --format '{{.Author}}' changed)" = Ada ]
  run -0 ctr run --rm --network none changed
  assert_output 'a b'
}

@test "formats, messages, the id file and the event" {
  id=$(ctr create --name c --network none "$IMAGE")
  run -125 ctr commit -m note c
  assert_contains 'Error: messages are only compatible with the docker image format (-f docker)'
  run -0 ctr commit -q -f docker -m 'a note' --iidfile iid c noted
  [ "$(cat iid)" = "$output" ]
  [ "$(ctr image inspect --format '{{.Comment}}' noted)" = 'a note' ]
  [ "$(ctr image inspect --format '{{.ManifestType}}' noted)" = application/vnd.docker.distribution.manifest.v2+json ]
  ctr commit -q c plain >/dev/null
  [ "$(ctr image inspect --format '{{.ManifestType}}' plain)" = application/vnd.oci.image.manifest.v1+json ]
  run -0 jq -r "select(.ID == \"$id\" and .Status == \"commit\") | .Type + \" \" + .Name" "$XDG_DATA_HOME/ctr/events.jsonl"
  assert_output $'container c\ncontainer c'
}

@test "a name moves from image to image, and none leaves an image without one" {
  ctr create --name c --network none "$IMAGE" >/dev/null
  first=$(ctr commit -q c moved)
  second=$(ctr commit -q -c USER=1 c moved)
  [ "$(ctr images -q --no-trunc moved)" = "sha256:$second" ]
  third=$(ctr commit -q -c USER=2 c)
  run -0 ctr images --no-trunc -q --filter dangling=true
  assert_line "sha256:$first"
  assert_line "sha256:$third"
  ctr run --rm --network none "$third" true
  ctr rm c >/dev/null
  ctr image prune -f >/dev/null
  run -125 ctr run --rm --network none --pull never "$third" true
}

@test "a container whose root FUSE serves is committed with the ids that it sees" {
  ctr run --name c --network none --userns keep-id --user root "$IMAGE" sh -c 'echo made >/made; chown 5:6 /made; rm -r /gone'
  ctr commit -q c shifted >/dev/null
  run -0 ctr run --rm --network none shifted sh -c 'stat -c "%u %g" /made; ls / | grep gone; true'
  assert_output '5 6'
}

@test "--squash makes one layer of all, --include-volumes declares mounts, --config changes what it says" {
  ctr run --name sq --network none -v "$work:/mounted:ro" "$IMAGE" sh -c 'echo new >/etc/new; rm /bin/vi' >/dev/null
  echo '{"Env": ["A=from file", "B=2"], "User": "7", "Labels": {"l": "1"}, "Cmd": ["true"]}' >config.json
  run -0 ctr commit -q --squash -i --config config.json -c ENV=A=change sq squashed
  run -0 ctr inspect --format '{{len .RootFS.Layers}} {{len .History}} {{.User}} {{.Config.Cmd}} {{index .Config.Labels "l"}}' squashed
  assert_output '1 1 7 [true] 1'
  run -0 ctr inspect --format '{{.Config.Volumes}}' squashed
  assert_contains /mounted
  # shellcheck disable=SC2016 # the container's shell expands them
  run -0 ctr run --rm --network none --user 0 squashed sh -c 'echo "$A $B"; cat /etc/new; [ -e /bin/vi ] || echo gone'
  assert_output $'change 2\nnew\ngone'
}

@test "what cannot be committed is told in one line" {
  run -125 ctr commit nosuch x
  assert_output 'Error: no container with name or ID "nosuch" found: no such container'
  id=$(ctr create --name c --network none "$IMAGE")
  before=$(ctr images -aq | wc -l)
  run -125 ctr commit -c 'RUN make' c x
  assert_contains 'Error: invalid change "RUN make" - invalid instruction RUN'
  run -125 ctr commit -f tar c x
  assert_contains 'Error: unrecognized image format "tar"'
  run -125 ctr commit c Upper
  assert_contains 'lower'
  run -125 ctr commit --config /nosuch c x
  assert_contains "'/nosuch'"
  echo '[]' >list.json
  run -125 ctr commit --config list.json c x
  assert_output 'Error: --config list.json: it is not an object'
  run -125 ctr commit
  run -125 ctr commit c x y
  mkdir root
  ctr create --name plain --network none --rootfs "$work/root" sh >/dev/null
  run -125 ctr commit plain x
  assert_contains 'Error: cannot commit a container that uses an exploded rootfs'
  [ "$(ctr images -aq | wc -l)" -eq "$before" ]
  run find "$XDG_DATA_HOME/ctr/images/.partial" "$XDG_DATA_HOME/ctr/layers/.staging" -mindepth 1
  assert_output ''
}

@test "without cgroup v2 --pause is refused, and the default goes on" {
  [ "$(ctr info --format '{{.Host.CgroupsVersion}}')" != v2 ] || skip 'this host has cgroup v2'
  ctr run -d --name c --network none "$IMAGE" sleep 100 >/dev/null
  run -125 ctr commit --pause c x
  assert_contains 'Error: pause needs a cgroup of the container'
  ctr commit -q -p=false c x >/dev/null
  ctr commit -q c x >/dev/null
}
