// Who a container's program runs as: "user[:group]" and --group-add against the image's account files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec.h"

namespace ctr::engine {

struct ResolvedUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;  // for setgroups(2): the primary group first, then the others, each once
  std::string name;              // of the passwd entry; empty when there is none
  std::string home = "/";
  bool operator==(const ResolvedUser&) const = default;
};

// `passwd` and `group` are the texts of the image's files, empty when it has none.
//
// A number is an id, never a name, so that an out-of-range number cannot mean an account of the image. With a group
// after ':' the memberships of /etc/group do not count, as in podman.
// Errors: not_found ("unable to find user nosuchuser: no matching entries in passwd file"), invalid.
Result<ResolvedUser> resolve_user(std::string_view user, const std::vector<std::string>& extra_groups,
                                  std::string_view passwd, std::string_view group);

// Ids and groups of `process`; its capabilities are the caller's business.
void set_user(runtime::SpecProcess& process, const ResolvedUser& user);

}  // namespace ctr::engine
