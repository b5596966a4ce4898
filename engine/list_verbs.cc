#include "engine/list_verbs.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/core.h"
#include "engine/image_lookup.h"
#include "engine/images.h"
#include "engine/list_artifact.h"
#include "engine/list_document.h"
#include "engine/remove.h"
#include "engine/transfer.h"
#include "storage/image_lists.h"

namespace ctr::engine {
namespace {

using storage::ListContent;

Result<FoundImage> find_list(Core& core, const std::string& name) {
  auto found = TRY(get_image_record(core, name));
  if (storage::is_list(found.record)) return found;
  return Error(Errc::invalid, fmt::format("{}: image is not a manifest list", printable(name)));
}

// What an entry of a list is called by: its digest, or the image itself, of which a list may have any manifest.
Result<Digest> member_digest(Core& core, const FoundImage& list, const std::string& image) {
  if (auto digest = Digest::parse(image)) return digest;
  const auto found = TRY(find_image_record(core, image));
  if (!found)
    return Error(Errc::invalid, fmt::format("invalid image digest \"{}\": {}", printable(image),
                                            "it is neither a digest nor an image of the store"));
  const auto content = TRY(storage::ImageLists(TRY(core.store())->image_root()).read(list.record.id));
  for (auto& digest : TRY(list_members(content.document))) {
    if (digest == found->record.manifest.digest) return std::move(digest);
  }
  return found->record.manifest.digest;
}

// Applies a pure edit of the document.
template <typename Edit>
Result<std::string> edit_document(Core& core, const FoundImage& list, const Edit& edit) {
  const auto* store = TRY(core.store());
  TRY(storage::ImageLists(store->image_root())
          .edit(
              list.record.id,
              [&](ListContent content) -> Result<ListContent> {
                content.document = TRY(edit(content.document));
                return content;
              },
              core.cancel()));
  return list.record.id.hex();
}

class LocalListVerbs final : public ListVerbs {
 public:
  explicit LocalListVerbs(Core& core) : core_(core) {}

  Result<std::string> create(const std::string& name, bool amend, const std::map<std::string, std::string>& annotations,
                             AddRequest request) override {
    const auto full = TRY(full_tag_name(name));
    auto list = TRY(find_image_record(core_, full));
    if (list && (!amend || !storage::is_list(list->record))) {
      return Error(Errc::exists,
                   fmt::format("creating image to hold manifest list: image name \"{}\" is already associated with "
                               "image \"{}\": that name is already in use",
                               printable(full), list->record.id.hex()));
    }
    const bool is_new = !list;
    if (is_new) {
      const auto document = TRY(change_list(empty_list(), annotations, {}));
      TRY(storage::ImageLists(TRY(core_.store())->image_root()).create(full, {document, {}}, core_.cancel()));
    } else if (!annotations.empty()) {
      TRY(annotate_all(full, annotations, ""));
    }
    request.list = full;
    auto added = add(std::move(request));
    // Nothing half made: who asks again would be told that the name is in use.
    if (!added && is_new) remove(full).ignore("the first error counts");
    return added;
  }

  Result<std::string> add(AddRequest request) override {
    const auto list = TRY(find_list(core_, request.list));
    request.list = list.record.id.hex();
    if (request.images.empty()) return request.list;
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::list_add;
    transfer.list_add = std::move(request);
    TRY(run_transfer(core_.options(), std::move(transfer)));
    return list.record.id.hex();
  }

  Result<std::string> add_artifact(const ArtifactRequest& request) override {
    const auto list = TRY(find_list(core_, request.list));
    const Json subject = TRY(subject_json(request.subject));
    const auto* store = TRY(core_.store());
    auto pin = TRY(store->images().pin(core_.cancel()));
    const Json entry = TRY(keep_artifact(*store, pin, request, subject, core_.cancel()));
    const auto digest = TRY(Digest::parse(entry.find("digest")->as_string()));
    return edit_document(core_, list, [&](const std::string& text) -> Result<std::string> {
      return change_member(TRY(put_member(text, entry)), digest, request.member);
    });
  }

  Result<std::string> annotate(const std::string& name, const std::string& image, const ListMember& member) override {
    const auto list = TRY(find_list(core_, name));
    const auto digest = TRY(member_digest(core_, list, image));
    return edit_document(core_, list, [&](const std::string& text) { return change_member(text, digest, member); });
  }

  Result<std::string> annotate_all(const std::string& name, const std::map<std::string, std::string>& annotations,
                                   const std::string& subject) override {
    const auto list = TRY(find_list(core_, name));
    const Json about = TRY(subject_json(subject));
    return edit_document(core_, list, [&](const std::string& text) { return change_list(text, annotations, about); });
  }

  Result<std::string> remove_member(const std::string& name, const std::string& image) override {
    const auto list = TRY(find_list(core_, name));
    const auto digest = TRY(member_digest(core_, list, image));
    return edit_document(core_, list, [&](const std::string& text) { return engine::remove_member(text, digest); });
  }

  Result<bool> exists(const std::string& name) override {
    const auto found = find_list(core_, name);
    if (!found && found.error().code() != Errc::not_found) return found.error();
    return static_cast<bool>(found);
  }

  Result<std::string> document(const std::string& name, const PullOptions& access) override {
    const auto found = TRY(find_image_record(core_, name));
    if (found && storage::is_list(found->record)) {
      return TRY(storage::ImageLists(TRY(core_.store())->image_root()).read(found->record.id)).document;
    }
    TransferRequest request;
    request.verb = TransferRequest::Verb::list_inspect;
    request.reference = name;
    request.pull = access;
    return TRY(run_transfer(core_.options(), std::move(request))).document;
  }

  Result<RemoveImageReport> remove(const std::string& name) override {
    TRY(find_list(core_, name));
    return remove_image(core_, name, false);
  }

  Result<std::string> push(const std::string& name, const std::string& destination,
                           const PushListOptions& options) override {
    const auto list = TRY(find_list(core_, name));
    TransferRequest request;
    request.verb = TransferRequest::Verb::list_push;
    request.image_id = list.record.id.hex();
    request.reference = destination.empty() ? list.name : destination;
    request.push = options.push;
    request.list_all = options.all;
    const auto digest = TRY(run_transfer(core_.options(), std::move(request))).digest;
    if (!options.push.digest_file.empty()) {
      const Fd file = TRY(open_path(options.push.digest_file, O_WRONLY | O_CREAT | O_TRUNC, 0644));
      TRY(write_all(file.get(), digest, "'" + printable(options.push.digest_file) + "'"));
    }
    if (options.remove) TRY(remove_image(core_, list.record.id.hex(), true));
    return digest;
  }

 private:
  // An image of the store as others refer to it; null for none.
  Result<Json> subject_json(const std::string& image) {
    if (image.empty()) return Json();
    auto manifest = TRY(get_image_record(core_, image)).record.manifest;
    manifest.annotations.clear();
    return oci::to_json(manifest);
  }

  Core& core_;
};

}  // namespace

bool is_list(const ImageInfo& image) {
  const auto kind = oci::media_kind(image.manifest.media_type);
  return kind == oci::MediaKind::oci_index || kind == oci::MediaKind::docker_manifest_list;
}

std::unique_ptr<ListVerbs> make_list_verbs(Core& core) { return std::make_unique<LocalListVerbs>(core); }

}  // namespace ctr::engine
