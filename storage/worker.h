// What the worker processes of storage/ have in common: how they are asked, and how they answer.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace ctr::storage {

// The request of a worker that reads an input and may keep it in a spool.
struct SpoolRequest {
  int input_fd = -1;
  int spool_fd = -1;
  int answer_fd = -1;
};
Json to_json(const SpoolRequest& request);
Result<SpoolRequest> spool_request_from_json(const JsonReader& reader);

// The number of a descriptor; -1 when absent.
Result<int> fd_from_json(const JsonReader& reader, std::string_view key);
// First thing in a worker: it dies with its parent, and a reader that went away is an error like any other.
void prepare_worker();

// The answer of a worker that has nothing to say but that all went well.
Json to_json(const Result<void>& answer);

// Writes the answer; the worker's exit code.
template <typename Answer>
int finish_worker(int answer_fd, const Result<Answer>& answer) {
  const bool is_told = static_cast<bool>(write_all(answer_fd, dump_json(to_json(answer)), "the answer"));
  return answer && is_told ? 0 : 1;
}

}  // namespace ctr::storage
