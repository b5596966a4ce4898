#include "engine/layers_at_hand.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/text.h"
#include "engine/remove.h"
#include "engine/transfer.h"
#include "storage/image_lists.h"

namespace ctr::engine {
namespace {

// Why the layers cannot be mounted; nullopt when they can.
Result<std::optional<std::string>> find_obstacle(const storage::Store& store, const storage::ImageRecord& image) {
  for (const auto& diff_id : TRY(store.images().read_config(image)).diff_ids) {
    const auto place = TRY(store.layers().locate(diff_id));
    if (!place) return std::optional<std::string>("it is not unpacked yet");
    const auto usable = storage::LayerStore::check_owner(*place);
    if (usable) continue;
    if (usable.error().code() != Errc::unsupported) return usable.error();
    return std::optional(usable.error().message());
  }
  return std::optional<std::string>();
}

}  // namespace

Result<bool> bring_layers(Core& core, const storage::ImageRecord& image, Need need) {
  const auto* store = TRY(core.store());
  if (storage::is_list(image)) return false;
  auto obstacle = TRY(find_obstacle(*store, image));
  if (need == Need::blobs && !image.other_store.empty()) obstacle = "archives are made of what the own store has";
  if (!obstacle) return false;
  const auto shown = image.names.empty() ? image.id.hex().substr(0, 12) : image.names.front();
  if (image.other_store.empty()) {
    core.debug(fmt::format("unpacking the image '{}': {}", printable(shown), *obstacle));
  } else {
    core.note(fmt::format("copying the image '{}' into the own store: {}", printable(shown), printable(*obstacle)));
  }
  TransferRequest request;
  request.verb = TransferRequest::Verb::unpack;
  request.image_id = image.id.hex();
  const auto done = run_transfer(core.options(), std::move(request));
  reclaim_space(core);
  if (!done) return Error(done.error()).context(fmt::format("unpack the image '{}'", printable(shown)));
  return true;
}

}  // namespace ctr::engine
