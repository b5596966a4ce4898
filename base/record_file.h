// Files of one line that this program family wrote itself: records of containers and of their state.
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"

namespace ctr {

// The content of a file of one line. Such a file ends with its only newline, so a read that ends with one needs no
// second read to see the end; a listing reads two of each container. Errors: as Dir::read_file.
Result<std::string> read_record_file(const Dir& dir, std::string_view name);

// That a record is one this version reads: an object with a number "schema" up to `latest`.
// Errors: invalid; unsupported for a later one, with both numbers.
Result<void> expect_schema(const JsonReader& reader, int64_t latest);

}  // namespace ctr
