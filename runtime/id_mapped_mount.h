// Mounts that show the files of their source under other ids.
//
// Only who owns a file system may map its ids, which is root of the host and not of a container: the launcher makes
// these mounts and hands them over. Source: mount_setattr(2) "ID-mapped mounts"; OCI runtime-spec config.md "Mounts".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/idmap.h"

namespace ctr::runtime {

struct IdMappedMount {
  int place = -1;              // register of the child
  std::string source;          // absolute path of the host
  bool nofollow = false;       // a source that is a link is mounted itself
  bool tree = false;           // the mounts below the source come along
  bool map_tree = false;       // and are mapped as well
  bool may_fail = false;       // a copy without a map, which is left out if it cannot be made
  IdMap ids;                   // ids of the files to ids of the host
  std::string user_namespace;  // path of one whose map it is, instead of `ids`
  std::string words;           // what it is for, in messages
  bool operator==(const IdMappedMount&) const = default;
};

// Ids as crun's option has them, "uids=0-1-10#10-20-5;gids=@0-1-10": first id of the files, first id of the host,
// count. With @ the second number is an id of the container, whose map is `container`. Errors: invalid, naming the
// part.
Result<IdMap> parse_id_ranges(const std::string& text, const IdMap& container);

struct HostFacts;
// {register, detached mount} for each.
// Errors: permission when the kernel does not let this user, unsupported when the file system cannot.
Result<std::vector<std::pair<int, Fd>>> make_id_mapped_mounts(const std::vector<IdMappedMount>& mounts,
                                                              const HostFacts& host);

}  // namespace ctr::runtime
