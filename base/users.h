// passwd(5), group(5) and subid(5) files, read strictly and bounded: the lean binary has no NSS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace ctr {

struct PasswdEntry {
  std::string name;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string gecos;
  std::string home;
  std::string shell;
  bool operator==(const PasswdEntry&) const = default;
};
struct GroupEntry {
  std::string name;
  uint32_t gid = 0;
  std::vector<std::string> members;
  bool operator==(const GroupEntry&) const = default;
};
struct SubidRange {
  uint32_t first = 0;
  uint32_t count = 0;
  bool operator==(const SubidRange&) const = default;
};

// Entries with malformed numbers are left out, never read as 0. Lines over 4 KiB are left out.
std::vector<PasswdEntry> parse_passwd(std::string_view text);
std::vector<GroupEntry> parse_group(std::string_view text);
// Ranges of `name` or of its number, in file order.
std::vector<SubidRange> parse_subids(std::string_view text, std::string_view name, uint32_t uid);

// Reads "etc/passwd" or "etc/group" of a tree: in-root resolution, O_NONBLOCK, regular file, at most 1 MiB; a missing
// file is nullopt, a foreign type or a larger one an error.
Result<std::optional<std::string>> read_account_file(const Dir& root, std::string_view name);
// The host's entry for a uid, if /etc/passwd has one.
Result<std::optional<PasswdEntry>> find_host_user(uint32_t uid);

}  // namespace ctr
