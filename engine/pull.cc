#include <fmt/format.h>

#include "engine/fetch.h"
#include "engine/image_signatures.h"
#include "engine/layer_encryption.h"
#include "engine/transfer_session.h"
#include "registry/aliases.h"
#include "runtime/host_facts.h"

namespace ctr::engine {
namespace {

// What a typed reference is pulled as, in the order to be tried.
struct PullPlan {
  std::vector<oci::ImageReference> references;
  bool is_chosen = false;  // by a person
};

Result<PullPlan> choose_candidates(TransferSession& session, const oci::ImageReference& typed) {
  using Choice = registry::Candidates::Choice;
  auto candidates = TRY(registry::find_candidates(session.registries, typed));
  if (candidates.choice == Choice::required && !session.choose) {
    return registry::nobody_to_ask(session.registries, typed);
  }
  if (candidates.choice == Choice::none || !session.choose) return PullPlan{std::move(candidates.references)};
  std::vector<std::string> texts;
  for (const auto& reference : candidates.references) texts.push_back(reference.to_string());
  const size_t chosen = TRY(session.choose(typed.to_string(), texts));
  return PullPlan{{candidates.references.at(chosen)}, true};
}

void remember_choice(const TransferSession& session, const oci::ImageReference& typed,
                     const oci::ImageReference& chosen) {
  const auto& options = session.options;
  auto recorded = registry::record_alias(options.paths, typed.path, chosen.name(), options.cancel);
  if (!recorded && options.log) options.log->debug("the choice is not kept: " + recorded.error().text());
}

// The blobs of an image at the endpoint that named it.
class RegistryOrigin final : public BlobOrigin {
 public:
  RegistryOrigin(registry::Client& client, const registry::Endpoint& endpoint) : client_(client), endpoint_(endpoint) {}
  Result<std::string> read_small(const oci::Descriptor& blob) override {
    return client_.fetch_small_blob(endpoint_, blob);
  }
  Result<void> fetch(const std::vector<registry::BlobDownload>& downloads,
                     const std::function<Result<void>()>& meanwhile) override {
    return client_.fetch_blobs(endpoint_, downloads, meanwhile);
  }

 private:
  registry::Client& client_;
  const registry::Endpoint& endpoint_;
};

FetchOrder order_of(registry::ResolvedImage& image, const oci::ImageReference& reference, const PullOptions& options) {
  FetchOrder order;
  if (reference.tag) {
    oci::ImageReference name = reference;
    name.digest.reset();
    order.names.push_back(name.to_string());
  }
  for (const auto& document : image.chain) {
    order.repo_digests.push_back(reference.name() + "@" + document.descriptor.digest.to_string());
  }
  order.chain = std::move(image.chain);
  order.platform = options.platform;
  return order;
}

registry::ManifestDocument document_of(const oci::Manifest& manifest) {
  auto text = dump_json(oci::to_json(manifest));
  oci::Descriptor descriptor{.media_type = manifest.media_type,
                             .digest = digest_of(text),
                             .size_bytes = text.size(),
                             .platform = {},
                             .annotations = {}};
  return {.descriptor = std::move(descriptor), .bytes = std::move(text), .parsed = manifest};
}

Result<std::string> pull_candidate(TransferSession& session, const storage::Store& store,
                                   const runtime::HostFacts& host, const oci::ImageReference& reference,
                                   const PullOptions& options) {
  const auto demand = TRY(registry::demand_of(TRY(registry::load_trust_policy(session.options.paths)), reference));
  auto endpoints = TRY(registry::find_endpoints(session.registries, reference));
  session.progress.trying(reference.to_string());
  auto platform = options.platform.value_or(oci::host_platform());
  auto image = TRY(session.client->resolve(endpoints, reference, platform));
  TRY(check_registry_signatures(session, demand, image, reference));
  RegistryOrigin origin(*session.client, image.endpoint);
  const FetchSite site{session.options, session.progress, store, host};
  auto order = order_of(image, reference, options);
  const auto& manifest = std::get<oci::Manifest>(order.chain.back().parsed);
  if (!has_encrypted_layers(manifest)) return fetch_image(site, origin, order);
  const auto opened = TRY(open_encrypted(manifest, options.decryption_keys));
  // What is stored is the image in the clear, which has a manifest of its own and is in no index.
  order.chain = {document_of(opened.manifest)};
  DecryptingOrigin decrypting(origin, opened.layers);
  return fetch_image(site, decrypting, order);
}

// Every tag of the repository, one after the other.
Result<std::vector<std::string>> pull_all_tags(TransferSession& session, const storage::Store& store,
                                               const runtime::HostFacts& host, oci::ImageReference reference,
                                               const PullOptions& options) {
  auto endpoints = TRY(registry::find_endpoints(session.registries, reference));
  std::vector<std::string> ids;
  for (const auto& tag : TRY(session.client->list_tags(endpoints.back()))) {
    reference.tag = tag;
    ids.push_back(TRY(pull_candidate(session, store, host, reference, options)));
  }
  return ids;
}

}  // namespace

Result<std::vector<std::string>> pull_images(TransferSession& session, const std::string& reference,
                                             const PullOptions& options) {
  const auto typed = TRY(oci::parse_reference(reference));
  const auto plan = TRY(choose_candidates(session, typed));
  const auto& candidates = plan.references;
  auto host = TRY(runtime::probe_host_facts(session.options.environment));
  auto store = TRY(storage::Store::open(session.options.paths, session.options.cancel, session.options.log));
  TRY(store.sweep());
  if (std::string notice = host.single_id_notice(); !notice.empty() && session.options.log)
    session.options.log->warn(notice);
  if (options.all_tags && (typed.tag || typed.digest)) {
    return Error(Errc::invalid, "--all-tags takes a name without tag and digest");
  }
  if (options.all_tags) return pull_all_tags(session, store, host, candidates.front(), options);

  std::vector<Error> failures;
  for (const auto& candidate : candidates) {
    auto id = pull_candidate(session, store, host, candidate.with_default_tag(), options);
    if (id && plan.is_chosen) remember_choice(session, typed, candidate);
    if (id) return std::vector<std::string>{std::move(*id)};
    bool next_may_work = id.error().code() == Errc::not_found || id.error().code() == Errc::network ||
                         id.error().code() == Errc::unauthorized || id.error().code() == Errc::timed_out;
    failures.push_back(std::move(id).error());
    if (!next_may_work) break;
  }
  if (failures.size() == 1) return std::move(failures.front());
  std::string all;
  for (const auto& failure : failures) all += (all.empty() ? "" : "; ") + failure.text();
  return Error(failures.back().code(),
               fmt::format("'{}' was not found on {} registries: {}", reference, failures.size(), all))
      .with_hint("name the registry in front, for example docker.io/" + reference);
}

}  // namespace ctr::engine
