// Files of one line that this program family wrote itself: records of containers and of their state.
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace ctr {

// The content of a file of one line. Such a file ends with its only newline, so a read that ends with one needs no
// second read to see the end; a listing reads two of each container. Errors: as Dir::read_file.
Result<std::string> read_record_file(const Dir& dir, std::string_view name);

}  // namespace ctr
