#include "base/users.h"

#include <fcntl.h>

#include "base/parse.h"
#include "base/text.h"

namespace ctr {
namespace {

constexpr size_t k_line_limit_bytes = 4096;
constexpr size_t k_file_limit_bytes = size_t{1} << 20;

std::optional<uint32_t> parse_id(std::string_view text) {
  auto number = parse_unsigned(text, "an id", UINT32_MAX);
  // The largest value is the "no id" of chown(2) and setresuid(2).
  if (!number || *number == UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

// Calls `use` with the fields of every line that has at least `count` of them.
template <typename Use>
void for_each_line(std::string_view text, size_t count, Use use) {
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#' || line.size() > k_line_limit_bytes) continue;
    if (line.find('\0') != std::string_view::npos) continue;
    auto fields = split(line, ':');
    if (fields.size() >= count) use(fields);
  }
}

}  // namespace

std::vector<PasswdEntry> parse_passwd(std::string_view text) {
  std::vector<PasswdEntry> entries;
  for_each_line(text, 4, [&](std::vector<std::string>& fields) {
    auto uid = parse_id(fields[2]);
    auto gid = parse_id(fields[3]);
    if (fields[0].empty() || !uid || !gid) return;
    fields.resize(7);
    entries.push_back(
        {.name = fields[0], .uid = *uid, .gid = *gid, .gecos = fields[4], .home = fields[5], .shell = fields[6]});
  });
  return entries;
}

std::vector<GroupEntry> parse_group(std::string_view text) {
  std::vector<GroupEntry> entries;
  for_each_line(text, 3, [&](std::vector<std::string>& fields) {
    auto gid = parse_id(fields[2]);
    if (fields[0].empty() || !gid) return;
    GroupEntry entry{.name = fields[0], .gid = *gid, .members = {}};
    if (fields.size() > 3 && !fields[3].empty()) entry.members = split(fields[3], ',');
    entries.push_back(std::move(entry));
  });
  return entries;
}

std::vector<SubidRange> parse_subids(std::string_view text, std::string_view name, uint32_t uid) {
  std::vector<SubidRange> ranges;
  std::string number = std::to_string(uid);
  for_each_line(text, 3, [&](const std::vector<std::string>& fields) {
    if (fields[0] != number && (name.empty() || fields[0] != name)) return;
    auto first = parse_id(fields[1]);
    auto count = parse_id(fields[2]);
    // A range must end before the "no id" value.
    if (!first || !count || *count == 0 || *count > UINT32_MAX - *first) return;
    ranges.push_back({.first = *first, .count = *count});
  });
  return ranges;
}

Result<std::optional<std::string>> read_account_file(const Dir& root, std::string_view name) {
  std::string what = "'" + std::string(name) + "' of the image";
  auto file = root.open_in_root(name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) {
    if (file.error().sys() == ENOENT || file.error().sys() == ENOTDIR) return std::optional<std::string>();
    return std::move(file).error();
  }
  struct stat info{};
  if (::fstat(file->get(), &info) < 0) return Error::from_errno("stat " + what);
  if (!S_ISREG(info.st_mode)) return Error(Errc::invalid, what + " is not a regular file");
  return std::optional(TRY(read_all(file->get(), k_file_limit_bytes, what)));
}

Result<std::optional<PasswdEntry>> find_host_user(uint32_t uid) {
  auto text = TRY(read_file_if_exists("/etc/passwd"));
  if (!text) return std::optional<PasswdEntry>();
  for (auto& entry : parse_passwd(*text)) {
    if (entry.uid == uid) return std::optional(std::move(entry));
  }
  return std::optional<PasswdEntry>();
}

}  // namespace ctr
