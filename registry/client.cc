#include "registry/client.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "registry/download.h"
#include "registry/search.h"
#include "registry/session.h"
#include "registry/upload.h"

namespace ctr::registry {
namespace {

// An index that names an index is the most that is in use.
constexpr int k_index_limit = 2;
constexpr int k_page_limit = 1000;
constexpr size_t k_answer_limit_bytes = size_t{4} << 20;

constexpr std::string_view k_accept =
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

Error corrupt(std::string message) { return Error(Errc::corrupt, std::move(message)); }

std::string pull_scope(const Endpoint& endpoint) { return "repository:" + endpoint.repository + ":pull"; }

const std::string& media_type_of(const std::variant<oci::Manifest, oci::ImageIndex>& parsed) {
  if (const auto* manifest = std::get_if<oci::Manifest>(&parsed)) return manifest->media_type;
  return std::get<oci::ImageIndex>(parsed).media_type;
}

// The registry's own word on what it sent must fit what came.
Result<void> check_digest_header(const ResponseHead& head, std::string_view bytes) {
  const std::string header = head.header("docker-content-digest");
  if (header.empty()) return ok();
  const auto announced = Digest::parse(header);
  if (!announced) return corrupt("Docker-Content-Digest '" + printable(header) + "' is not a digest");
  if (digest_of(bytes, announced->algorithm()) == *announced) return ok();
  return corrupt("the manifest's digest is not the one of Docker-Content-Digest, " + announced->to_string());
}

Result<ManifestDocument> read_document(Answer answer, const std::optional<Digest>& wanted) {
  const auto algorithm = wanted ? wanted->algorithm() : DigestAlgorithm::sha256;
  const Digest digest = digest_of(answer.body, algorithm);
  if (wanted && digest != *wanted) {
    return corrupt("the manifest's digest is " + digest.to_string() + ", not " + wanted->to_string());
  }
  TRY(check_digest_header(answer.head, answer.body));
  auto parsed = TRY(oci::parse_manifest(answer.body, answer.head.header("content-type")));
  oci::Descriptor descriptor{.media_type = media_type_of(parsed),
                             .digest = digest,
                             .size_bytes = answer.body.size(),
                             .platform = {},
                             .annotations = {}};
  return ManifestDocument{
      .descriptor = std::move(descriptor), .bytes = std::move(answer.body), .parsed = std::move(parsed)};
}

// Keeps a small blob in memory.
class TextSink : public BlobSink {
 public:
  explicit TextSink(const Digest& wanted) : wanted_(wanted) {}
  uint64_t resume_offset() override { return 0; }
  Result<void> append(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return ok();
  }
  Result<void> restart() override {
    text.clear();
    return ok();
  }
  Result<void> verify() override {
    const Digest found = digest_of(text, wanted_.algorithm());
    if (found == wanted_) return ok();
    return corrupt("its digest is " + found.to_string() + ", not " + wanted_.to_string());
  }
  Result<void> commit() override { return ok(); }
  std::string text;

 private:
  const Digest& wanted_;
};

}  // namespace

struct Client::State {
  Session session;

  Result<Answer> get_manifest(const Endpoint& endpoint, const std::string& name);
  Result<ManifestDocument> fetch(const Endpoint& endpoint, const oci::ImageReference& reference);
  Result<ManifestDocument> fetch(const Endpoint& endpoint, const oci::Descriptor& descriptor);
  Result<ResolvedImage> resolve(const Endpoint& endpoint, const oci::ImageReference& reference,
                                const oci::Platform& platform);
};

Result<Answer> Client::State::get_manifest(const Endpoint& endpoint, const std::string& name) {
  Call call;
  call.endpoint = &endpoint;
  call.url = TRY(session.url_of(endpoint, "manifests/" + name));
  call.headers = {std::string(k_accept)};
  call.scopes = {pull_scope(endpoint)};
  return session.call(std::move(call), oci::k_manifest_limit_bytes);
}

Result<ManifestDocument> Client::State::fetch(const Endpoint& endpoint, const oci::ImageReference& reference) {
  const std::string name = reference.digest ? reference.digest->to_string() : reference.tag.value_or("latest");
  const std::string what = "reading manifest " + name + " in " + endpoint.name();
  auto answer = get_manifest(endpoint, name);
  if (!answer && answer.error().code() == Errc::not_found) {
    return std::move(answer).error().context(what).with_hint(
        "check the name and the tag: `ctr search --list-tags` lists the tags of a repository");
  }
  if (!answer) return std::move(answer).error().context(what);
  return read_document(std::move(*answer), reference.digest).context(what);
}

Result<ManifestDocument> Client::State::fetch(const Endpoint& endpoint, const oci::Descriptor& descriptor) {
  const std::string what = "reading manifest " + descriptor.digest.to_string() + " in " + endpoint.name();
  if (descriptor.size_bytes > oci::k_manifest_limit_bytes) {
    return corrupt("its size of " + std::to_string(descriptor.size_bytes) + " bytes is over the limit of 4 MiB")
        .context(what);
  }
  auto answer = get_manifest(endpoint, descriptor.digest.to_string());
  if (!answer) return std::move(answer).error().context(what);
  if (answer->body.size() != descriptor.size_bytes) {
    return corrupt("it has " + std::to_string(answer->body.size()) + " bytes, but the index says " +
                   std::to_string(descriptor.size_bytes))
        .context(what);
  }
  auto document = read_document(std::move(*answer), descriptor.digest);
  if (document && document->descriptor.media_type != descriptor.media_type) {
    return corrupt("it is of type '" + printable(document->descriptor.media_type) + "', but the index says '" +
                   printable(descriptor.media_type) + "'")
        .context(what);
  }
  if (document) document->descriptor.platform = descriptor.platform;
  return std::move(document).context(what);
}

Result<ResolvedImage> Client::State::resolve(const Endpoint& endpoint, const oci::ImageReference& reference,
                                             const oci::Platform& platform) {
  ResolvedImage image{.endpoint = endpoint, .chain = {}};
  image.chain.push_back(TRY(fetch(endpoint, reference)));
  for (int depth = 0;; ++depth) {
    const auto* index = std::get_if<oci::ImageIndex>(&image.chain.back().parsed);
    if (!index) return image;
    if (depth >= k_index_limit) {
      return corrupt("more than " + std::to_string(k_index_limit) + " indexes lie between the reference and an image");
    }
    const auto chosen = TRY(oci::choose_platform(*index, platform));
    image.chain.push_back(TRY(fetch(endpoint, chosen)));
  }
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::create(ClientOptions options, const CredentialStore& store, const CancelToken& cancel) {
  auto session = TRY(Session::create(std::move(options), store, cancel));
  return Client(std::unique_ptr<State>(new State{.session = std::move(session)}));
}

Result<ResolvedImage> Client::resolve(const std::vector<Endpoint>& endpoints, const oci::ImageReference& reference,
                                      const oci::Platform& platform) {
  CTR_ASSERT(!endpoints.empty());
  const std::string source = "initializing source docker://" + reference.to_string();
  std::vector<std::string> mirror_failures;
  for (size_t i = 0;; ++i) {
    auto image = state_->resolve(endpoints[i], reference, platform);
    if (image) return image;
    const bool is_last = i + 1 == endpoints.size();
    if (!is_last && image.error().code() != Errc::interrupted) {
      if (auto* log = state_->session.options().log) log->debug("mirror: " + image.error().text());
      mirror_failures.push_back(endpoints[i].name() + ": " + image.error().text());
      continue;
    }
    Error error = std::move(image).error().context(source);
    if (mirror_failures.empty() || !error.hint().empty()) return error;
    return std::move(error).with_hint("mirrors failed too: " + join(mirror_failures, "; "));
  }
}

Result<ManifestDocument> Client::fetch_manifest(const Endpoint& endpoint, const oci::ImageReference& reference) {
  return state_->fetch(endpoint, reference);
}

Result<ManifestDocument> Client::fetch_manifest(const Endpoint& endpoint, const oci::Descriptor& descriptor) {
  return state_->fetch(endpoint, descriptor);
}

Result<std::optional<std::string>> Client::fetch_document(const Endpoint& endpoint, const std::string& tag) {
  auto answer = state_->get_manifest(endpoint, tag);
  if (!answer && answer.error().code() == Errc::not_found) return std::optional<std::string>();
  if (!answer) return std::move(answer).error().context("reading manifest " + tag + " in " + endpoint.name());
  return std::optional(std::move(answer->body));
}

Result<void> Client::fetch_blobs(const Endpoint& endpoint, const std::vector<BlobDownload>& downloads,
                                 const std::function<Result<void>()>& meanwhile) {
  auto& session = state_->session;
  auto* progress = session.options().progress;
  std::vector<std::unique_ptr<BlobBody>> bodies;
  std::vector<std::unique_ptr<Flow>> flows;
  std::vector<Flow*> pointers;
  for (const auto& download : downloads) {
    const std::string digest = download.descriptor.digest.to_string();
    if (progress) {
      progress->blob_started(digest, download.kind, download.descriptor.size_bytes, ProgressSink::Skip::no);
    }
    Call call;
    call.endpoint = &endpoint;
    call.url = TRY(session.url_of(endpoint, "blobs/" + digest));
    call.scopes = {pull_scope(endpoint)};
    call.label = digest;
    call.what = "reading blob " + digest;
    auto body = std::make_unique<BlobBody>(download, progress);
    if (TRY(body->prepare().context(call.what))) continue;
    flows.push_back(std::make_unique<Flow>(std::move(call), *body));
    pointers.push_back(flows.back().get());
    bodies.push_back(std::move(body));
  }
  return session.run(pointers, session.options().limits.parallel, Session::Failures::end_all, meanwhile);
}

Result<std::string> Client::fetch_small_blob(const Endpoint& endpoint, const oci::Descriptor& descriptor) {
  if (descriptor.size_bytes > k_answer_limit_bytes) {
    return Error(Errc::invalid, "reading blob " + descriptor.digest.to_string() + ": its size of " +
                                    std::to_string(descriptor.size_bytes) + " bytes is over the limit of 4 MiB");
  }
  TextSink sink(descriptor.digest);
  TRY(fetch_blobs(endpoint, {{.descriptor = descriptor, .sink = &sink, .kind = ProgressSink::BlobKind::config}}));
  return std::move(sink.text);
}

Result<void> Client::push_blobs(const Endpoint& endpoint, const std::vector<BlobUpload>& uploads) {
  return registry::push_blobs(state_->session, endpoint, uploads);
}

Result<void> Client::push_manifest(const Endpoint& endpoint, std::string_view name, std::string_view media_type,
                                   std::string_view document) {
  auto& session = state_->session;
  Call call;
  call.method = Method::put;
  call.endpoint = &endpoint;
  call.url = TRY(session.url_of(endpoint, "manifests/" + std::string(name)));
  call.headers = {"Content-Type: " + std::string(media_type)};
  call.body = std::string(document);
  call.scopes = {"repository:" + endpoint.repository + ":pull,push"};
  call.what = "writing manifest " + std::string(name) + " to " + endpoint.name();
  const std::string what = call.what;
  const auto answer = TRY(session.call(std::move(call), k_answer_limit_bytes));
  return check_digest_header(answer.head, document).context(what);
}

Result<std::optional<std::string>> Client::fetch_file(std::string_view url, size_t limit_bytes) {
  Call call;
  call.url = TRY(parse_url(url));
  const Endpoint host{.host = call.url.origin.host + ":" + std::to_string(call.url.origin.port), .repository = ""};
  call.endpoint = &host;
  call.authorization = "";
  call.absence = Call::Absence::answer;
  call.what = "reading '" + printable(url) + "'";
  auto answer = TRY(state_->session.call(std::move(call), limit_bytes));
  if (answer.head.status == 404) return std::optional<std::string>();
  return std::optional(std::move(answer.body));
}

Result<std::vector<std::string>> Client::list_tags(const Endpoint& endpoint) {
  auto& session = state_->session;
  const std::string what = "reading tags of " + endpoint.name();
  auto url = TRY(session.url_of(endpoint, "tags/list?n=1000"));
  const Origin origin = url.origin;
  std::vector<std::string> tags;
  for (int page = 0; page < k_page_limit; ++page) {
    Call call;
    call.endpoint = &endpoint;
    call.url = url;
    call.scopes = {pull_scope(endpoint)};
    call.what = what;
    const auto answer = TRY(session.call(std::move(call), k_answer_limit_bytes));
    const Json document = TRY(parse_json(answer.body, what));
    for (auto& tag : TRY(JsonReader(document, what).strings("tags"))) {
      if (!oci::is_valid_tag(tag)) return corrupt(what + ": '" + printable(tag) + "' is not a valid tag");
      tags.push_back(std::move(tag));
    }
    const std::string next = next_link(answer.head.header("link"));
    if (next.empty()) return tags;
    url = TRY(resolve_url(url, next));
    if (url.origin != origin) return corrupt(what + ": the next page lies on another host");
  }
  return corrupt(what + ": more than " + std::to_string(k_page_limit) + " pages");
}

Result<std::vector<SearchResult>> Client::search(const Endpoint& endpoint, std::string_view term, size_t limit) {
  return search_registry(state_->session, endpoint, term, limit);
}

Result<void> Client::check_login(const Endpoint& endpoint, const Credentials& credentials) {
  auto& session = state_->session;
  session.use_credentials(credentials);
  Call call;
  call.endpoint = &endpoint;
  call.url = TRY(session.api_base(endpoint));
  const auto answer = session.call(std::move(call), k_answer_limit_bytes);
  if (answer) return ok();
  auto error = answer.error();
  const std::string what = "logging into \"" + endpoint.host + "\"";
  if (error.code() != Errc::unauthorized) return std::move(error).context(what);
  return Error(Errc::unauthorized, what + ": invalid username/password");
}

}  // namespace ctr::registry
