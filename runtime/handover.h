// Messages with descriptors from the interpreter (runtime/child_talk.h): a tag, a value, and what they are about.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/child_ops.h"

namespace ctr::runtime {

struct Handover {
  uint64_t tag = 0;
  uint64_t value = 0;
  std::vector<Fd> fds;
};

// What came on a connection: a message with descriptors, or the report of a step.
struct Heard {
  std::optional<Handover> handover;
  std::optional<ChildReport> report;
};
// Waits for the next message; both empty: the child has ended, or executed its program.
// Errors: internal for anything else.
Result<Heard> hear(int socket);

// Waits for a message with descriptors; nullopt: the child has ended.
Result<std::optional<Handover>> receive_handover(int socket);

}  // namespace ctr::runtime
