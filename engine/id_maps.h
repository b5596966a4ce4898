// The maps of user namespaces that users ask for: words of options to ranges of ids. Computes only.
//
// Options count the ids of the user's own namespace, as podman's do: 0 is the user, 1 and up are the subordinate ids
// ("intermediate ids"). What comes out leads to the host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/users.h"
#include "engine/spec.h"
#include "runtime/idmap.h"

namespace ctr::engine {

// One [+ug]CONTAINER:[@]FROM[:SIZE].
struct IdWords {
  runtime::IdRange range;
  bool from_host = false;  // @: FROM is an id of the host
  bool extends = false;    // +: takes its ids from the ranges before it
  bool for_users = true;   // neither u nor g stands for both
  bool for_groups = true;
  bool operator==(const IdWords&) const = default;
};

// Several may stand in one text, behind one another. Errors: invalid, naming `option`.
Result<std::vector<IdWords>> parse_id_words(const std::vector<std::string>& texts, std::string_view option);

// What --uidmap and --gidmap ask for. Where one of them is not given the other counts for both; where all of a list
// begin with '+', the ids that are left fill the gaps. Errors: invalid when ids overlap, are not the user's, or id 0
// would not exist.
Result<runtime::IdMap> explicit_map(const UsernsChoice& choice, const runtime::IdMap& available);

// --subuidname and --subgidname: these ranges of the host from id 0 on. Errors: as explicit_map.
Result<runtime::IdMap> subid_map(const std::vector<SubidRange>& users, const std::vector<SubidRange>& groups,
                                 const runtime::IdMap& available);

// --userns nomap: the subordinate ids alone. Errors: unsupported without any.
Result<runtime::IdMap> subordinate_map(const runtime::IdMap& available);

struct AutoMapInput {
  const UsernsChoice& choice;
  const runtime::IdMap& available;
  const std::vector<runtime::IdMap>& taken;  // of other containers, to the host
  uint32_t size = 0;                         // how many ids the container needs
};
// --userns auto: subordinate ids that nobody has. Errors: invalid; no_space when they are too few.
Result<runtime::IdMap> automatic_map(const AutoMapInput& input);

// How many ids the users and groups of these files need: nobody's do not count, as in podman.
uint32_t needed_ids(std::string_view passwd, std::string_view group);

// Whether each id of the container is the same id of the user's own namespace, under whose map images are unpacked:
// their files have the right owners as they lie there.
bool keeps_owners(const runtime::IdMap& map, const runtime::IdMap& available);

}  // namespace ctr::engine
