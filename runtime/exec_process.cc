#include "runtime/exec_process.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

// UINT32_MAX is (uid_t)-1: "leave it as it is" (setresuid(2)).
constexpr uint64_t k_largest_id = UINT32_MAX - 1;

void set_variable(const std::string& entry, std::vector<std::string>* env) {
  const std::string_view name = std::string_view(entry).substr(0, entry.find('=') + 1);
  std::erase_if(*env, [&](const std::string& known) { return known.starts_with(name); });
  env->push_back(entry);
}

void add_once(const std::string& name, std::vector<std::string>* list) {
  if (std::find(list->begin(), list->end(), name) == list->end()) list->push_back(name);
}

// Inheritable stays as it is (CVE-2022-29162), and without it there is no ambient either.
void add_capability(const std::string& name, SpecCapabilities* sets) {
  add_once(name, &sets->bounding);
  add_once(name, &sets->effective);
  add_once(name, &sets->permitted);
}

}  // namespace

Result<NumericUser> parse_numeric_user(std::string_view text) {
  const auto refuse = [&] {
    return Error(Errc::invalid, fmt::format("user '{}' is not a number, or two as in 'uid:gid'", printable(text)));
  };
  const size_t colon = text.find(':');
  const auto uid = parse_unsigned(text.substr(0, colon), "uid", k_largest_id);
  if (!uid) return refuse();
  NumericUser user{.uid = static_cast<uint32_t>(*uid), .gid = {}};
  if (colon == std::string_view::npos) return user;
  const auto gid = parse_unsigned(text.substr(colon + 1), "gid", k_largest_id);
  if (!gid) return refuse();
  user.gid = static_cast<uint32_t>(*gid);
  return user;
}

Result<SpecProcess> make_exec_process(const SpecProcess& first, const ExecWords& words) {
  SpecProcess process = first;
  process.args = words.args;
  process.terminal = words.terminal;
  process.console_size.reset();
  for (const std::string& entry : words.env) {
    if (entry.find('=') == std::string::npos || entry.starts_with('=')) {
      return Error(Errc::invalid, fmt::format("environment variable '{}' is not NAME=VALUE", printable(entry)));
    }
    set_variable(entry, &process.env);
  }
  if (words.user) {
    process.user.uid = words.user->uid;
    process.user.gid = words.user->gid.value_or(process.user.gid);
  }
  process.user.additional_gids.insert(process.user.additional_gids.end(), words.additional_gids.begin(),
                                      words.additional_gids.end());
  if (!words.cwd.empty()) process.cwd = words.cwd;
  if (!words.apparmor_profile.empty()) process.apparmor_profile = words.apparmor_profile;
  if (!words.selinux_label.empty()) process.selinux_label = words.selinux_label;
  if (!words.capabilities.empty() && !process.capabilities) process.capabilities = SpecCapabilities{};
  for (const std::string& name : words.capabilities) add_capability(name, &*process.capabilities);
  process.no_new_privileges = process.no_new_privileges || words.no_new_privileges;
  return process;
}

}  // namespace ctr::runtime
