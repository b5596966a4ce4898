# shellcheck shell=bash
# Bundles of busybox for the tests of `ctr runtime` in the machine, in a directory of their own.
#
#   new_bundle JQ-FILTER [SCRIPT]    makes ./config.json: the program is `sh -c SCRIPT`, or one that sleeps
#   rt WORDS...                      ctr runtime with the state of this file
#   start_box [ID]                   creates and starts it, from the bundle in the working directory
#   cgroup_of ID                     the directory of the container's cgroup
#   status_of ID

work=$(mktemp -d)
chmod 0755 "$work"
cd "$work" || exit 1
mkdir -p rootfs/{bin,proc,sys/fs/cgroup,dev,tmp}
cp "$(command -v busybox)" rootfs/bin/busybox
for name in cat echo head kill ls mkdir sh sleep true; do ln -s busybox "rootfs/bin/$name"; done

rt() { ctr runtime --root "$work/state" "$@"; }

new_bundle() {
  jq -n --arg script "${2:-trap 'exit 0' TERM; while :; do sleep 1; done}" '{ociVersion: "1.0.2", root: {path: "rootfs"},
    process: {user: {uid: 0, gid: 0}, args: ["sh", "-c", $script], env: ["PATH=/bin"], cwd: "/"},
    mounts: [{destination: "/proc", type: "proc", source: "proc"},
      {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"]},
      {destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"]}],
    linux: {namespaces: (["pid", "ipc", "uts", "mount", "cgroup"] | map({type: .}))}}' | jq "$1" >config.json
}

# The descriptors of the machine's log stay with us.
start_box() { rt "${globals[@]}" run --detach "${1:-box}" </dev/null >box.log 2>&1 || { cat box.log; return 1; }; }
status_of() { rt state "$1" | jq -r .status; }
has_status() { [ "$(status_of "$1")" = "$2" ]; }
cgroup_of() { printf '/sys/fs/cgroup%s\n' "$(sed -n 's/^0:://p' "/proc/$(rt state "$1" | jq .pid)/cgroup")"; }
globals=()
