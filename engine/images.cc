#include "engine/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "engine/container_info.h"
#include "engine/image_lookup.h"
#include "engine/layers_at_hand.h"
#include "engine/remove.h"

namespace ctr::engine {

namespace {

// The containers that use an image, as their own or by a mount, by the image's id.
Result<std::map<std::string, std::vector<storage::ContainerEntry>>> users_of_images(Core& core) {
  const auto* store = TRY(core.store());
  const auto containers = store->containers();
  std::map<std::string, std::vector<storage::ContainerEntry>> users;
  for (const auto& entry : TRY(containers.list())) {
    const auto dir = containers.open(entry.id);
    if (!dir) continue;
    const auto record = read_record(*dir);
    if (!record) continue;
    std::set<std::string> ids = {record->image_id};
    for (const auto& mount : record->mounts) {
      if (!mount.image_id.empty()) ids.insert(mount.image_id);
    }
    for (const auto& id : ids) users[id].push_back(entry);
  }
  return users;
}

Result<std::optional<std::string>> find_user(Core& core, const Digest& id) {
  const auto users = TRY(users_of_images(core));
  const auto found = users.find(id.hex());
  if (found == users.end()) return std::optional<std::string>{};
  return std::optional(found->second.front().id.text());
}

Result<void> remove_users(Core& core, const Digest& id) {
  const auto users = TRY(users_of_images(core));
  const auto found = users.find(id.hex());
  if (found == users.end()) return ok();
  RemoveOptions options;
  options.force = true;
  for (const auto& entry : found->second) TRY(remove_container(core, entry, options));
  return ok();
}

Error in_use(const FoundImage& image, const std::string& container) {
  return Error(Errc::in_use, fmt::format("image used by {}: image is in use by a container: consider listing external "
                                         "containers and force-removing image",
                                         container.empty() ? image.record.id.hex() : container))
      .with_hint("remove the container first, with `ctr rm`, or both with `ctr rmi --force`");
}

// What is in the store of others stays as it is.
Result<void> check_writable(const FoundImage& image, std::string_view act) {
  if (image.record.other_store.empty()) return ok();
  return Error(Errc::unsupported,
               fmt::format("cannot {} read-only image \"{}\": it is in the additional image store '{}'", act,
                           image.record.id.hex(), printable(image.record.other_store)));
}

bool is_named(const FoundImage& image) {
  const auto& names = image.record.names;
  return std::find(names.begin(), names.end(), image.name) != names.end();
}

// True when the word named the image by one of its names, not by id.
bool named_by(const FoundImage& image, const std::string& word) {
  return is_named(image) && !image.record.id.hex().starts_with(word) && !word.starts_with("sha256:");
}

// Errors: in_use for an image that a container needs by now.
Result<RemoveImageReport> remove_unused(Core& core, const FoundImage& image,
                                        const storage::ImageStore::RemoveOptions& options) {
  const auto* store = TRY(core.store());
  std::string user;
  auto removed = store->images().remove(
      image.record.id, options,
      [&](const Digest& id) -> Result<std::optional<std::string>> {
        auto reason = TRY(find_user(core, id));
        if (reason) user = *reason;
        return reason;
      },
      core.cancel());
  if (!removed && removed.error().code() == Errc::in_use && !user.empty()) return in_use(image, user);
  const auto done = TRY(std::move(removed));
  RemoveImageReport report;
  report.untagged = done.untagged;
  if (done.deleted) report.deleted.push_back(done.deleted->hex());
  reclaim_space(core);
  std::vector<Event> events;
  for (const auto& name : report.untagged)
    events.push_back(object_event("image", "untag", image.record.id.hex(), name));
  if (done.deleted) events.push_back(object_event("image", "remove", image.record.id.hex(), image.name));
  core.record_events(std::move(events));
  return report;
}

// What a pull that was killed left: half-made parts, and whole ones that no image came to need.
Result<void> clear_leftovers(Core& core) {
  const auto* store = TRY(core.store());
  TRY(store->sweep());
  TRY(store->quarantine().empty());
  const auto collected = store->images().collect(core.cancel());
  if (!collected) core.debug(fmt::format("unused content stays: {}", collected.error().text()));
  reclaim_space(core);
  return ok();
}

}  // namespace

Result<std::vector<ImageInfo>> list_images(Core& core) {
  const auto* store = TRY(core.store());
  const auto users = TRY(users_of_images(core));
  std::vector<ImageInfo> images;
  auto records = TRY(store->images().list());
  for (auto& record : store->images().list_others()) records.push_back(std::move(record));
  for (const auto& record : records) {
    auto described = describe_image(core, record);
    if (!described && !record.other_store.empty()) {
      core.note(fmt::format("the image {} in the additional image store '{}' is left out: {}",
                            record.id.hex().substr(0, 12), printable(record.other_store), described.error().text()));
      continue;
    }
    auto info = TRY(std::move(described));
    const auto found = users.find(info.id);
    if (found != users.end()) info.containers = static_cast<int>(found->second.size());
    images.push_back(std::move(info));
  }
  std::stable_sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return a.created > b.created; });
  return images;
}

Result<std::vector<LoadedImage>> images_to_save(Core& core, const std::vector<SaveItem>& items) {
  std::vector<LoadedImage> images;
  for (const auto& item : items) {
    const auto found = TRY(get_single_image(core, item.image));
    (void)TRY(bring_layers(core, found.record, Need::blobs));
    const auto id = found.record.id.hex();
    auto same = std::find_if(images.begin(), images.end(), [&](const auto& image) { return image.id == id; });
    if (same == images.end()) same = images.insert(images.end(), LoadedImage{id, {}});
    if (named_by(found, item.image)) same->names.push_back(found.name);
    for (const auto& name : item.more_names) same->names.push_back(TRY(full_tag_name(name)));
  }
  return images;
}

Result<void> tag_image(Core& core, const std::string& image, const std::string& name) {
  const auto* store = TRY(core.store());
  const auto full = TRY(full_tag_name(name));
  const auto found = TRY(get_image_record(core, image));
  TRY(check_writable(found, "tag"));
  TRY(store->images().tag(found.record.id, full, core.cancel()));
  core.record_event(object_event("image", "tag", found.record.id.hex(), full));
  return ok();
}

Result<void> untag_image(Core& core, const std::string& image, const std::vector<std::string>& names) {
  const auto* store = TRY(core.store());
  const auto found = TRY(get_image_record(core, image));
  TRY(check_writable(found, "untag"));
  std::vector<std::string> full;
  for (const auto& name : names) {
    const auto other = TRY(find_image_record(core, name));
    if (!other || other->record.id != found.record.id || !is_named(*other)) {
      return Error(Errc::not_found, fmt::format("{}: tag not known", printable(name)));
    }
    full.push_back(other->name);
  }
  if (names.empty()) full = found.record.names;
  for (const auto& name : full) {
    TRY(store->images().untag(name, core.cancel()));
    core.record_event(object_event("image", "untag", found.record.id.hex(), name));
  }
  return ok();
}

Result<RemoveImageReport> remove_image(Core& core, const std::string& name_or_id, bool force) {
  const auto image = TRY(get_image_record(core, name_or_id));
  TRY(check_writable(image, "remove"));
  if (force && (!named_by(image, name_or_id) || image.record.names.size() <= 1)) {
    TRY(remove_users(core, image.record.id));
  }
  storage::ImageStore::RemoveOptions options;
  if (named_by(image, name_or_id)) {
    options.name = image.name;
  } else {
    if (image.record.names.size() > 1 && !force) {
      return Error(Errc::in_use,
                   fmt::format("unable to delete image \"{}\" by ID with more than one tag ({}): please force removal",
                               image.record.id.hex(), join(image.record.names, " ")));
    }
    options.all_names = true;
  }
  return remove_unused(core, image, options);
}

Result<std::vector<std::string>> prune_images(Core& core, bool all,
                                              const std::function<Result<bool>(const ImageInfo&)>& matches) {
  std::vector<std::string> pruned;
  for (const auto& info : TRY(list_images(core))) {
    if (info.is_read_only() || info.containers > 0 || (!all && !info.dangling()) || !TRY(matches(info))) continue;
    // Somebody else may have removed it, or made a container from it, since it was listed.
    const auto image = find_image_record(core, info.id);
    if (!image || !*image) continue;
    storage::ImageStore::RemoveOptions options;
    options.all_names = true;
    if (remove_unused(core, **image, options)) pruned.push_back(info.id);
  }
  TRY(clear_leftovers(core));
  return pruned;
}

}  // namespace ctr::engine
