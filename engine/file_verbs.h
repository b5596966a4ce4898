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

class FileVerbs {
 public:
  virtual ~FileVerbs() = default;

  // What a container has changed against its image, or an image's last layer against those below it; against `base`
  // when it is named. Sorted by path, without what every container is given (/dev, /proc, /etc/hosts, …).
  // Errors: not_found in podman's words; unsupported for a container with --rootfs and no `base`.
  virtual Result<std::vector<ChangedPath>> diff(TreeKind kind, const std::string& name, const std::string& base) = 0;
};

// The verbs of an open engine; they live as long as it does.
FileVerbs& file_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<FileVerbs> make_file_verbs(Core& core);

}  // namespace ctr::engine
