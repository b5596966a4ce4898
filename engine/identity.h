// Who a container's program runs as, against the account files as the program will see them, and the lines those lack.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/users.h"
#include "engine/spec.h"
#include "engine/user.h"
#include "runtime/rootfs_plan.h"
#include "runtime/spec.h"
#include "storage/merged_view.h"

namespace ctr::engine {

// Texts of /etc/passwd and /etc/group; empty where there is none.
struct Accounts {
  std::string passwd;
  std::string group;
  bool operator==(const Accounts&) const = default;
};

// What a container's root is made of: its writable directory, if the plan names one, above the layers, or one
// directory.
Result<storage::MergedView> open_root_view(const runtime::RootfsPlan& rootfs);

// The account files of a container that does not run, or as the disk has them: what it has written counts, and what is
// mounted over them. Links stay inside the root. Errors: invalid for what is no regular file or too large.
Result<Accounts> read_accounts(const runtime::RootfsPlan& rootfs, const std::vector<runtime::SpecMount>& mounts);

// The user who runs ctr, for --userns keep-id.
struct Caller {
  PasswdEntry user;  // without an entry on the host: the uid as name
  GroupEntry group;
};
Result<Caller> find_caller(uint32_t uid, uint32_t gid);

struct IdentityInput {
  std::string user;                 // as --user, or the image's; empty: root, or with keep-id the kept ids
  std::vector<std::string> groups;  // --group-add
  std::string working_dir;          // effective: the home of who has none
  UsernsChoice userns;
  std::optional<Caller> caller;                   // with keep-id
  const std::vector<runtime::SpecMount>& mounts;  // what is mounted over an account file is not added to
  bool adds_lines = true;                         // --passwd
  std::vector<PasswdEntry> host_users = {};       // --hostuser
  std::string passwd_entry = {};                  // in place of podman's lines
  std::string group_entry = {};
};

struct Identity {
  ResolvedUser user;
  Accounts missing;  // lines to append before the program starts
  bool operator==(const Identity&) const = default;
};

// The users of the host with these names. Errors: not_found.
Result<std::vector<PasswdEntry>> find_host_users(const std::vector<std::string>& names);

// podman's lines: one for each user of the host that was asked for, with keep-id one for the caller, and one for a
// number that has no name. A name of the container wins. Errors: as resolve_user().
Result<Identity> find_identity(const IdentityInput& input, const Accounts& accounts);

}  // namespace ctr::engine
