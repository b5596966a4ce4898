// manifest create, add and inspect, as far as they need a registry.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/core.h"
#include "engine/image_lookup.h"
#include "engine/list_document.h"
#include "engine/list_transfer.h"
#include "storage/image_lists.h"

namespace ctr::engine {
namespace {

constexpr std::string_view k_registry = "docker://";
constexpr std::string_view k_store = "containers-storage:";

// One image on its way into a list.
struct Member {
  oci::Descriptor descriptor;
  Json entry;          // as the list will have it
  std::string source;  // name@digest; empty: all of it is in the store
};

oci::Platform wanted_platform(const ListMember& member) {
  auto platform = oci::host_platform();
  if (!member.os.empty()) platform.os = member.os;
  if (!member.architecture.empty()) platform.architecture = member.architecture, platform.variant.clear();
  if (!member.variant.empty()) platform.variant = member.variant;
  return platform;
}

Member described(oci::Descriptor manifest, const oci::Platform& platform, std::string source) {
  manifest.annotations.clear();
  manifest.platform = platform;
  auto entry = oci::to_json(manifest);
  return {std::move(manifest), std::move(entry), std::move(source)};
}

bool is_image_manifest(const oci::Descriptor& descriptor) {
  const auto kind = oci::media_kind(descriptor.media_type);
  return kind == oci::MediaKind::oci_manifest || kind == oci::MediaKind::docker_manifest;
}

// The images of a list that are meant: all, or the one for a platform. Their entries stay as they are.
Result<std::vector<Member>> choose_members(const std::string& list, const oci::ImageIndex& index,
                                           const AddRequest& request) {
  std::vector<oci::Descriptor> chosen;
  if (request.all) {
    chosen = index.manifests;
    std::erase_if(chosen, [](const auto& entry) { return !is_image_manifest(entry); });
  } else {
    chosen.push_back(TRY(oci::choose_platform(index, wanted_platform(request.member))));
  }
  const auto json = TRY(parse_json(list, "the list"));
  std::vector<Member> members;
  for (auto& descriptor : chosen) {
    Json entry = oci::to_json(descriptor);
    for (const auto& raw : TRY(JsonReader(json, "the list").elements("manifests"))) {
      if (TRY(raw.string_or("digest", "")) == descriptor.digest.to_string()) entry = raw.value();
    }
    members.push_back({std::move(descriptor), std::move(entry), {}});
  }
  return members;
}

class Adder {
 public:
  Adder(TransferSession& session, Core& core, const storage::Store& store, storage::Pin& pin, const AddRequest& request)
      : session_(session), core_(core), store_(store), pin_(pin), request_(request) {}

  Result<std::vector<Member>> find(const std::string& image) {
    if (image.starts_with(k_store))
      return from_store(TRY(get_image_record(core_, image.substr(k_store.size()))).record);
    if (image.starts_with(k_registry)) return from_registry(image);
    const auto found = TRY(find_image_record(core_, image));
    return found ? from_store(found->record) : from_registry(image);
  }

 private:
  Result<std::vector<Member>> from_store(const storage::ImageRecord& image) {
    if (!storage::is_list(image)) {
      const auto manifest = TRY(store_.images().read_manifest(image));
      std::vector<Digest> blobs = {image.manifest.digest, manifest.config.digest};
      for (const auto& layer : manifest.layers) blobs.push_back(layer.digest);
      const auto config = TRY(store_.images().read_config(image));
      TRY(pin_.add(blobs, config.diff_ids, session_.options.cancel));
      return std::vector{described(image.manifest, config.platform, "")};
    }
    const auto content = TRY(storage::ImageLists(store_.image_root()).read(image.id));
    const auto document = TRY(oci::parse_manifest(content.document, image.manifest.media_type));
    auto members = TRY(choose_members(content.document, std::get<oci::ImageIndex>(document), request_));
    for (auto& member : members) {
      TRY(pin_.add({member.descriptor.digest}, {}, session_.options.cancel));
      const auto suffix = "@" + member.descriptor.digest.to_string();
      for (const auto& source : content.sources) {
        if (source.ends_with(suffix)) member.source = source;
      }
    }
    return members;
  }

  Result<std::vector<Member>> from_registry(const std::string& image) {
    const auto typed = TRY(oci::parse_reference(image));
    std::optional<Error> failure;
    const auto candidates = TRY(registry::find_candidates(session_.registries, typed));
    for (const auto& candidate : candidates.references) {
      auto members = from_candidate(candidate.with_default_tag());
      if (members) return members;
      failure = std::move(members).error().context("adding '" + printable(image) + "'");
    }
    return failure.value_or(Error(Errc::not_found, printable(image) + ": image not known"));
  }

  Result<std::vector<Member>> from_candidate(const oci::ImageReference& reference) {
    const auto endpoint = TRY(registry::find_endpoints(session_.registries, reference)).back();
    const auto first = TRY(session_.client->fetch_manifest(endpoint, reference));
    const auto* index = std::get_if<oci::ImageIndex>(&first.parsed);
    if (index == nullptr) return std::vector{TRY(fetched(endpoint, reference, first))};
    auto members = TRY(choose_members(first.bytes, *index, request_));
    for (auto& member : members) {
      const auto document = session_.client->fetch_manifest(endpoint, member.descriptor);
      if (!document && document.error().code() == Errc::unsupported && request_.all) {
        member.source = TRY(fetched_artifact(endpoint, reference, member.descriptor));
        continue;
      }
      auto whole = TRY(fetched(endpoint, reference, TRY(document)));
      member.source = std::move(whole.source);
      if (!member.descriptor.platform) member = std::move(whole);
    }
    return members;
  }

  // A statement of a builder comes along as it is: it has no platform, and what it says is no matter of ours.
  Result<std::string> fetched_artifact(const registry::Endpoint& endpoint, const oci::ImageReference& reference,
                                       const oci::Descriptor& wanted) {
    const auto digest = wanted.digest.to_string();
    const auto text = TRY(session_.client->fetch_document(endpoint, digest));
    if (!text) return Error(Errc::not_found, "reading manifest " + digest + " in " + endpoint.name());
    if (text->size() != wanted.size_bytes || digest_of(*text, wanted.digest.algorithm()) != wanted.digest) {
      return Error(Errc::corrupt, "manifest " + digest + " in " + endpoint.name() + " is not what its list says");
    }
    if (!TRY(oci::manifest_parts(*text)).is_artifact()) {
      return Error(Errc::unsupported, "manifest " + digest + " in " + endpoint.name() + " is of no known kind");
    }
    TRY(pin_.add({wanted.digest}, {}, session_.options.cancel));
    auto blob = TRY(store_.blobs().stage(*text, wanted, session_.options.cancel));
    if (blob) TRY(blob->commit());
    return reference.name() + "@" + digest;
  }

  // The manifest comes into the store; what it is for is in its configuration.
  Result<Member> fetched(const registry::Endpoint& endpoint, const oci::ImageReference& reference,
                         const registry::ManifestDocument& document) {
    const auto* manifest = std::get_if<oci::Manifest>(&document.parsed);
    if (manifest == nullptr) return Error(Errc::unsupported, "a list in a list is not supported");
    TRY(pin_.add({document.descriptor.digest}, {}, session_.options.cancel));
    auto blob = TRY(store_.blobs().stage(document.bytes, document.descriptor, session_.options.cancel));
    if (blob) TRY(blob->commit());
    auto source = reference.name() + "@" + document.descriptor.digest.to_string();
    oci::Platform platform;
    if (document.descriptor.platform) {
      platform = *document.descriptor.platform;
    } else {
      const auto text = TRY(session_.client->fetch_small_blob(endpoint, manifest->config));
      platform = TRY(oci::parse_image_config(text)).platform;
    }
    return described(document.descriptor, platform, std::move(source));
  }

  TransferSession& session_;
  Core& core_;
  const storage::Store& store_;
  storage::Pin& pin_;
  const AddRequest& request_;
};

// Where images are that the list does not have any more is of no interest.
Result<void> drop_unused_sources(storage::ListContent& content) {
  const auto members = TRY(list_members(content.document));
  std::erase_if(content.sources, [&](const std::string& source) {
    return std::none_of(members.begin(), members.end(),
                        [&](const Digest& digest) { return source.ends_with("@" + digest.to_string()); });
  });
  return ok();
}

Result<storage::ListContent> with_members(storage::ListContent content, const std::vector<Member>& members,
                                          const ListMember& change) {
  for (const auto& member : members) {
    content.document = TRY(put_member(content.document, member.entry));
    content.document = TRY(change_member(content.document, member.descriptor.digest, change));
    const auto& sources = content.sources;
    const bool is_known = std::find(sources.begin(), sources.end(), member.source) != sources.end();
    if (!member.source.empty() && !is_known) content.sources.push_back(member.source);
  }
  TRY(drop_unused_sources(content));
  return content;
}

}  // namespace

Result<void> add_to_list(TransferSession& session, const AddRequest& request) {
  Core core(session.options);
  const auto* store = TRY(core.store());
  auto pin = TRY(store->images().pin(session.options.cancel));
  Adder adder(session, core, *store, pin, request);
  std::vector<Member> members;
  for (const auto& image : request.images) {
    auto found = TRY(adder.find(image));
    std::move(found.begin(), found.end(), std::back_inserter(members));
  }
  const auto list = TRY(get_image_record(core, request.list));
  return storage::ImageLists(store->image_root())
      .edit(
          list.record.id,
          [&](storage::ListContent content) { return with_members(std::move(content), members, request.member); },
          session.options.cancel);
}

Result<std::string> inspect_list(TransferSession& session, const std::string& reference) {
  const auto typed = TRY(oci::parse_reference(reference));
  std::optional<Error> failure;
  const auto candidates = TRY(registry::find_candidates(session.registries, typed));
  for (const auto& candidate : candidates.references) {
    const auto full = candidate.with_default_tag();
    const auto endpoint = TRY(registry::find_endpoints(session.registries, full)).back();
    auto document = session.client->fetch_manifest(endpoint, full);
    if (!document) {
      failure = std::move(document).error();
      continue;
    }
    if (std::holds_alternative<oci::Manifest>(document->parsed) && session.options.log) {
      session.options.log->warn(fmt::format("The manifest type {} is not a manifest list but a single image.",
                                            document->descriptor.media_type));
    }
    return std::move(document->bytes);
  }
  return failure.value_or(Error(Errc::not_found, printable(reference) + ": image not known"));
}

}  // namespace ctr::engine
