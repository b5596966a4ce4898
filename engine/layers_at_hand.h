// Whether the layers of an image can be mounted as they are, and what to do when not.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "storage/images.h"

namespace ctr::engine {

// Unpacks what other programs have put into the store as blobs alone, and copies what is in a store of another user's;
// with Need::blobs all that is in a store of others: archives are packed by who sees the blobs of one store alone.
// False: nothing was missing. The caller does not hold the images. Errors: those of the transfer.
enum class Need { layers, blobs };
Result<bool> bring_layers(Core& core, const storage::ImageRecord& image, Need need = Need::layers);

}  // namespace ctr::engine
