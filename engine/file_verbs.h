// The verbs on the files of containers and images: a header of its own, since few commands need it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace ctr::engine {

class Core;

// Names of one kind, or of any: then a container comes before an image.
enum class TreeKind { any, container, image };

struct ChangedPath {
  enum class Kind { added, changed, deleted } kind = Kind::added;
  std::string path;  // absolute in the container; any bytes but NUL
  bool operator==(const ChangedPath&) const = default;
};

// One end of a copy.
struct CopyEnd {
  enum class Kind { host, container, stream, volume } kind = Kind::host;
  std::string container;  // as typed; or the volume
  std::string path;       // as typed; of a container or a volume: from its root on; of a stream: a file, or "-"
  bool operator==(const CopyEnd&) const = default;
};

struct CopyRequest {
  CopyEnd source;
  CopyEnd destination;     // one of the two is a container, or one a volume and the other a stream
  bool archive = true;     // what is copied to a container belongs to its user; else the ids are kept
  bool overwrite = false;  // directories and other files may replace each other
  bool operator==(const CopyRequest&) const = default;
};

struct ExportRequest {
  std::string container;  // as typed
  std::string output;     // a file; empty: standard output
  bool operator==(const ExportRequest&) const = default;
};

struct CommitRequest {
  std::string container;  // as typed
  std::string name;       // of the image, as typed; ctr-transfer is given the full name. Empty: none
  std::string author;
  std::string message;               // Docker's format only
  std::vector<std::string> changes;  // see image_change.h, in order
  enum class Format { oci, docker } format = Format::oci;
  // Whether the processes rest while their files are read; if_possible: where they have a cgroup that can.
  enum class Pause { if_possible, yes, no } pause = Pause::if_possible;
  bool quiet = false;
  bool squash = false;           // one layer in place of those of the base and the new one
  bool include_volumes = false;  // the image declares the volumes that the container was given
  std::string config_file{};     // a file of changes to the configuration, as JSON
  bool operator==(const CommitRequest&) const = default;
};

class FileVerbs {
 public:
  virtual ~FileVerbs() = default;

  // What a container has changed against its image, or an image's last layer against those below it; against `base`
  // when it is named. Sorted by path, without what every container is given (/dev, /proc, /etc/hosts, …).
  // Errors: not_found in podman's words; unsupported for a container with --rootfs and no `base`.
  virtual Result<std::vector<ChangedPath>> diff(TreeKind kind, const std::string& name, const std::string& base) = 0;

  // Copies a file or what is in a directory, also while the containers run; a stream is a tar on standard input or
  // output. Errors: not_found, invalid and exists in podman's words; unsupported for a root that FUSE serves.
  virtual Result<void> copy(const CopyRequest& request) = 0;
  // The path of the volume's directory, where a volume that is a file system is mounted now. Errors: permission for who
  // is not root of a user namespace, in podman's words; not_found.
  virtual Result<std::string> mount_volume(const std::string& name) = 0;
  // The volume's name. Errors: as above.
  virtual Result<std::string> unmount_volume(const std::string& name) = 0;
  // A tar of the container's root, without what is mounted in it. Errors: not_found, io.
  virtual Result<void> export_container(const ExportRequest& request) = 0;
  // An image of the container's image and what the container has changed; its id, hex. What is mounted in the
  // container, and what ctr has put there, is no part of it.
  // Errors: not_found and invalid in podman's words; unsupported for a container with --rootfs, and for Pause::yes
  // where the container cannot be paused.
  virtual Result<std::string> commit(CommitRequest request) = 0;
};

// The verbs of an open engine; they live as long as it does.
FileVerbs& file_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<FileVerbs> make_file_verbs(Core& core);

}  // namespace ctr::engine
