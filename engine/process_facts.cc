#include "engine/process_facts.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <optional>

#include "base/text.h"

namespace ctr::engine {

namespace {

template <typename Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Error malformed(std::string_view field) {
  return Error(Errc::corrupt, fmt::format("/proc does not tell '{}' of a process", field));
}

// The values of the line "NAME:\t…".
std::vector<std::string> values_of(std::string_view status, std::string_view name) {
  const std::string key = fmt::format("{}:", name);
  std::vector<std::string> values;
  for (size_t line = 0; line < status.size();) {
    const size_t end = std::min(status.find('\n', line), status.size());
    const auto text = status.substr(line, end - line);
    line = end + 1;
    if (!text.starts_with(key)) continue;
    std::string blanks(text.substr(key.size()));
    for (char& c : blanks) c = c == '\t' ? ' ' : c;
    for (auto& value : split(blanks, ' ')) {
      if (!value.empty()) values.push_back(std::move(value));
    }
    break;
  }
  return values;
}

template <typename Number>
Result<std::vector<Number>> numbers_of(std::string_view status, std::string_view name, size_t least) {
  std::vector<Number> numbers;
  for (const auto& text : values_of(status, name)) {
    const auto value = number<Number>(text);
    if (!value) return malformed(name);
    numbers.push_back(*value);
  }
  if (numbers.size() < least) return malformed(name);
  return numbers;
}

Result<uint64_t> mask_of(std::string_view status, std::string_view name) {
  const auto values = values_of(status, name);
  const auto mask = values.size() == 1 ? number<uint64_t>(values.front(), 16) : std::nullopt;
  if (!mask) return malformed(name);
  return *mask;
}

// The fields behind the name, which is in parentheses and may contain some itself. The first one is field 3 of proc(5).
class StatFields {
 public:
  explicit StatFields(std::string_view rest) : fields_(split(rest, ' ')) {}
  template <typename Number>
  Result<Number> get(size_t field) const {
    constexpr size_t k_first = 3;
    const auto value =
        field - k_first < fields_.size() ? number<Number>(fields_[field - k_first]) : std::optional<Number>();
    if (!value) return malformed(fmt::format("field {} of stat", field));
    return *value;
  }

 private:
  std::vector<std::string> fields_;
};

Result<void> read_stat(std::string_view stat, ProcessFacts& facts) {
  const size_t begin = stat.find('(');
  const size_t end = stat.rfind(')');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin || stat.size() < end + 3) {
    return malformed("stat");
  }
  facts.name = stat.substr(begin + 1, end - begin - 1);
  const auto rest = trim(stat.substr(end + 2));
  if (rest.empty()) return malformed("stat");
  const StatFields fields(rest);
  facts.state = rest.front();
  facts.parent_pid = TRY(fields.get<int>(4));
  facts.terminal = TRY(fields.get<int>(7));
  facts.cpu_ticks = TRY(fields.get<uint64_t>(14)) + TRY(fields.get<uint64_t>(15));
  facts.nice = TRY(fields.get<int>(19));
  facts.start_ticks = TRY(fields.get<uint64_t>(22));
  facts.virtual_bytes = TRY(fields.get<uint64_t>(23));
  return ok();
}

}  // namespace

Result<ProcessFacts> parse_process(std::string_view stat, std::string_view status) {
  ProcessFacts facts;
  TRY(read_stat(stat, facts));
  facts.pids = TRY(numbers_of<int>(status, "NSpid", 1));
  facts.process_groups = TRY(numbers_of<int>(status, "NSpgid", 1));
  const auto uids = TRY(numbers_of<uint32_t>(status, "Uid", 2));
  const auto gids = TRY(numbers_of<uint32_t>(status, "Gid", 2));
  facts.real_uid = uids[0];
  facts.effective_uid = uids[1];
  facts.real_gid = gids[0];
  facts.effective_gid = gids[1];
  facts.groups = TRY(numbers_of<uint32_t>(status, "Groups", 0));
  // A process that has ended and waits for its parent has no memory.
  const auto resident = values_of(status, "VmRSS");
  if (!resident.empty()) facts.resident_kib = number<uint64_t>(resident.front()).value_or(0);
  facts.inheritable = TRY(mask_of(status, "CapInh"));
  facts.permitted = TRY(mask_of(status, "CapPrm"));
  facts.effective = TRY(mask_of(status, "CapEff"));
  facts.bounding = TRY(mask_of(status, "CapBnd"));
  facts.ambient = TRY(mask_of(status, "CapAmb"));
  // A kernel without seccomp has no such line.
  const auto seccomp = values_of(status, "Seccomp");
  if (!seccomp.empty()) facts.seccomp = number<int>(seccomp.front()).value_or(0);
  return facts;
}

std::string terminal_name(int device) {
  constexpr unsigned k_virtual_consoles = 4;
  constexpr unsigned k_first_serial = 64;
  constexpr unsigned k_first_pts = 136;
  constexpr unsigned k_last_pts = 143;
  constexpr unsigned k_pts_of_major = 256;
  const auto number = static_cast<dev_t>(static_cast<unsigned>(device));
  const unsigned kind = major(number);
  const unsigned index = minor(number);
  if (kind >= k_first_pts && kind <= k_last_pts) {
    return fmt::format("pts/{}", (kind - k_first_pts) * k_pts_of_major + index);
  }
  if (kind != k_virtual_consoles) return "?";
  return index < k_first_serial ? fmt::format("tty{}", index) : fmt::format("ttyS{}", index - k_first_serial);
}

}  // namespace ctr::engine
