// A container's output in the journal, with the fields that conmon gives it: MESSAGE, PRIORITY (6 for stdout, 3 for
// stderr), CONTAINER_ID, CONTAINER_ID_FULL, CONTAINER_NAME, CONTAINER_TAG, CONTAINER_PARTIAL_MESSAGE and
// SYSLOG_IDENTIFIER, which is the tag or the name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/journal.h"
#include "base/result.h"
#include "base/time.h"
#include "runtime/log_file.h"
#include "runtime/monitor_plan.h"

namespace ctr::runtime {

class [[nodiscard]] JournalLog {
 public:
  // Errors: as Journal::connect().
  static Result<JournalLog> open(const LaunchPlan& plan, const std::string& socket = k_journal_socket);

  // A line an entry; what does not end in a newline is a partial one, as in LogWriter. Errors: as Journal::send().
  Result<void> append(Stream stream, std::string_view bytes);

 private:
  JournalLog(Journal journal, const LaunchPlan& plan);
  Result<void> send_line(Stream stream, std::string_view text, bool partial);
  Journal journal_;
  std::string id_, name_, tag_;
  std::vector<std::string> labels_;  // "NAME=value"
};

// The record that such an entry holds.
LogRecord log_record_of(const JournalRecord& entry);

// Where the output goes: a file, the journal, or nowhere.
struct ContainerLog {
  std::optional<LogWriter> file;
  std::optional<JournalLog> journal;
  Result<void> append(Stream stream, std::string_view bytes, TimePoint time) {
    if (file) return file->append(stream, bytes, time);
    return journal ? journal->append(stream, bytes) : ok();
  }
};
// Errors: what keeps it from being opened.
Result<ContainerLog> open_container_log(const LaunchPlan& plan);

}  // namespace ctr::runtime
