// The journal of systemd: sending entries in its own protocol, and reading what journalctl(1) prints of them.
//
//   we                                   systemd-journald
//     a datagram of fields ─────────────▶  /run/systemd/journal/socket
//     or, when it is too long for one,
//     an empty datagram with a memfd ───▶  reads the fields from it
//
// Nothing comes back: what journald drops, for its limits on rates, is not told.
// Source: systemd, "Native Journal Protocol" and "Journal Export Formats".
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace ctr {

inline constexpr const char* k_journal_socket = "/run/systemd/journal/socket";

struct JournalField {
  std::string_view name;  // see is_journal_field()
  std::string_view value;
};

// Whether clients may send a field of that name: capitals, digits and underscores, at most 64, a capital first.
bool is_journal_field(std::string_view name);
// The fields of one entry as they are sent.
std::string journal_entry(std::span<const JournalField> fields);

class [[nodiscard]] Journal {
 public:
  // Errors: not_found when no journald runs here.
  static Result<Journal> connect(const std::string& path = k_journal_socket);

  // A journald that takes nothing for five seconds loses the entry. Errors: io, timed_out.
  Result<void> send(std::span<const JournalField> fields);

 private:
  explicit Journal(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

// One line of `journalctl -o json`: bytes that are no text come as numbers, and of several values of a field the first
// counts. nullopt when it is no entry.
using JournalRecord = std::map<std::string, std::string, std::less<>>;
std::optional<JournalRecord> parse_journal_line(std::string_view line);

}  // namespace ctr
