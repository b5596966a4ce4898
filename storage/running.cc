#include "storage/running.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/random.h"

namespace ctr::storage {

namespace {

// A file of slots. What a listing takes of the time is the memory it reads: nearly all rows fit into the short ones.
struct Table {
  const char* name = "";
  size_t slot_bytes = 0;
  off_t offset_of(size_t slot) const { return static_cast<off_t>(slot * slot_bytes); }
  off_t claim_of(size_t slot) const { return offset_of(slot); }
  off_t mark_of(size_t slot) const { return offset_of(slot) + 1; }
};
constexpr Table k_short_rows = {"running", 512};
constexpr Table k_long_rows = {"running.long", 4096};
constexpr std::array k_tables = {k_short_rows, k_long_rows};
// What is read with one call: whole slots of either table.
constexpr size_t k_chunk_bytes = 8192;

// In front of the text: id, checksum and length, all of fixed width.
constexpr size_t k_id_digits = 64;
constexpr size_t k_sum_digits = 16;
constexpr size_t k_length_digits = 4;
constexpr size_t k_sum_at = k_id_digits + 1;
constexpr size_t k_length_at = k_sum_at + k_sum_digits + 1;
constexpr size_t k_head_bytes = k_length_at + k_length_digits + 1;
static_assert(k_head_bytes + k_longest_running_row_bytes <= k_long_rows.slot_bytes);
// Slots that are tried before the file is made longer, and places behind its end that are tried then.
constexpr int k_tries = 4;

// `length` 0 means up to the largest offset.
struct flock exclusive(off_t start, off_t length) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

bool try_lock(const Fd& file, off_t start, off_t length = 1) {
  auto lock = exclusive(start, length);
  return ::fcntl(file.get(), F_OFD_SETLK, &lock) == 0;
}

bool is_locked(const Fd& file, off_t start) {
  auto lock = exclusive(start, 1);
  return ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

Result<size_t> count_slots(const Table& table, const Fd& file) {
  struct stat info{};
  if (::fstat(file.get(), &info) < 0) return Error::from_errno("read the size of the table of running containers");
  return (static_cast<size_t>(info.st_size) + table.slot_bytes - 1) / table.slot_bytes;
}

struct Row {
  std::string_view id;
  std::string_view text;
};

// Tells a row that was read while somebody wrote it. FNV-1a over words of 8 bytes.
uint64_t checksum(const Row& row) {
  uint64_t sum = 0xcbf29ce484222325;
  for (std::string_view part : {row.id, row.text}) {
    while (!part.empty()) {
      const size_t count = std::min(part.size(), sizeof(uint64_t));
      uint64_t word = 0;
      std::memcpy(&word, part.data(), count);
      sum = (sum ^ word) * 0x100000001b3;
      sum ^= sum >> 32;
      part.remove_prefix(count);
    }
  }
  return sum;
}

std::string head(const Row& row) { return fmt::format("{} {:016x} {:04}\n", row.id, checksum(row), row.text.size()); }

// All of `digits`, as head() writes them.
std::optional<uint64_t> read_number(std::string_view digits, int base) {
  uint64_t number = 0;
  const auto [stop, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  return stop == digits.data() + digits.size() && status == std::errc() ? std::optional(number) : std::nullopt;
}

// The slot of a new row, with its first lock held.
Result<size_t> claim_slot(const Table& table, const Fd& file) {
  const size_t count = TRY(count_slots(table, file));
  for (int i = 0; i < k_tries && count > 0; ++i) {
    const size_t slot = random_number() % count;
    if (try_lock(file, table.claim_of(slot))) return slot;
  }
  for (size_t slot = count; slot < count + k_tries; ++slot) {
    if (try_lock(file, table.claim_of(slot))) return slot;
  }
  return Error(Errc::in_use, "the table of running containers has no free slot");
}

// A view into `slot`, the bytes of one; nullopt for a row that is empty, torn or of another form.
std::optional<Row> parse_row(std::string_view slot) {
  if (slot.size() < k_head_bytes) return std::nullopt;
  const auto length = read_number(slot.substr(k_length_at, k_length_digits), 10);
  if (!length || *length > slot.size() - k_head_bytes) return std::nullopt;
  const Row row = {slot.substr(0, k_id_digits), slot.substr(k_head_bytes, *length)};
  if (read_number(slot.substr(k_sum_at, k_sum_digits), 16) != checksum(row)) return std::nullopt;
  return row;
}

Result<std::optional<Fd>> open_table(const Dir& store, const Table& table, int flags) {
  auto file = store.open_file(table.name, flags);
  if (!file && file.error().sys() == ENOENT) return std::optional<Fd>();
  return std::optional<Fd>(TRY(std::move(file)));
}

// Gives `visit` the rows of the slots that `wanted` accepts, with the number of each. `wanted` is asked before the slot
// is read.
template <typename Wanted, typename Visit>
Result<void> read_rows(const Dir& store, const Table& table, int flags, const Wanted& wanted, const Visit& visit) {
  const auto file = TRY(open_table(store, table, flags));
  if (!file) return ok();
  const size_t count = TRY(count_slots(table, *file));
  const size_t per_chunk = k_chunk_bytes / table.slot_bytes;
  std::vector<char> bytes(std::min(count, per_chunk) * table.slot_bytes);
  for (size_t first = 0; first < count; first += per_chunk) {
    std::vector<size_t> slots;
    for (size_t slot = first; slot < std::min(count, first + per_chunk); ++slot) {
      if (wanted(*file, slot)) slots.push_back(slot);
    }
    if (slots.empty()) continue;
    const ssize_t size = ::pread(file->get(), bytes.data(), bytes.size(), table.offset_of(first));
    if (size < 0) return Error::from_errno("read the table of running containers");
    const std::string_view chunk(bytes.data(), static_cast<size_t>(size));
    for (const size_t slot : slots) {
      const size_t start = (slot - first) * table.slot_bytes;
      if (start >= chunk.size()) break;
      if (const auto row = parse_row(chunk.substr(start, table.slot_bytes))) TRY(visit(*file, slot, *row));
    }
  }
  return ok();
}

}  // namespace

RunningRow::~RunningRow() {
  if (!file_.valid() || !try_lock(file_, static_cast<off_t>(slot_ * slot_bytes_), 0)) return;
  size_t end = slot_;
  // Further down for slots that others left, in growing steps.
  for (size_t step = 1; end > 0; step *= 2) {
    const size_t start = end - std::min(step, end);
    if (!try_lock(file_, static_cast<off_t>(start * slot_bytes_), 0)) break;
    end = start;
  }
  // A file that stays as long as it is does no harm.
  (void)!::ftruncate(file_.get(), static_cast<off_t>(end * slot_bytes_));
}

Result<RunningRow> publish_running(const Dir& store, const ContainerId& id, std::string_view text) {
  if (text.size() > k_longest_running_row_bytes) return Error(Errc::invalid, "the row of a container is too long");
  const Table& table = k_head_bytes + text.size() <= k_short_rows.slot_bytes ? k_short_rows : k_long_rows;
  Fd file = TRY(store.open_file(table.name, O_RDWR | O_CREAT, 0600));
  const size_t slot = TRY(claim_slot(table, file));
  RunningRow row(std::move(file), slot, table.slot_bytes);
  const std::string bytes = head({id.text(), text}) + std::string(text);
  const ssize_t count = ::pwrite(row.file_.get(), bytes.data(), bytes.size(), table.offset_of(slot));
  if (count < 0) return Error::from_errno("write to the table of running containers");
  if (static_cast<size_t>(count) < bytes.size()) {
    return Error(Errc::no_space, "the table of running containers cannot grow");
  }
  if (!try_lock(row.file_, table.mark_of(slot))) {
    return Error(Errc::in_use, "the table of running containers is being cut");
  }
  return row;
}

Result<void> list_running(const Dir& store,
                          const std::function<void(std::string_view id, std::string_view text)>& row) {
  for (const Table& table : k_tables) {
    // In this order: what is read behind a lock is that holder's row, or a torn or complete one of the next.
    const auto is_held = [&](const Fd& file, size_t slot) { return is_locked(file, table.mark_of(slot)); };
    TRY(read_rows(store, table, O_RDONLY, is_held, [&](const Fd&, size_t, const Row& found) {
      row(found.id, found.text);
      return ok();
    }));
  }
  return ok();
}

Result<void> forget_running(const Dir& store, const ContainerId& id) {
  for (const Table& table : k_tables) {
    const auto every = [](const Fd&, size_t) { return true; };
    TRY(read_rows(store, table, O_RDWR, every, [&](const Fd& file, size_t slot, const Row& found) -> Result<void> {
      if (found.id != id.text()) return ok();
      const char nothing = 0;
      if (::pwrite(file.get(), &nothing, 1, table.offset_of(slot)) == 1) return ok();
      return Error::from_errno("write to the table of running containers");
    }));
  }
  return ok();
}

}  // namespace ctr::storage
