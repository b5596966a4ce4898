#!/usr/bin/env bats
# A disk that is full, for real: the store lies on a small file system in a mount namespace of the test's own, where the
# user has one id only.
# shellcheck disable=SC2154,SC2016 # bats sets stderr, helpers set file_dir; templates and commands are meant literally
load helpers
load faults

setup_file() {
  start_test_file && start_fault_registry
  push_to_faults large:download '{"compress": "none", "layers": [{"random": {"files": 4, "bytes": 30000000}}]}'
  # A small blob that becomes large.
  push_to_faults large:unpacked '{"layers": [{"entries": [{"path": "zeros", "size": 30000000}]}]}'
  push_to_faults small:1 '{"layers": [{"entries": [{"path": "f", "content": "x"}]}]}'
}
teardown_file() { stop_fault_registry; end_test_file; }

# on_small_disk OPTIONS SCRIPT: runs the script with the store on a tmpfs, the directory disk; space tells how many blocks
# are free.
on_small_disk() {
  : >"$file_dir/nobody"
  mkdir -p "$file_dir/disk"
  unshare --user --mount --map-current-user --keep-caps bash -ec '
    mount -t tmpfs -o "$1" small "$3/disk"
    for table in /etc/subuid /etc/subgid; do mount --bind "$3/nobody" "$table"; done
    export XDG_DATA_HOME=$3/disk XDG_RUNTIME_DIR=$3/disk/run
    mkdir -m 700 "$XDG_RUNTIME_DIR"
    cd "$3"
    exec setpriv --ambient-caps -all --inh-caps -all bash -euc "
      space() { stat -f -c %a disk; }
      # The first image brings the reserve file of the store along.
      ctr pull -q $FAULTS/small:1 2>err >out
      ctr rmi -a >out
      $2"' small-disk "$@" "$file_dir"
}

@test "a download that fills the disk is one clear error, and the space comes back" {
  run -0 on_small_disk size=12m '
    before=$(space)
    ctr pull -q '"$FAULTS"'/large:download 2>err && exit 1
    grep "^Error: " err
    [ "$(grep -vc "level=warning" err)" -le 2 ]
    echo "$before / $(space)" >&2
    [ "$before" = "$(space)" ]
    ctr images -q
    ctr pull -q '"$FAULTS"'/small:1 2>err
    ctr rmi -a'
  # The layer is unpacked while it comes in: either of the two meets the full disk first.
  assert_match "Error: .*write (blob|'data).*No space left on device"
}

@test "a layer that fills the disk when it is unpacked is one clear error, and the space comes back" {
  run -0 on_small_disk size=12m '
    before=$(space)
    ctr pull -q '"$FAULTS"'/large:unpacked 2>err && exit 1
    grep "^Error: " err
    [ "$before" = "$(space)" ]
    ctr images -q'
  assert_match "Error: .*unpack layer sha256:.*'zeros': No space left on device"
}

@test "on a full disk, and on one without inodes, images are listed and removed" {
  run -0 on_small_disk size=12m '
    ctr pull -q '"$FAULTS"'/small:1 2>err
    cat /dev/zero >disk/filler 2>err || true
    [ "$(ctr images -q | wc -l)" = 1 ]
    ctr pull -q '"$FAULTS"'/large:download 2>err && exit 1
    grep "^Error: .*No space left on device" err
    ctr rmi '"$FAULTS"'/small:1
    [ -z "$(ctr images -q)" ]'
  run -0 on_small_disk size=12m,nr_inodes=120 '
    ctr pull -q '"$FAULTS"'/small:1 2>err
    while : 2>err >disk/inode$((number=${number:-0} + 1)); do :; done
    [ "$(ctr images -q | wc -l)" = 1 ]
    ctr pull -q '"$FAULTS"'/large:download 2>err && exit 1
    grep "^Error: .*No space left on device" err
    ctr rmi '"$FAULTS"'/small:1
    [ -z "$(ctr images -q)" ]'
}
