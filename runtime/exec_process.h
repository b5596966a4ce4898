// The process `exec` starts, from the container's own and the words of the command line. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec_process.h"

namespace ctr::runtime {

struct NumericUser {
  uint32_t uid = 0;
  std::optional<uint32_t> gid;
  bool operator==(const NumericUser&) const = default;
};
// "uid" or "uid:gid", decimal and nothing else: what is no number never becomes 0 (CVE-2026-30892), and the number that
// means "unchanged" to the kernel is none.
Result<NumericUser> parse_numeric_user(std::string_view text);

struct ExecWords {
  std::vector<std::string> args;
  bool terminal = false;
  std::vector<std::string> env;  // KEY=VALUE, over the container's
  std::optional<NumericUser> user;
  std::vector<uint32_t> additional_gids;  // besides the container's
  std::string cwd;                        // empty: the container's; as the next two
  std::string apparmor_profile;
  std::string selinux_label;
  std::vector<std::string> capabilities;  // besides the container's
  bool no_new_privileges = false;         // besides the container's
};
// Errors: invalid, for what no process can have.
Result<SpecProcess> make_exec_process(const SpecProcess& first, const ExecWords& words);

}  // namespace ctr::runtime
