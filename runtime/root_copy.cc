#include "runtime/root_copy.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime/attach.h"

namespace ctr::runtime {
namespace {

Result<Fd> copy_root(int init) {
  // Processes of the container must not look into this one (ptrace(2), "Ptrace access mode checking").
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return Error::from_errno("hide from the container");
  if (::setns(init, CLONE_NEWUSER | CLONE_NEWNS) != 0) return Error::from_errno("join the container's mounts");
  Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree.valid()) return Error::from_errno("copy the mount of the container's root");
  struct mount_attr wanted{
      .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .attr_clr = 0, .propagation = MS_PRIVATE, .userns_fd = 0};
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &wanted, sizeof wanted) != 0) {
    return Error::from_errno("restrict the copy of the container's root");
  }
  return tree;
}

}  // namespace

int answer_with_root() {
  const Fd client(RootCopyDescriptors::k_client);
  const Fd init(RootCopyDescriptors::k_init);
  const auto root = copy_root(init.get());
  const Json answer = root ? Json::object().set("root", true) : Json::object().set("error", root.error().text());
  return send_packet(client.get(), Frame::answer, dump_json(answer), root ? root->get() : -1) ? 0 : 1;
}

}  // namespace ctr::runtime
