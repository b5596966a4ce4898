# shellcheck shell=bash
# For root: in_session COMMAND... runs it as a user in his systemd session. Its processes live below user@1000.service,
# which systemd delegates to the user.

path=/opt/ctr/bin:/usr/bin:/bin
in_session() {
  setpriv --reuid tester --regid tester --init-groups env XDG_RUNTIME_DIR=/run/user/1000 PATH=$path HOME=/home/tester \
    systemd-run --user --quiet --pipe --wait --collect -E PATH=$path -E HOME=/home/tester "$@"
}
