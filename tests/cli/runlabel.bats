#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# container runlabel, and the verbs that are known and refused.

load helpers

setup_file() {
  start_test_file
  pull_busybox
  push_image test/labels:1 '{"layers": [{"busybox": true}], "config": {"Env": ["PATH=/bin:/usr/bin"], "Labels": {
    "run": "podman run --rm --network none --name NAME -e IMAGE=IMAGE -e WHO=$OPT1 IMAGE env",
    "INSTALL": "docker create --network none --name NAME $IMAGE true", "bad": "/bin/rm -rf /tmp/x", "open": "podman run \"x",
    "loop": "ctr container runlabel loop IMAGE"}}}' >/dev/null
  LABELS=$REGISTRY/test/labels:1
  export LABELS
}
teardown_file() { end_test_file; }
teardown() { assert_nothing_left; }

@test "the command of a label is shown, and run with the image's name and the user's words" {
  run -0 ctr container runlabel --display run "$LABELS" EXTRA=1
  assert_line "command: ctr run --rm --network none --name labels -e IMAGE=$LABELS -e WHO= $LABELS env EXTRA=1"
  run -0 ctr container runlabel --opt1 me RUN "$LABELS" EXTRA=1
  assert_line "IMAGE=$LABELS"
  assert_line WHO=me
  assert_line EXTRA=1
  run -0 ctr container runlabel -n mine install "$LABELS"
  ctr container exists mine
  run ctr container runlabel -n mine install "$LABELS"
  assert_status 125
  run -0 ctr container runlabel --replace --quiet -n mine install "$LABELS"
  assert_output ''
  ctr container exists mine
}

@test "a label that is missing, broken or names another program is refused" {
  run -125 ctr container runlabel uninstall "$LABELS"
  assert_contains "cannot find the value of label: uninstall in image: $LABELS"
  run -125 ctr container runlabel bad "$LABELS"
  assert_contains "the label of the image names the program 'rm', which is not run"
  run -125 ctr container runlabel open "$LABELS"
  assert_contains 'a quote in the label of the image is not closed'
  run -125 ctr container runlabel loop "$LABELS"
  assert_contains 'the label of an image cannot run that of an image'
}

@test "checkpoint and restore say why there are none" {
  run -125 ctr container checkpoint --export x.tar --leave-running --tcp-established web
  assert_contains 'container checkpoint: processes are saved and brought back by CRIU'
  assert_contains 'ctr commit'
  run -125 ctr container restore --import x.tar -n web -p 80:80
  assert_contains 'container restore: '
}
