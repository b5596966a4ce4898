#include "engine/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/journal.h"
#include "base/random.h"
#include "engine/container_info.h"
#include "engine/journal_reader.h"
#include "engine/launch_record.h"
#include "engine/restart.h"
#include "runtime/log_file.h"
#include "runtime/log_journal.h"
#include "runtime/outer_user.h"

namespace ctr::engine {
namespace {

// One container whose output is asked for.
struct Asked {
  std::string driver;
  std::string id;
  runtime::LogSource source;
};

Result<Asked> ask(Core& core, const ContainerId& id) {
  const auto* store = TRY(core.store());
  const auto entry = TRY(storage_id(id));
  const auto dir = TRY(store->containers().open(entry));
  const auto record = TRY(read_record(dir));
  Asked asked = {record.log_driver, id.hex, {}};
  if (asked.driver != "k8s-file" && asked.driver != "journald") {
    return Error(Errc::bad_state, fmt::format("this container is using the '{}' log driver, cannot read logs: this "
                                              "container is not logging output",
                                              record.log_driver));
  }
  asked.source.path = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), k_launch_file)).log.path;
  asked.source.watch_dir = store->containers().path(entry);
  asked.source.ended = [store, entry] {
    const auto container = store->containers().open(entry);
    const auto seen = container ? runtime::observe(*container) : container.error();
    if (!seen) return true;
    // One that is about to be started again writes on.
    return seen->liveness != runtime::Liveness::running && !is_restart_pending(seen->record);
  };
  return asked;
}

// journald takes entries in the order they were sent in: when one that we send after the end of the containers comes
// out of the journal, all of theirs have come. One that is dropped, for journald's limits, is waited for this long.
constexpr std::chrono::seconds k_after_end{5};
constexpr const char* k_end_field = "CTR_LOGS_END";
// How often it is asked whether the containers have ended.
constexpr std::chrono::milliseconds k_look{500};

Result<void> send_mark(const std::string& mark) {
  const std::array fields = {JournalField{"MESSAGE", "ctr logs has followed the container to its end"},
                             JournalField{"PRIORITY", "7"}, JournalField{k_end_field, mark}};
  auto journal = TRY(Journal::connect());
  return journal.send(fields);
}

Result<void> read_from_journal(Core& core, const std::vector<Asked>& all, const LogOptions& options) {
  JournalQuery query;
  for (const auto& asked : all) query.matches.push_back("CONTAINER_ID_FULL=" + asked.id);
  // Every user of the host may send entries with such a field.
  query.matches.push_back(fmt::format("_UID={}", runtime::outer_uid(core.options().uid)));
  query.since = options.since;
  query.until = options.until;
  query.last = options.tail;
  const auto runs = [](const Asked& asked) { return !asked.source.ended(); };
  query.follow = options.follow && std::any_of(all.begin(), all.end(), runs);
  const std::string mark = random_hex(8);
  if (query.follow) query.matches.insert(query.matches.end(), {"+", fmt::format("{}={}", k_end_field, mark)});
  bool is_over = false;
  const auto take = [&](const JournalRecord& entry) -> Result<void> {
    const auto end_mark = entry.find(k_end_field);
    is_over |= end_mark != entry.end() && end_mark->second == mark;
    const auto id = entry.find("CONTAINER_ID_FULL");
    for (const auto& asked : all) {
      // Events of systemd itself carry no output.
      if (id != entry.end() && id->second == asked.id && entry.contains("CONTAINER_NAME")) {
        TRY(asked.source.sink(runtime::log_record_of(entry)));
      }
    }
    return ok();
  };
  std::optional<TimePoint> end;
  const auto wait = [&]() -> Result<std::optional<std::chrono::milliseconds>> {
    if (std::any_of(all.begin(), all.end(), runs)) return std::optional(k_look);
    if (is_over) return std::optional<std::chrono::milliseconds>();
    if (!end) {
      TRY(send_mark(mark));
      end = now() + k_after_end;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(elapsed(now(), *end));
    return left.count() > 0 ? std::optional(left) : std::nullopt;
  };
  return read_journal(core.options().environment, query, take, wait, core.cancel());
}

}  // namespace

Result<void> read_container_logs(Core& core, const std::vector<ContainerId>& ids, const LogOptions& options,
                                 const LogSink& sink) {
  std::vector<Asked> all;
  size_t of_journal = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    all.push_back(TRY(ask(core, ids[i])));
    all.back().source.sink = [&sink, i](const runtime::LogRecord& line) {
      return sink(i, {line.time, line.stream == runtime::Stream::stderr_, line.partial, line.text});
    };
    if (all.back().driver == "journald") ++of_journal;
  }
  if (options.follow && of_journal > 0) {
    if (of_journal == all.size()) return read_from_journal(core, all, options);
    return Error(Errc::unsupported, "logs of different drivers cannot be followed together")
        .with_hint("follow the containers with the log driver journald by themselves");
  }
  const runtime::LogQuery query = {options.tail, options.since, options.until, options.follow};
  if (of_journal == 0) {
    std::vector<runtime::LogSource> sources;
    for (auto& asked : all) sources.push_back(std::move(asked.source));
    return runtime::read_logs(sources, query, core.cancel());
  }
  for (auto& asked : all) {
    if (asked.driver == "journald") {
      TRY(read_from_journal(core, {asked}, options));
    } else {
      TRY(runtime::read_logs({asked.source}, query, core.cancel()));
    }
  }
  return ok();
}

}  // namespace ctr::engine
