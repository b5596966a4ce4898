// Copy-up: a fresh volume takes over what the image has at its place, and a volume's files get other owners. It runs
// inside the user namespace with the full id map, where every owner can be given, and works on descriptors only.
//
//   volumes/<name>/_data        what containers see
//   volumes/<name>/.filling     a copy that is being made: removed by whoever finds it with the volume's lock
//   volumes/<name>/.filled      a whole copy, synced, that is being moved into _data: gone on with by whoever finds it
//
// So a volume never looks whole when only half of it was copied, and _data stays the directory that others may have
// mounted already.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "engine/core.h"
#include "runtime/idmap.h"

namespace ctr::engine {

inline constexpr const char* k_volume_filling = ".filling";
inline constexpr const char* k_volume_filled = ".filled";

// Ids are those of the default user namespace.
struct FillRequest {
  std::vector<std::string> lower_dirs;  // the container's root, topmost first; at least one
  std::string path;                     // the volume's place in it
  bool copy = true;                     // take over the content, if the volume is empty
  bool chown = true;                    // take over owner, mode and times of the place; else of `uid` and `gid`
  bool sync = true;
  uint32_t uid = 0;  // owner of a volume for which the image has no place
  uint32_t gid = 0;
  // Which id stands for an id of the image, where the container's are not the image's (keep-id). Empty: the same.
  runtime::IdMap owners;
};
// `volume` is volumes/<name>, held exclusively. False when there is still nothing in it, because there was nothing to
// copy: another container may have something.
Result<bool> fill_volume(Core& core, const FillRequest& request, const Dir& volume);

struct ChownRequest {
  uint32_t uid = 0;
  uint32_t gid = 0;
  enum class Reach { itself, tree } reach = Reach::tree;
};
// Gives a file or directory (`target` may be O_PATH), and all below it, to another owner. Links are given, never
// followed; other file systems that are mounted below are left alone.
Result<void> chown_tree(Core& core, const ChownRequest& request, int target);

// The main function of the worker: descriptor 3 is the request, 4 the answer, 5 the volume or the target.
int run_volume_worker();

// Copies what is in `from` into `to`: files, directories, links, FIFOs with mode, owner, times and user.* attributes.
// Links are copied as links; devices are left out.
Result<void> copy_tree(const Dir& from, const Dir& to, const runtime::IdMap& owners = {});
// Owner, mode and times of `from`, given to `to`.
Result<void> copy_status(const Dir& from, const Dir& to, const runtime::IdMap& owners = {});
// What chown_tree does, in the worker. `target` may be O_PATH.
Result<void> give_tree(int target, const ChownRequest& request);

}  // namespace ctr::engine
