// The options of one mount, sorted out: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine {

struct MountWords {
  std::vector<std::string> kept;  // for the kernel, as they are
  std::string propagation;        // empty: not said
  bool writable = true;
  bool recursive = true;
  bool copy_up = true;    // copy, nocopy; tmpcopyup, notmpcopyup
  bool chown = false;     // U
  bool overlay = false;   // O
  std::string upper_dir;  // of an overlay: where what is written stays; empty: nowhere
  std::string work_dir;
  std::string id_map;  // idmap, idmap=RANGES; empty: no
};

// Errors: invalid, naming the word and the mount.
Result<MountWords> sort_words(const MountSpec& mount);

}  // namespace ctr::engine
