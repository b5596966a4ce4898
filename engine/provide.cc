#include "engine/provide.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/image_lookup.h"
#include "engine/remove.h"
#include "engine/transfer.h"
#include "engine/transport.h"
#include "storage/image_lists.h"

namespace ctr::engine {

namespace {

// An image that names no system runs anywhere.
bool fits(const oci::Platform& wanted, const oci::Platform& platform) {
  return platform.os.empty() || oci::match_score(wanted, platform) > 0;
}

Result<std::vector<std::string>> fetch(Core& core, const std::string& reference, const PullOptions& options) {
  TransferRequest request;
  request.verb = TransferRequest::Verb::pull;
  request.reference = reference;
  request.pull = options;
  auto answer = run_transfer(core.options(), request);
  // What this pull, or one that was killed, left half unpacked is in the trash.
  reclaim_space(core);
  auto ids = TRY(std::move(answer)).image_ids;
  if (ids.empty()) return Error(Errc::internal, "the transfer named no image");
  return ids;
}

// Of a list in the store the image for the platform: from the store, else from where the list says it is.
Result<std::vector<std::string>> provide_listed(Core& core, const FoundImage& list, const PullOptions& options) {
  const auto platform = options.platform.value_or(oci::host_platform());
  const auto chosen = TRY(choose_of_list(core, list.record, platform).context(list.name));
  const auto image = TRY(find_by_manifest(core, chosen));
  if (image) return std::vector{image->id.hex()};
  const auto sources = TRY(storage::ImageLists(TRY(core.store())->image_root()).read(list.record.id)).sources;
  const auto source = std::find_if(sources.begin(), sources.end(), [&](const std::string& text) {
    return text.ends_with("@" + chosen.digest.to_string());
  });
  if (source == sources.end() || options.policy == PullPolicy::never) {
    return Error(Errc::not_found,
                 fmt::format("{}: its image for {} is not in the store", printable(list.name), platform.to_string()));
  }
  auto from = options;
  from.platform = platform;
  return fetch(core, *source, from);
}

// What the store has under this name, unless its platform is not the one that was asked for.
Result<std::optional<FoundImage>> find_fitting(Core& core, const std::string& reference, const PullOptions& options,
                                               oci::Platform& platform) {
  auto found = TRY(find_image_record(core, reference));
  if (!found || storage::is_list(found->record)) return found;
  platform = TRY(TRY(core.store())->images().read_config(found->record)).platform;
  if (options.platform && !fits(*options.platform, platform)) found.reset();
  return found;
}

}  // namespace

Result<std::vector<std::string>> provide_image(Core& core, const std::string& reference, const PullOptions& options) {
  TRY(parse_location(reference));  // transports that are not supported are refused by name
  if (is_local(reference) && options.all_tags) {
    return Error(Errc::invalid, fmt::format("'{}': --all-tags is for registries", printable(reference)));
  }
  if (options.policy == PullPolicy::always || options.all_tags || is_local(reference)) {
    return fetch(core, reference, options);
  }
  oci::Platform platform;
  const auto found = TRY(find_fitting(core, reference, options, platform));
  if (found && storage::is_list(found->record)) return provide_listed(core, *found, options);
  if (!found && options.policy == PullPolicy::never) {
    return Error(Errc::not_found, fmt::format("{}: image not known", printable(reference)))
        .with_hint("`ctr images` lists the images there are, `ctr pull` fetches one");
  }
  if (!found || options.policy == PullPolicy::newer) {
    auto ids = fetch(core, reference, options);
    if (ids || !found) return ids;
    core.debug(fmt::format("pull: {}", ids.error().text()));
  }
  const auto expected = oci::host_platform();
  if (!options.platform && !fits(expected, platform)) {
    core.note(fmt::format("WARNING: image platform ({}) does not match the expected platform ({})",
                          platform.to_string(), expected.to_string()));
  }
  return std::vector{found->record.id.hex()};
}

}  // namespace ctr::engine
