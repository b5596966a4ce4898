// Whether two unpacked layers are the same.
#pragma once

#include <optional>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "storage/confine.h"

namespace ctr::storage {

// The first path, in the order of names, that is not the same in both, and in what: "/bin/sh: content". Types, modes,
// owners, attributes, link targets, device numbers and content are compared, and of files the time of change.
Result<std::optional<std::string>> first_difference(const Dir& one, const Dir& other);

// The worker process that may read all files.
struct CompareRequest {
  int one_fd = -1;
  int other_fd = -1;
  int answer_fd = -1;
  bool operator==(const CompareRequest&) const = default;
};
Json to_json(const CompareRequest& request);
Result<CompareRequest> compare_request_from_json(const JsonReader& reader);
// {"difference": …} or {"error": …}.
Result<std::optional<std::string>> compare_answer_from_json(const Json& answer);
int run_compare_worker(const CompareRequest& request, const LoadFilter& load_filter = {});

}  // namespace ctr::storage
