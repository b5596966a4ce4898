// images/index.json on disk. Private to storage/.
#pragma once

#include "base/cancel.h"
#include "base/lock.h"
#include "base/result.h"
#include "storage/image_index.h"
#include "storage/root.h"

namespace ctr::storage {

// Errors: interrupted, io.
Result<FileLock> lock_images(const StoreRoot& root, LockMode mode, const CancelToken& cancel);
// Without entries when there is no file. Entries of other programs have their facts read from the documents.
// Errors: corrupt.
Result<IndexFile> read_index(const StoreRoot& root);
// Durable when it returns. The caller holds the lock exclusively.
Result<void> write_index(const StoreRoot& root, const IndexFile& index);

}  // namespace ctr::storage
