// Lists of images: entries of index.json whose document is an index. It names images for several platforms.
//
// The id of a list means nothing but the list and stays while the document is edited. What a list names stays in the
// store as long as the list does, as far as it is there: of an image that lies in a registry it may be the manifest
// alone. See docs/decisions/031-manifest-lists.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/result.h"
#include "storage/images.h"

namespace ctr::storage {

class StoreRoot;

// A document of the OCI image index or of Docker's manifest list.
struct ListContent {
  std::string document;
  std::vector<std::string> sources;  // where its images are that the store lacks: name@digest
};

bool is_list(const ImageRecord& image);

class ImageLists {
 public:
  explicit ImageLists(const StoreRoot& root) : root_(&root) {}

  // A list under a new name; its id. Manifests that it names are published and pinned, or in `content.sources`.
  // Errors: exists when something has the name; corrupt when it is no list.
  Result<Digest> create(const std::string& name, const ListContent& content, const CancelToken& cancel = {}) const;
  // Errors: not_found.
  Result<ListContent> read(const Digest& id) const;
  // Replaces what a list says by what `edit` makes of it, which may be called again when somebody else was faster; what
  // nothing refers to any more is collected. Errors: not_found, and those of `edit`.
  using Edit = std::function<Result<ListContent>(ListContent content)>;
  Result<void> edit(const Digest& id, const Edit& edit, const CancelToken& cancel = {}) const;

 private:
  const StoreRoot* root_;
};

}  // namespace ctr::storage
