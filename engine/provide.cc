#include "engine/provide.h"

#include <fmt/format.h>

#include "base/text.h"
#include "engine/image_lookup.h"
#include "engine/remove.h"
#include "engine/transfer.h"

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

// What the store has under this name, unless its platform is not the one that was asked for.
Result<std::optional<FoundImage>> find_fitting(Core& core, const std::string& reference, const PullOptions& options,
                                               oci::Platform& platform) {
  auto found = TRY(find_image_record(core, reference));
  if (!found) return found;
  platform = TRY(TRY(core.store())->images().read_config(found->record)).platform;
  if (options.platform && !fits(*options.platform, platform)) found.reset();
  return found;
}

}  // namespace

Result<std::vector<std::string>> provide_image(Core& core, const std::string& reference, const PullOptions& options) {
  if (options.policy == PullPolicy::always || options.all_tags) return fetch(core, reference, options);
  oci::Platform platform;
  const auto found = TRY(find_fitting(core, reference, options, platform));
  if (!found && options.policy == PullPolicy::never) {
    return Error(Errc::not_found, fmt::format("{}: image not known", printable(reference)));
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
