// What a worker lets go of before it reads outside bytes. Private to storage/.
#pragma once

#include <functional>

#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

// Loads the caller's seccomp filter; empty in tests.
using LoadFilter = std::function<Result<void>()>;

// Confines this process to one directory, which is returned: with CAP_SYS_ADMIN over its mount namespace it becomes the
// root of a private one. Afterwards there are no capabilities but those that files of any mapped owner need, memory is
// bounded, and `load_filter` has run.
Result<Dir> confine_to(int directory_fd, const LoadFilter& load_filter);
// The same with the directory read-only.
Result<Dir> confine_to_reading(int directory_fd, const LoadFilter& load_filter);
// The same with what is mounted below the directory, too.
enum class Writing { no, yes };
Result<Dir> confine_to_mounts(int directory_fd, Writing writing, const LoadFilter& load_filter);
// For a directory of another mount namespace, which cannot become a root here: an empty, read-only root, and the
// capabilities that files need.
Result<Dir> confine_beside(int directory_fd, const LoadFilter& load_filter);
// The same with an empty, read-only root and no capabilities at all: what is left are the open descriptors.
Result<void> confine_to_nothing(const LoadFilter& load_filter);

}  // namespace ctr::storage
