// Reads the journal through the program journalctl(1): the library that reads its files cannot be linked statically.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/journal.h"
#include "base/paths.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::engine {

struct JournalQuery {
  std::vector<std::string> matches;  // "FIELD=value": of one field alternatives, those of several must all hold
  std::optional<TimePoint> since = {};
  std::optional<TimePoint> until = {};
  std::optional<uint64_t> last = {};  // entries
  bool follow = false;
};
// The arguments of journalctl.
std::vector<std::string> journalctl_arguments(const JournalQuery& query);

using JournalSink = std::function<Result<void>(const JournalRecord&)>;
// Asked before each wait when following: how long to wait for more at most; nullopt: that is all.
using JournalWait = std::function<Result<std::optional<std::chrono::milliseconds>>()>;

// Calls `sink` for each entry in order. Errors: not_found without journalctl; what journalctl says; what `sink` and
// `wait` return; interrupted.
Result<void> read_journal(const Environment& environment, const JournalQuery& query, const JournalSink& sink,
                          const JournalWait& wait, const CancelToken& cancel);

}  // namespace ctr::engine
