// `import` as ctr-transfer performs it: a worker takes the compression from the user's tar, which is hashed and
// compressed anew on its way into a file without a name; the rest is that of commit.
#pragma once

#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/image_verbs.h"

namespace ctr::engine {

// ImageVerbs::import() on this side; `request.name` is a full name. The id of the image, hex.
Result<std::string> import_image(const EngineOptions& options, ProgressSink& progress, const ImportRequest& request);

}  // namespace ctr::engine
