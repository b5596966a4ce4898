#include "engine/user.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "base/users.h"

namespace ctr::engine {

namespace {

// Docker and podman refuse ids above INT32_MAX; nobody's account files may smuggle in (uid_t)-1 this way either.
constexpr uint64_t k_id_limit = INT32_MAX;

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<uint32_t> parse_id(std::string_view text) {
  uint64_t id = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (status != std::errc{} || end != text.data() + text.size() || id > k_id_limit) {
    return Error(Errc::invalid, fmt::format("uids and gids must be in range 0-{}: '{}'", k_id_limit, printable(text)));
  }
  return static_cast<uint32_t>(id);
}

const PasswdEntry* find_user(const std::vector<PasswdEntry>& users, std::string_view name) {
  const auto found = std::find_if(users.begin(), users.end(), [&](const auto& user) { return user.name == name; });
  return found == users.end() ? nullptr : &*found;
}

const PasswdEntry* find_user(const std::vector<PasswdEntry>& users, uint32_t uid) {
  const auto found = std::find_if(users.begin(), users.end(), [&](const auto& user) { return user.uid == uid; });
  return found == users.end() ? nullptr : &*found;
}

Result<uint32_t> resolve_group(const std::vector<GroupEntry>& groups, std::string_view text) {
  if (is_number(text)) return parse_id(text);
  for (const auto& group : groups) {
    if (group.name == text) return group.gid;
  }
  return Error(Errc::not_found,
               fmt::format("unable to find group {}: no matching entries in group file", printable(text)));
}

void add_once(std::vector<uint32_t>& groups, uint32_t gid) {
  if (std::find(groups.begin(), groups.end(), gid) == groups.end()) groups.push_back(gid);
}

// The account: the passwd entry where there is one, else the bare number.
Result<ResolvedUser> resolve_account(std::string_view user, const std::vector<PasswdEntry>& users) {
  ResolvedUser resolved;
  const PasswdEntry* entry = nullptr;
  if (user.empty() || is_number(user)) {
    resolved.uid = user.empty() ? 0 : TRY(parse_id(user));
    entry = find_user(users, resolved.uid);
  } else {
    entry = find_user(users, user);
    if (!entry) {
      return Error(Errc::not_found,
                   fmt::format("unable to find user {}: no matching entries in passwd file", printable(user)))
          .with_hint("name a user of the image's /etc/passwd, or a number");
    }
  }
  if (entry) {
    if (entry->uid > k_id_limit || entry->gid > k_id_limit) {
      return Error(Errc::invalid, fmt::format("uids and gids must be in range 0-{}: /etc/passwd has {}:{} for '{}'",
                                              k_id_limit, entry->uid, entry->gid, printable(entry->name)));
    }
    resolved.uid = entry->uid;
    resolved.gid = entry->gid;
    resolved.name = entry->name;
    if (!entry->home.empty()) resolved.home = entry->home;
  }
  return resolved;
}

}  // namespace

Result<ResolvedUser> resolve_user(std::string_view user, const std::vector<std::string>& extra_groups,
                                  std::string_view passwd, std::string_view group) {
  const auto users = parse_passwd(passwd);
  const auto groups = parse_group(group);
  const auto colon = user.find(':');
  auto resolved = TRY(resolve_account(user.substr(0, colon), users));
  const auto group_text = colon == std::string_view::npos ? std::string_view{} : user.substr(colon + 1);
  if (!group_text.empty()) resolved.gid = TRY(resolve_group(groups, group_text));
  resolved.groups.push_back(resolved.gid);
  if (group_text.empty() && !resolved.name.empty()) {
    for (const auto& entry : groups) {
      const bool member = std::find(entry.members.begin(), entry.members.end(), resolved.name) != entry.members.end();
      if (member && entry.gid <= k_id_limit) add_once(resolved.groups, entry.gid);
    }
  }
  for (const auto& extra : extra_groups) {
    if (extra == "keep-groups") continue;
    add_once(resolved.groups, TRY(resolve_group(groups, extra)));
  }
  return resolved;
}

void set_user(runtime::SpecProcess& process, const ResolvedUser& user) {
  process.user.uid = user.uid;
  process.user.gid = user.gid;
  process.user.additional_gids = user.groups;
}

}  // namespace ctr::engine
