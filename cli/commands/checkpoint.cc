// container checkpoint and restore: known, so that scripts hear why there are none.
#include "cli/commands/all.h"
#include "cli/commands/common.h"

namespace ctr::cli {
namespace {

constexpr std::array k_checkpoint_options = {
    flag("all", 'a', "All running containers"),
    value("compress", 'c', "ALGORITHM", "Compression of the exported checkpoint: gzip, none or zstd"),
    value("create-image", 0, "NAME", "Store the checkpoint as an image"),
    value("export", 'e', "FILE", "Write the checkpoint to an archive", Complete::files),
    flag("file-locks", 0, "Checkpoint file locks"),
    flag("ignore-rootfs", 0, "Leave changed files out of the archive"),
    flag("ignore-volumes", 0, "Leave volumes out of the archive"),
    flag("keep", 'k', "Keep the files of the checkpoint"),
    flag("leave-running", 'R', "Let the container run on"),
    flag("pre-checkpoint", 'P', "Save the memory beforehand, while the container runs"),
    flag("print-stats", 0, "Print how long it took"),
    flag("tcp-established", 0, "Checkpoint established TCP connections"),
    flag("with-previous", 0, "Save what has changed since --pre-checkpoint"),
};
constexpr std::array k_restore_options = {
    flag("all", 'a', "All containers with a checkpoint"),
    flag("file-locks", 0, "Restore file locks"),
    flag("ignore-rootfs", 0, "Leave changed files of the archive alone"),
    flag("ignore-static-ip", 0, "Ignore the address the container had"),
    flag("ignore-static-mac", 0, "Ignore the hardware address the container had"),
    flag("ignore-volumes", 0, "Leave volumes of the archive alone"),
    value("import", 'i', "FILE", "Restore from an archive", Complete::files),
    value("import-previous", 0, "FILE", "The archive of --pre-checkpoint", Complete::files),
    flag("keep", 'k', "Keep the files of the checkpoint"),
    value("name", 'n', "NAME", "Name of the restored container"),
    value("pod", 0, "POD", "Restore into this pod"),
    flag("print-stats", 0, "Print how long it took"),
    list("publish", 'p', "PORT", "Publish other ports"),
    flag("tcp-close", 0, "Close the TCP connections it had"),
    flag("tcp-established", 0, "Restore established TCP connections"),
};

Error refusal(std::string_view verb) {
  return Error(Errc::unsupported, std::string(verb) +
                                      ": processes are saved and brought back by CRIU, which has to be "
                                      "root of the host")
      .with_hint(
          "`ctr commit` keeps a container's files as an image, `ctr export` as an archive; start anew from there");
}

Result<int> checkpoint(Context&, const Args&) { return refusal("container checkpoint"); }
Result<int> restore(Context&, const Args&) { return refusal("container restore"); }

}  // namespace

constexpr Command k_container_checkpoint_command = {.name = "container checkpoint",
                                                    .aliases = {},
                                                    .usage = "[options] CONTAINER [CONTAINER...]",
                                                    .summary = "Refused: processes cannot be saved without root",
                                                    .options = {group<k_checkpoint_options>, latest_options},
                                                    .complete = Complete::running,
                                                    .run = checkpoint};

constexpr Command k_container_restore_command = {.name = "container restore",
                                                 .aliases = {},
                                                 .usage = "[options] CONTAINER|IMAGE [CONTAINER|IMAGE...]",
                                                 .summary = "Refused: processes cannot be brought back without root",
                                                 .options = {group<k_restore_options>, latest_options},
                                                 .complete = Complete::containers,
                                                 .run = restore};

}  // namespace ctr::cli
