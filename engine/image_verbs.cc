#include "engine/image_verbs.h"

#include "engine/core.h"
#include "engine/image_change.h"
#include "engine/image_lookup.h"
#include "engine/images.h"
#include "engine/remove.h"
#include "engine/root_mounts.h"
#include "engine/transfer.h"
#include "engine/transport.h"

namespace ctr::engine {
namespace {

class LocalImageVerbs final : public ImageVerbs {
 public:
  explicit LocalImageVerbs(Core& core) : core_(core) {}

  Result<std::vector<LoadedImage>> load(const LoadOptions& options) override {
    TransferRequest request;
    request.verb = TransferRequest::Verb::load;
    request.load = options;
    auto answer = run_transfer(core_.options(), request);
    // A layer half unpacked is in the trash.
    if (!answer) reclaim_space(core_);
    return TRY(std::move(answer)).images;
  }

  Result<void> save(const std::vector<SaveItem>& items, const SaveOptions& options) override {
    TransferRequest request;
    request.verb = TransferRequest::Verb::save;
    request.save = options;
    request.images = TRY(images_to_save(core_, items));
    TRY(run_transfer(core_.options(), request));
    return ok();
  }

  Result<void> sign(const std::string& image, const PushOptions& push, const SignOptions& options) override {
    TransferRequest request;
    request.verb = TransferRequest::Verb::sign;
    request.reference = TRY(parse_location(image)).reference;
    // Who signs has seen it.
    (void)TRY(get_image_record(core_, request.reference));
    request.push = push;
    request.sign = options;
    TRY(run_transfer(core_.options(), std::move(request)));
    return ok();
  }

  Result<std::string> import(ImportRequest request) override {
    // Mistakes are told before anything is read.
    oci::ImageConfig any_config;
    TRY(apply_changes(any_config, request.changes));
    if (!request.name.empty()) request.name = TRY(full_tag_name(request.name));
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::import_;
    transfer.import_request = std::move(request);
    auto answer = run_transfer(core_.options(), std::move(transfer));
    if (!answer) reclaim_space(core_);
    auto image = TRY(std::move(answer)).image_ids;
    if (image.size() != 1) return Error(Errc::internal, "ctr-transfer has made no image");
    return std::move(image.front());
  }

  Result<std::string> mount(const std::string& image) override { return mount_image(core_, image); }
  Result<std::string> unmount(const std::string& image) override { return unmount_image(core_, image); }
  Result<std::vector<MountedRoot>> mounted() override { return mounted_images(core_); }
  Result<std::vector<SearchHit>> search(const SearchOptions& options) override {
    TransferRequest request;
    request.verb = TransferRequest::Verb::search;
    request.search = options;
    return TRY(run_transfer(core_.options(), std::move(request))).hits;
  }

  Result<std::string> show_trust(const TrustOptions& options) override {
    return TRY(trust(TransferRequest::Verb::trust_show, options)).document;
  }

  Result<void> set_trust(const TrustOptions& options) override {
    TRY(trust(TransferRequest::Verb::trust_set, options));
    return ok();
  }

 private:
  Result<TransferAnswer> trust(TransferRequest::Verb verb, const TrustOptions& options) {
    TransferRequest request;
    request.verb = verb;
    request.trust = options;
    return run_transfer(core_.options(), std::move(request));
  }

  Core& core_;
};

}  // namespace

std::unique_ptr<ImageVerbs> make_image_verbs(Core& core) { return std::make_unique<LocalImageVerbs>(core); }

}  // namespace ctr::engine
