#include "runtime/log_journal.h"

#include "base/parse.h"

namespace ctr::runtime {
namespace {

// Source: syslog(3), LOG_INFO and LOG_ERR.
constexpr std::string_view k_priority_stdout = "6";
constexpr std::string_view k_priority_stderr = "3";
constexpr size_t k_short_id = 12;

std::string_view field(const JournalRecord& entry, std::string_view name) {
  const auto found = entry.find(name);
  return found == entry.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

JournalLog::JournalLog(Journal journal, const LaunchPlan& plan)
    : journal_(std::move(journal)),
      id_(plan.container_id),
      name_(plan.name),
      tag_(plan.log.tag),
      labels_(plan.log.labels) {}

Result<JournalLog> JournalLog::open(const LaunchPlan& plan, const std::string& socket) {
  return JournalLog(TRY(Journal::connect(socket)), plan);
}

Result<void> JournalLog::append(Stream stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view head = bytes.substr(0, k_log_line_bytes);
    const size_t newline = head.find('\n');
    const bool whole = newline != std::string_view::npos;
    const std::string_view text = whole ? head.substr(0, newline) : head;
    TRY(send_line(stream, text, !whole));
    bytes.remove_prefix(text.size() + (whole ? 1 : 0));
  }
  return ok();
}

Result<void> JournalLog::send_line(Stream stream, std::string_view text, bool partial) {
  std::vector<JournalField> fields = {
      {"MESSAGE", text},          {"PRIORITY", stream == Stream::stdout_ ? k_priority_stdout : k_priority_stderr},
      {"CONTAINER_ID_FULL", id_}, {"CONTAINER_ID", std::string_view(id_).substr(0, k_short_id)},
      {"CONTAINER_NAME", name_},  {"SYSLOG_IDENTIFIER", tag_.empty() ? name_ : tag_},
  };
  if (!tag_.empty()) fields.push_back({"CONTAINER_TAG", tag_});
  if (partial) fields.push_back({"CONTAINER_PARTIAL_MESSAGE", "true"});
  for (const std::string_view label : labels_) {
    const size_t equals = label.find('=');
    fields.push_back({label.substr(0, equals), label.substr(std::min(equals, label.size() - 1) + 1)});
  }
  return journal_.send(fields);
}

LogRecord log_record_of(const JournalRecord& entry) {
  LogRecord record;
  const auto source = field(entry, "_SOURCE_REALTIME_TIMESTAMP");
  const auto text = source.empty() ? field(entry, "__REALTIME_TIMESTAMP") : source;
  const auto micros = parse_unsigned(text, "time", INT64_MAX / 1000);
  record.time = TimePoint(std::chrono::microseconds(static_cast<int64_t>(micros ? *micros : 0)));
  record.stream = field(entry, "PRIORITY") == k_priority_stderr ? Stream::stderr_ : Stream::stdout_;
  record.partial = field(entry, "CONTAINER_PARTIAL_MESSAGE") == "true";
  record.text = field(entry, "MESSAGE");
  return record;
}

Result<ContainerLog> open_container_log(const LaunchPlan& plan) {
  ContainerLog log;
  if (plan.log.driver == LogPlan::Driver::k8s_file)
    log.file = TRY(LogWriter::open(plan.log.path, plan.log.max_size_bytes));
  if (plan.log.driver == LogPlan::Driver::journald) log.journal = TRY(JournalLog::open(plan));
  return log;
}

}  // namespace ctr::runtime
