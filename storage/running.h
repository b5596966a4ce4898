// One row for each running container, in two files of the store, for short rows and for long ones: what a listing shows
// of them, without opening the files of every container (decision 021).
//
// A row counts while its holder lives: the kernel gives the holder's lock back when it dies. Nobody depends on a row. A
// container without one, or with one that cannot be read, is looked up in its own directory, which is what is true of
// it.
//
// Each file is an array of slots. Of a slot's bytes the first is locked by whoever uses it (open file description
// locks, fcntl(2)), the second once the row is complete; the locked bytes themselves are part of the row.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "storage/containers.h"

namespace ctr::storage {

// Of the text of a row.
inline constexpr size_t k_longest_running_row_bytes = 3840;

// A row that is seen by list_running() until this object or the process goes.
class [[nodiscard]] RunningRow {
 public:
  RunningRow(RunningRow&&) noexcept = default;
  RunningRow& operator=(RunningRow&&) noexcept = default;
  // Cuts the file behind what is in use.
  ~RunningRow();

 private:
  friend Result<RunningRow> publish_running(const Dir& store, const ContainerId& id, std::string_view text);
  RunningRow(Fd file, size_t slot, size_t slot_bytes) : file_(std::move(file)), slot_(slot), slot_bytes_(slot_bytes) {}
  Fd file_;
  size_t slot_ = 0;
  size_t slot_bytes_ = 0;
};

// `store` is the directory of the store. Errors: invalid for a text that is too long; in_use when no slot
// was free.
Result<RunningRow> publish_running(const Dir& store, const ContainerId& id, std::string_view text);

// Gives `row` the id, 64 digits unless somebody else wrote the file, and the text of every row of a container that ran
// at some moment during the call, unordered. The views end with the call of `row`.
Result<void> list_running(const Dir& store, const std::function<void(std::string_view id, std::string_view text)>& row);

// Makes the row of a container unreadable, when what it says is no longer so.
Result<void> forget_running(const Dir& store, const ContainerId& id);

}  // namespace ctr::storage
