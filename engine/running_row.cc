#include "engine/running_row.h"

#include <charconv>
#include <optional>

namespace ctr::engine {

namespace {

// The first field. A row that begins otherwise was written by another version of ctr.
constexpr std::string_view k_form = "2";

void add(std::string& row, std::string_view field) {
  row.append(std::to_string(field.size())).append(1, ':').append(field);
}

void add(std::string& row, int64_t number) { add(row, std::to_string(number)); }

void add(std::string& row, TimePoint time) { add(row, int64_t{time.time_since_epoch().count()}); }

template <typename Number>
std::optional<Number> number_of(std::string_view digits) {
  Number number = 0;
  const auto [stop, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return status == std::errc() && stop == digits.data() + digits.size() ? std::optional(number) : std::nullopt;
}

// Takes fields off the front of a row. What is missing or wrong reads as empty or 0, and is told at the end.
class Fields {
 public:
  explicit Fields(std::string_view row) : rest_(row) {}

  std::string_view text() {
    const size_t colon = std::min(rest_.find(':'), rest_.size());
    const auto length = number_of<size_t>(rest_.substr(0, colon));
    if (!length || *length >= rest_.size() - colon) {
      good_ = false;
      return {};
    }
    const auto field = rest_.substr(colon + 1, *length);
    rest_.remove_prefix(colon + 1 + *length);
    return field;
  }
  template <typename Number>
  Number number() {
    const auto read = number_of<Number>(text());
    if (!read) good_ = false;
    return read.value_or(0);
  }
  TimePoint time() { return TimePoint(std::chrono::nanoseconds(number<int64_t>())); }

  // All fields were right, and there are no others.
  bool at_end() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

// The specification of most containers: digits for what is not in every one. Of others it is their document.
struct PlainSpec {
  NetworkChoice::Mode network = NetworkChoice::Mode::private_;
  bool terminal = false;
  bool stdin_open = false;
  bool auto_remove = false;

  SpecSummary summary() const {
    SpecSummary spec;
    spec.network.mode = network;
    spec.terminal = terminal;
    spec.stdin_open = stdin_open;
    spec.auto_remove = auto_remove;
    return spec;
  }
};
constexpr size_t k_plain_digits = 4;

char digit(int number) { return static_cast<char>('0' + number); }

std::string spec_text(const ContainerSpec& spec) {
  const PlainSpec plain = {spec.network.mode, spec.terminal, spec.stdin_open, spec.auto_remove};
  if (summarize(spec) != plain.summary()) return dump_json(spec_summary_json(spec));
  return {digit(static_cast<int>(plain.network)), digit(plain.terminal), digit(plain.stdin_open),
          digit(plain.auto_remove)};
}

bool read_spec(std::string_view document, SpecSummary& spec) {
  if (document.size() == k_plain_digits) {
    if (document[0] < '0' || document[0] > digit(static_cast<int>(NetworkChoice::Mode::pod))) return false;
    const PlainSpec plain = {static_cast<NetworkChoice::Mode>(document[0] - '0'), document[1] == '1',
                             document[2] == '1', document[3] == '1'};
    spec = plain.summary();
    return true;
  }
  // As short as it is, no reader of a part has to allocate its path; nobody sees the error.
  const std::string what = "row";
  const auto json = parse_own_json(document, what);
  if (!json) return false;
  auto read = spec_summary_from_json(JsonReader(*json, what));
  if (!read) return false;
  spec = std::move(*read);
  return true;
}

}  // namespace

std::string row_of_record(const ContainerRecord& record, std::string_view name) {
  std::string row;
  for (const std::string_view text : {name, std::string_view(record.image_name), std::string_view(record.image_id),
                                      std::string_view(record.image_digest)}) {
    add(row, text);
  }
  add(row, record.created);
  add(row, spec_text(record.spec));
  add(row, static_cast<int64_t>(record.argv.size()));
  for (const auto& word : record.argv) add(row, word);
  return row;
}

std::string running_row(std::string_view of_record, const runtime::StateRecord& state) {
  std::string row;
  add(row, k_form);
  add(row, int64_t{state.monitor ? state.monitor->pid : 0});
  add(row, int64_t{state.init ? state.init->pid : 0});
  add(row, state.started.value_or(TimePoint()));
  add(row, int64_t{state.restart_count});
  return row.append(of_record);
}

bool read_running_row(std::string_view id, std::string_view row, ContainerInfo& info) {
  Fields fields(row);
  if (fields.text() != k_form) return false;
  info.id.hex = id;
  info.state = ContainerState::running;
  info.monitor_pid = fields.number<int>();
  info.pid = fields.number<int>();
  info.started = fields.time();
  info.restart_count = fields.number<int>();
  info.name = fields.text();
  info.image_name = fields.text();
  info.image_id = fields.text();
  info.image_digest = fields.text();
  info.created = fields.time();
  const auto spec = fields.text();
  // Of the rest each is one field at least.
  info.argv.resize(std::min(fields.number<size_t>(), row.size()));
  for (auto& word : info.argv) word = fields.text();
  // What a running container has not.
  info.exit_code = 0;
  info.oom_killed = false;
  info.error.clear();
  info.finished.reset();
  info.health = {};
  info.restart_pending = false;
  info.stopped_by_user = false;
  return fields.at_end() && read_spec(spec, info.spec);
}

}  // namespace ctr::engine
