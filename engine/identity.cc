#include "engine/identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

constexpr size_t k_account_limit_bytes = size_t{1} << 20;
constexpr const char* k_passwd = "/etc/passwd";
constexpr const char* k_group = "/etc/group";

const runtime::SpecMount* find_mount(const std::vector<runtime::SpecMount>& mounts, std::string_view destination) {
  const auto found =
      std::find_if(mounts.begin(), mounts.end(), [&](const auto& mount) { return mount.destination == destination; });
  return found == mounts.end() ? nullptr : &*found;
}

bool is_covered(const std::vector<runtime::SpecMount>& mounts, std::string_view file) {
  return find_mount(mounts, file) != nullptr || find_mount(mounts, "/etc") != nullptr;
}

Result<std::string> read_account(const storage::MergedView& view, const std::vector<runtime::SpecMount>& mounts,
                                 const std::string& file) {
  if (const auto* mount = find_mount(mounts, file)) {
    return TRY(read_file_if_exists(mount->source, k_account_limit_bytes)).value_or("");
  }
  if (const auto* mount = find_mount(mounts, "/etc")) {
    if (mount->type != "bind") return std::string{};  // a fresh tmpfs
    // The container may have written there: nothing leads out of it.
    const auto dir = TRY(Dir::open(mount->source));
    return TRY(read_account_file(dir, file.substr(file.rfind('/') + 1))).value_or("");
  }
  return TRY(view.read_file(file, k_account_limit_bytes)).value_or("");
}

bool has_user(const std::vector<PasswdEntry>& users, std::string_view name, uint32_t uid) {
  return std::any_of(users.begin(), users.end(),
                     [&](const auto& user) { return user.name == name || user.uid == uid; });
}

bool has_group(const std::vector<GroupEntry>& groups, std::string_view name, uint32_t gid) {
  return std::any_of(groups.begin(), groups.end(),
                     [&](const auto& group) { return group.name == name || group.gid == gid; });
}

std::optional<uint32_t> as_id(std::string_view text) {
  const auto number = parse_unsigned(text, "an id", INT32_MAX);
  return number ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
}

// The user's own line with the words of podman's that stand for something.
std::string filled(std::string line, const std::vector<std::pair<std::string_view, std::string>>& values) {
  for (const auto& [word, value] : values) {
    for (size_t at = line.find(word); at != std::string::npos; at = line.find(word, at + value.size())) {
      line.replace(at, word.size(), value);
    }
  }
  return line + "\n";
}

// Collects the lines that are missing; each line counts for those after it.
class Lines {
 public:
  Lines(const IdentityInput& input, const Accounts& accounts)
      : input_(input), users_(parse_passwd(accounts.passwd)), groups_(parse_group(accounts.group)) {}

  void add_host_user(const PasswdEntry& user) {
    if (!has_user(users_, user.name, user.uid)) add_user(user.name, user.uid, user.gid, user.gecos, home_of(user));
  }

  void add_caller(const Caller& caller) {
    const auto& user = caller.user;
    if (user.uid == 0) return;
    add_host_user(user);
    const auto& group = caller.group;
    if (!has_group(groups_, group.name, group.gid)) add_group(group.name, group.gid, user.name);
  }

  // A number without a name; the group of a user without an entry is the one that is named, else root's.
  void add_number(std::string_view text) {
    const auto colon = text.find(':');
    const auto user = text.substr(0, colon);
    const auto group = colon == std::string_view::npos ? user : text.substr(colon + 1);
    if (const auto uid = as_id(user); uid && !has_user(users_, user, *uid)) {
      add_user(user, *uid, colon == std::string_view::npos ? 0 : gid_of(group), "container user", fallback_home());
    }
    if (const auto gid = as_id(group); gid && !has_group(groups_, group, *gid)) add_group(group, *gid, user);
  }

  Accounts take() { return std::move(lines_); }

 private:
  // The caller's own home where a mount brings it along, else the working directory.
  std::string home_of(const PasswdEntry& user) const {
    if (!user.home.starts_with('/')) return fallback_home();
    for (std::string_view dir = user.home; dir.size() > 1; dir = dir.substr(0, dir.rfind('/'))) {
      if (find_mount(input_.mounts, dir) != nullptr) return user.home;
    }
    return fallback_home();
  }

  // What would end the field or the line has no place in it.
  std::string fallback_home() const {
    return input_.working_dir.find_first_of(":\n") == std::string::npos ? input_.working_dir : "/";
  }

  uint32_t gid_of(std::string_view group) const {
    if (const auto gid = as_id(group)) return *gid;
    const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const auto& g) { return g.name == group; });
    return found == groups_.end() ? 0 : found->gid;
  }

  void add_user(std::string_view name, uint32_t uid, uint32_t gid, std::string_view gecos, const std::string& home) {
    lines_.passwd += input_.passwd_entry.empty()
                         ? fmt::format("{}:*:{}:{}:{}:{}:/bin/sh\n", name, uid, gid, gecos, home)
                         : filled(input_.passwd_entry, {{"$USERNAME", std::string(name)},
                                                        {"$UID", std::to_string(uid)},
                                                        {"$GID", std::to_string(gid)},
                                                        {"$NAME", std::string(gecos)},
                                                        {"$HOME", home}});
    users_.push_back({.name = std::string(name), .uid = uid, .gid = gid, .gecos = {}, .home = home, .shell = {}});
  }

  void add_group(std::string_view name, uint32_t gid, std::string_view member) {
    lines_.group += input_.group_entry.empty() ? fmt::format("{}:x:{}:{}\n", name, gid, member)
                                               : filled(input_.group_entry, {{"$GROUPNAME", std::string(name)},
                                                                             {"$GID", std::to_string(gid)},
                                                                             {"$USERLIST", std::string(member)}});
    groups_.push_back({.name = std::string(name), .gid = gid, .members = {std::string(member)}});
  }

  const IdentityInput& input_;
  std::vector<PasswdEntry> users_;
  std::vector<GroupEntry> groups_;
  Accounts lines_;
};

// `lines` as they are appended to `text`, whose last line may not end.
std::string appended(const std::string& text, std::string lines) {
  const bool is_open = !lines.empty() && !text.empty() && !text.ends_with('\n');
  return is_open ? "\n" + lines : lines;
}

Accounts missing_lines(const IdentityInput& input, const std::string& user, const Accounts& accounts) {
  if (!input.adds_lines) return {};
  Lines lines(input, accounts);
  for (const auto& host_user : input.host_users) lines.add_host_user(host_user);
  if (input.caller) lines.add_caller(*input.caller);
  if (!user.empty()) lines.add_number(user);
  auto missing = lines.take();
  missing.passwd = appended(accounts.passwd, std::move(missing.passwd));
  missing.group = appended(accounts.group, std::move(missing.group));
  if (is_covered(input.mounts, k_passwd)) missing.passwd.clear();
  if (is_covered(input.mounts, k_group)) missing.group.clear();
  return missing;
}

}  // namespace

Result<storage::MergedView> open_root_view(const runtime::RootfsPlan& rootfs) {
  std::vector<std::string> dirs = {rootfs.directory};
  if (rootfs.kind != runtime::RootfsPlan::Kind::directory) {
    dirs = {rootfs.upper_dir};
    dirs.insert(dirs.end(), rootfs.lower_dirs.begin(), rootfs.lower_dirs.end());
  }
  return storage::MergedView::open(dirs);
}

Result<Accounts> read_accounts(const runtime::RootfsPlan& rootfs, const std::vector<runtime::SpecMount>& mounts) {
  const auto view = TRY(open_root_view(rootfs));
  return Accounts{TRY(read_account(view, mounts, k_passwd)), TRY(read_account(view, mounts, k_group))};
}

Result<Caller> find_caller(uint32_t uid, uint32_t gid) {
  Caller caller;
  caller.user = {.name = std::to_string(uid), .uid = uid, .gid = gid, .gecos = {}, .home = "/", .shell = {}};
  if (auto entry = TRY(find_host_user(uid))) caller.user = std::move(*entry);
  // Go's user.User, and so podman, takes the name out of the field.
  caller.user.gecos.resize(std::min(caller.user.gecos.find(','), caller.user.gecos.size()));
  caller.user.gid = gid;
  caller.group = {.name = std::to_string(gid), .gid = gid, .members = {}};
  for (auto& group : parse_group(TRY(read_file_if_exists(k_group)).value_or(""))) {
    if (group.gid == gid) {
      caller.group = std::move(group);
      break;
    }
  }
  return caller;
}

Result<std::vector<PasswdEntry>> find_host_users(const std::vector<std::string>& names) {
  std::vector<PasswdEntry> found;
  if (names.empty()) return found;
  const auto users = parse_passwd(TRY(read_file_if_exists(k_passwd)).value_or(""));
  for (const auto& name : names) {
    const auto user = std::find_if(users.begin(), users.end(), [&](const auto& one) { return one.name == name; });
    if (user == users.end()) return Error(Errc::not_found, fmt::format("user: unknown user {}", printable(name)));
    found.push_back(*user);
    found.back().gecos.resize(std::min(user->gecos.find(','), user->gecos.size()));
  }
  return found;
}

Result<Identity> find_identity(const IdentityInput& input, const Accounts& accounts) {
  auto user = input.user;
  const bool keep_id = input.caller.has_value();
  const auto kept_uid = input.userns.keep_uid.value_or(keep_id ? input.caller->user.uid : 0);
  const auto kept_gid = input.userns.keep_gid.value_or(keep_id ? input.caller->group.gid : 0);
  if (user.empty() && keep_id) user = fmt::format("{}:{}", kept_uid, kept_gid);
  Identity identity;
  identity.missing = missing_lines(input, user, accounts);
  // The group that is added has the user as its member, but no more rights come of that, as in podman.
  identity.user = TRY(resolve_user(user, input.groups, accounts.passwd + identity.missing.passwd, accounts.group));
  // Whoever the program runs as may use the caller's files.
  auto& groups = identity.user.groups;
  if (keep_id && std::find(groups.begin(), groups.end(), kept_gid) == groups.end()) groups.push_back(kept_gid);
  return identity;
}

}  // namespace ctr::engine
