#include <algorithm>

#include "base/channel.h"
#include "engine/transfer.h"

namespace ctr::engine {
namespace {

constexpr const char* k_verbs[] = {"pull",      "push",     "login",        "stored_login", "logout", "logout_all",
                                   "load",      "save",     "copy",         "export",       "commit", "import",
                                   "check",     "list_add", "list_inspect", "list_push",    "search", "trust_show",
                                   "trust_set", "unpack",   "web",          "sign"};
constexpr const char* k_policies[] = {"missing", "always", "never", "newer"};

Json optional_bool(const std::optional<bool>& value) { return value ? Json(*value) : Json(); }

// How often and how soon a failing transfer is tried again.
template <typename Options>
void retries_to_json(const Options& options, Json& json) {
  json.set("retries", options.retries);
  json.set("retryDelaySeconds", options.retry_delay ? Json(int64_t{options.retry_delay->count()}) : Json());
}

template <typename Options>
Result<void> retries_from_json(const JsonReader& reader, Options& options) {
  options.retries = static_cast<int>(TRY(reader.get_int("retries")));
  if (auto delay = TRY(reader.find_int("retryDelaySeconds"))) options.retry_delay = std::chrono::seconds(*delay);
  return ok();
}

Json pull_to_json(const PullOptions& options) {
  Json json = Json::object();
  json.set("authfile", options.authfile).set("creds", options.creds).set("certDir", options.cert_dir);
  json.set("tlsVerify", optional_bool(options.tls_verify));
  json.set("platform", options.platform ? Json(options.platform->to_string()) : Json());
  json.set("quiet", options.quiet).set("allTags", options.all_tags);
  json.set("policy", k_policies[static_cast<size_t>(options.policy)]);
  if (!options.decryption_keys.empty()) json.set("decryptionKeys", Json::strings(options.decryption_keys));
  retries_to_json(options, json);
  return json;
}

Result<PullOptions> pull_from_json(const JsonReader& reader) {
  PullOptions options;
  options.authfile = TRY(reader.get_string("authfile"));
  options.creds = TRY(reader.get_string("creds"));
  options.cert_dir = TRY(reader.get_string("certDir"));
  options.tls_verify = TRY(reader.find_bool("tlsVerify"));
  if (auto platform = TRY(reader.find_string("platform"))) options.platform = TRY(oci::parse_platform(*platform));
  options.quiet = TRY(reader.get_bool("quiet"));
  options.all_tags = TRY(reader.get_bool("allTags"));
  auto policy = TRY(reader.get_string("policy"));
  for (size_t i = 0; i < std::size(k_policies); ++i) {
    if (policy == k_policies[i]) options.policy = static_cast<PullPolicy>(i);
  }
  options.decryption_keys = TRY(reader.strings("decryptionKeys"));
  TRY(retries_from_json(reader, options));
  return options;
}

Json push_to_json(const PushOptions& options) {
  Json json = Json::object();
  json.set("authfile", options.authfile).set("creds", options.creds).set("certDir", options.cert_dir);
  json.set("format", options.format).set("tlsVerify", optional_bool(options.tls_verify)).set("quiet", options.quiet);
  json.set("signBy", options.sign_by)
      .set("sigstoreKeyFile", options.sigstore_key_file)
      .set("sigstoreParamsFile", options.sigstore_params_file)
      .set("signPassphraseFile", options.sign_passphrase_file)
      .set("compressionFormat", options.compression_format)
      .set("compressionLevel", options.compression_level ? Json(*options.compression_level) : Json())
      .set("forceCompression", options.force_compression)
      .set("addCompression", Json::strings(options.add_compression))
      .set("compressLayers", options.compress_layers)
      .set("encryptionKeys", Json::strings(options.encryption_keys));
  Json layers = Json::array();
  for (const int layer : options.encrypt_layers) layers.push(int64_t{layer});
  json.set("encryptLayers", std::move(layers));
  retries_to_json(options, json);
  return json;
}

Result<PushOptions> push_from_json(const JsonReader& reader) {
  PushOptions options;
  options.authfile = TRY(reader.get_string("authfile"));
  options.creds = TRY(reader.get_string("creds"));
  options.cert_dir = TRY(reader.get_string("certDir"));
  options.format = TRY(reader.get_string("format"));
  options.tls_verify = TRY(reader.find_bool("tlsVerify"));
  options.quiet = TRY(reader.get_bool("quiet"));
  options.sign_by = TRY(reader.get_string("signBy"));
  options.sigstore_key_file = TRY(reader.get_string("sigstoreKeyFile"));
  options.sigstore_params_file = TRY(reader.get_string("sigstoreParamsFile"));
  options.sign_passphrase_file = TRY(reader.get_string("signPassphraseFile"));
  options.compression_format = TRY(reader.get_string("compressionFormat"));
  if (auto level = TRY(reader.find_int("compressionLevel"))) options.compression_level = static_cast<int>(*level);
  options.force_compression = TRY(reader.get_bool("forceCompression"));
  options.add_compression = TRY(reader.strings("addCompression"));
  options.compress_layers = TRY(reader.get_bool("compressLayers"));
  options.encryption_keys = TRY(reader.strings("encryptionKeys"));
  if (const auto* layers = reader.value().find("encryptLayers"); layers != nullptr && layers->is_array()) {
    for (const auto& layer : layers->as_array()) {
      if (!layer.is_integer()) return reader.wrong("encryptLayers", "a list of numbers");
      options.encrypt_layers.push_back(static_cast<int>(layer.as_int()));
    }
  }
  TRY(retries_from_json(reader, options));
  return options;
}

Json login_to_json(const LoginOptions& options) {
  Json json = Json::object();
  json.set("registry", options.registry).set("username", options.username).set("password", options.password);
  json.set("authfile", options.authfile)
      .set("compatAuthfile", options.compat_authfile)
      .set("certDir", options.cert_dir);
  json.set("tlsVerify", optional_bool(options.tls_verify)).set("getLogin", options.get_login);
  json.set("stored", options.stored);
  return json;
}

Result<LoginOptions> login_from_json(const JsonReader& reader) {
  LoginOptions options;
  options.registry = TRY(reader.get_string("registry"));
  options.username = TRY(reader.get_string("username"));
  options.password = TRY(reader.get_string("password"));
  options.authfile = TRY(reader.get_string("authfile"));
  options.compat_authfile = TRY(reader.get_string("compatAuthfile"));
  options.cert_dir = TRY(reader.get_string("certDir"));
  options.tls_verify = TRY(reader.find_bool("tlsVerify"));
  options.get_login = TRY(reader.get_bool("getLogin"));
  options.stored = TRY(reader.get_bool("stored"));
  return options;
}

constexpr const char* k_layers[] = {"asStored", "uncompressed", "compressed"};

Json save_to_json(const SaveOptions& options) {
  return Json::object()
      .set("output", options.output)
      .set("format", options.format)
      .set("layers", k_layers[static_cast<size_t>(options.layers)])
      .set("quiet", options.quiet);
}

Result<SaveOptions> save_from_json(const JsonReader& reader) {
  SaveOptions options;
  options.output = TRY(reader.get_string("output"));
  options.format = TRY(reader.get_string("format"));
  const auto layers = TRY(reader.get_string("layers"));
  for (size_t i = 0; i < std::size(k_layers); ++i) {
    if (layers == k_layers[i]) options.layers = static_cast<SaveOptions::Layers>(i);
  }
  options.quiet = TRY(reader.get_bool("quiet"));
  return options;
}

Json images_to_json(const std::vector<LoadedImage>& images) {
  Json json = Json::array();
  for (const auto& image : images) {
    json.push(Json::object().set("id", image.id).set("names", Json::strings(image.names)));
  }
  return json;
}

Result<std::vector<LoadedImage>> images_from_json(const JsonReader& reader, std::string_view key) {
  std::vector<LoadedImage> images;
  for (const auto& element : TRY(reader.elements(key))) {
    images.push_back({.id = TRY(element.get_string("id")), .names = TRY(element.strings("names"))});
  }
  return images;
}

constexpr std::string_view k_ends[] = {"host", "container", "stream", "volume"};

Json end_to_json(const CopyEnd& end) {
  return Json::object()
      .set("kind", k_ends[static_cast<size_t>(end.kind)])
      .set("container", end.container)
      .set("path", end.path);
}

Result<CopyEnd> end_from_json(const JsonReader& reader, std::string_view key) {
  const auto end = TRY(reader.find_object(key));
  if (!end) return reader.wrong(key, "an object");
  const auto kind = std::find(std::begin(k_ends), std::end(k_ends), TRY(end->get_string("kind")));
  if (kind == std::end(k_ends)) return end->wrong("kind", "a kind of ends");
  return CopyEnd{static_cast<CopyEnd::Kind>(kind - std::begin(k_ends)), TRY(end->get_string("container")),
                 TRY(end->get_string("path"))};
}

Json copy_to_json(const CopyRequest& request) {
  return Json::object()
      .set("source", end_to_json(request.source))
      .set("destination", end_to_json(request.destination))
      .set("archive", request.archive)
      .set("overwrite", request.overwrite);
}

Result<CopyRequest> copy_from_json(const JsonReader& reader) {
  return CopyRequest{TRY(end_from_json(reader, "source")), TRY(end_from_json(reader, "destination")),
                     TRY(reader.get_bool("archive")), TRY(reader.get_bool("overwrite"))};
}

constexpr std::string_view k_image_formats[] = {"oci", "docker"};
constexpr std::string_view k_pauses[] = {"if_possible", "yes", "no"};

Json commit_to_json(const CommitRequest& request) {
  return Json::object()
      .set("container", request.container)
      .set("name", request.name)
      .set("author", request.author)
      .set("message", request.message)
      .set("changes", Json::strings(request.changes))
      .set("format", k_image_formats[static_cast<size_t>(request.format)])
      .set("pause", k_pauses[static_cast<size_t>(request.pause)])
      .set("quiet", request.quiet)
      .set("squash", request.squash)
      .set("includeVolumes", request.include_volumes)
      .set("configFile", request.config_file);
}

// The value of an enumeration that is written as one of `words`.
template <typename Enum, size_t n>
Result<Enum> word_from_json(const JsonReader& reader, std::string_view key, const std::string_view (&words)[n]) {
  const auto word = std::find(std::begin(words), std::end(words), TRY(reader.get_string(key)));
  if (word == std::end(words)) return reader.wrong(key, "a known word");
  return static_cast<Enum>(word - std::begin(words));
}

Result<CommitRequest> commit_from_json(const JsonReader& reader) {
  CommitRequest request;
  request.container = TRY(reader.get_string("container"));
  request.name = TRY(reader.get_string("name"));
  request.author = TRY(reader.get_string("author"));
  request.message = TRY(reader.get_string("message"));
  request.changes = TRY(reader.strings("changes"));
  request.format = TRY(word_from_json<CommitRequest::Format>(reader, "format", k_image_formats));
  request.pause = TRY(word_from_json<CommitRequest::Pause>(reader, "pause", k_pauses));
  request.quiet = TRY(reader.get_bool("quiet"));
  request.squash = TRY(reader.get_bool("squash"));
  request.include_volumes = TRY(reader.get_bool("includeVolumes"));
  request.config_file = TRY(reader.get_string("configFile"));
  return request;
}

Json import_to_json(const ImportRequest& request) {
  return Json::object()
      .set("input", request.input)
      .set("name", request.name)
      .set("message", request.message)
      .set("changes", Json::strings(request.changes))
      .set("os", request.platform.os)
      .set("architecture", request.platform.architecture)
      .set("variant", request.platform.variant)
      .set("quiet", request.quiet);
}

Result<ImportRequest> import_from_json(const JsonReader& reader) {
  return ImportRequest{.input = TRY(reader.get_string("input")),
                       .name = TRY(reader.get_string("name")),
                       .message = TRY(reader.get_string("message")),
                       .changes = TRY(reader.strings("changes")),
                       .platform = {.os = TRY(reader.get_string("os")),
                                    .architecture = TRY(reader.get_string("architecture")),
                                    .variant = TRY(reader.get_string("variant"))},
                       .quiet = TRY(reader.get_bool("quiet"))};
}

Json member_to_json(const ListMember& member) {
  return Json::object()
      .set("os", member.os)
      .set("architecture", member.architecture)
      .set("variant", member.variant)
      .set("osVersion", member.os_version)
      .set("features", Json::strings(member.features))
      .set("osFeatures", Json::strings(member.os_features))
      .set("annotations", Json::string_map(member.annotations));
}

Result<ListMember> member_from_json(const JsonReader& reader) {
  return ListMember{.os = TRY(reader.get_string("os")),
                    .architecture = TRY(reader.get_string("architecture")),
                    .variant = TRY(reader.get_string("variant")),
                    .os_version = TRY(reader.get_string("osVersion")),
                    .features = TRY(reader.strings("features")),
                    .os_features = TRY(reader.strings("osFeatures")),
                    .annotations = TRY(reader.string_map("annotations"))};
}

Json list_add_to_json(const AddRequest& request) {
  return Json::object()
      .set("list", request.list)
      .set("images", Json::strings(request.images))
      .set("all", request.all)
      .set("member", member_to_json(request.member))
      .set("access", pull_to_json(request.access));
}

Result<AddRequest> list_add_from_json(const JsonReader& reader) {
  AddRequest request;
  request.list = TRY(reader.get_string("list"));
  request.images = TRY(reader.strings("images"));
  request.all = TRY(reader.get_bool("all"));
  if (const auto member = TRY(reader.find_object("member"))) request.member = TRY(member_from_json(*member));
  if (const auto access = TRY(reader.find_object("access"))) request.access = TRY(pull_from_json(*access));
  return request;
}

Json search_to_json(const SearchOptions& options) {
  return Json::object()
      .set("term", options.term)
      .set("authfile", options.authfile)
      .set("creds", options.creds)
      .set("certDir", options.cert_dir)
      .set("tlsVerify", optional_bool(options.tls_verify))
      .set("listTags", options.list_tags)
      .set("limit", uint64_t{options.limit});
}

Result<SearchOptions> search_from_json(const JsonReader& reader) {
  SearchOptions options;
  options.term = TRY(reader.get_string("term"));
  options.authfile = TRY(reader.get_string("authfile"));
  options.creds = TRY(reader.get_string("creds"));
  options.cert_dir = TRY(reader.get_string("certDir"));
  options.tls_verify = TRY(reader.find_bool("tlsVerify"));
  options.list_tags = TRY(reader.get_bool("listTags"));
  options.limit = TRY(reader.get_uint("limit"));
  return options;
}

Json trust_to_json(const TrustOptions& options) {
  return Json::object()
      .set("policyFile", options.policy_file)
      .set("scope", options.scope)
      .set("type", options.type)
      .set("keyFiles", Json::strings(options.key_files))
      .set("raw", options.raw);
}

Result<TrustOptions> trust_from_json(const JsonReader& reader) {
  return TrustOptions{.policy_file = TRY(reader.get_string("policyFile")),
                      .scope = TRY(reader.get_string("scope")),
                      .type = TRY(reader.get_string("type")),
                      .key_files = TRY(reader.strings("keyFiles")),
                      .raw = TRY(reader.get_bool("raw"))};
}

Json hits_to_json(const std::vector<SearchHit>& hits) {
  Json json = Json::array();
  for (const auto& hit : hits) {
    json.push(Json::object()
                  .set("index", hit.index)
                  .set("name", hit.name)
                  .set("description", hit.description)
                  .set("stars", hit.stars)
                  .set("official", hit.official)
                  .set("automated", hit.automated)
                  .set("tag", hit.tag));
  }
  return json;
}

Result<std::vector<SearchHit>> hits_from_json(const JsonReader& reader) {
  std::vector<SearchHit> hits;
  for (const auto& hit : TRY(reader.elements("hits"))) {
    hits.push_back({.index = TRY(hit.get_string("index")),
                    .name = TRY(hit.get_string("name")),
                    .description = TRY(hit.get_string("description")),
                    .stars = TRY(hit.get_int("stars")),
                    .official = TRY(hit.get_bool("official")),
                    .automated = TRY(hit.get_bool("automated")),
                    .tag = TRY(hit.get_string("tag"))});
  }
  return hits;
}

}  // namespace

Json to_json(const TransferRequest& request) {
  Json json = Json::object();
  json.set("verb", k_verbs[static_cast<size_t>(request.verb)]).set("reference", request.reference);
  json.set("imageId", request.image_id).set("pull", pull_to_json(request.pull));
  json.set("push", push_to_json(request.push)).set("login", login_to_json(request.login));
  json.set("debug", request.debug).set("mayAsk", request.may_ask);
  json.set("load", Json::object().set("input", request.load.input).set("quiet", request.load.quiet));
  json.set("save", save_to_json(request.save)).set("images", images_to_json(request.images));
  json.set("copy", copy_to_json(request.copy));
  json.set(
      "export",
      Json::object().set("container", request.export_request.container).set("output", request.export_request.output));
  json.set("commit", commit_to_json(request.commit));
  json.set("import", import_to_json(request.import_request));
  json.set("listAdd", list_add_to_json(request.list_add)).set("listAll", request.list_all);
  json.set("search", search_to_json(request.search)).set("trust", trust_to_json(request.trust));
  json.set("check", to_json(request.check));
  Json web = Json::array();
  for (const auto& one : request.web) web.push(to_json(one));
  json.set("web", std::move(web));
  json.set("sign", Json::object().set("directory", request.sign.directory).set("all", request.sign.all));
  return json;
}

Result<TransferRequest> transfer_request_from_json(const JsonReader& reader) {
  TransferRequest request;
  auto verb = TRY(reader.get_string("verb"));
  for (size_t i = 0; i < std::size(k_verbs); ++i) {
    if (verb == k_verbs[i]) request.verb = static_cast<TransferRequest::Verb>(i);
  }
  request.reference = TRY(reader.get_string("reference"));
  request.image_id = TRY(reader.get_string("imageId"));
  if (auto pull = TRY(reader.find_object("pull"))) request.pull = TRY(pull_from_json(*pull));
  if (auto push = TRY(reader.find_object("push"))) request.push = TRY(push_from_json(*push));
  if (auto login = TRY(reader.find_object("login"))) request.login = TRY(login_from_json(*login));
  request.debug = TRY(reader.bool_or("debug", false));
  request.may_ask = TRY(reader.bool_or("mayAsk", false));
  if (auto load = TRY(reader.find_object("load"))) {
    request.load = {.input = TRY(load->get_string("input")), .quiet = TRY(load->get_bool("quiet"))};
  }
  if (auto save = TRY(reader.find_object("save"))) request.save = TRY(save_from_json(*save));
  request.images = TRY(images_from_json(reader, "images"));
  if (auto copy = TRY(reader.find_object("copy"))) request.copy = TRY(copy_from_json(*copy));
  if (auto from = TRY(reader.find_object("export"))) {
    request.export_request = {TRY(from->get_string("container")), TRY(from->get_string("output"))};
  }
  if (auto from = TRY(reader.find_object("import"))) request.import_request = TRY(import_from_json(*from));
  if (auto from = TRY(reader.find_object("check"))) request.check = TRY(check_request_from_json(*from));
  if (auto commit = TRY(reader.find_object("commit"))) request.commit = TRY(commit_from_json(*commit));
  if (auto add = TRY(reader.find_object("listAdd"))) request.list_add = TRY(list_add_from_json(*add));
  request.list_all = TRY(reader.bool_or("listAll", true));
  if (auto sign = TRY(reader.find_object("sign"))) {
    request.sign = {TRY(sign->get_string("directory")), TRY(sign->get_bool("all"))};
  }
  if (auto search = TRY(reader.find_object("search"))) request.search = TRY(search_from_json(*search));
  for (const auto& one : TRY(reader.elements("web"))) request.web.push_back(TRY(web_request_from_json(one)));
  if (auto trust = TRY(reader.find_object("trust"))) request.trust = TRY(trust_from_json(*trust));
  return request;
}

Json to_json(const Result<TransferAnswer>& answer) {
  Json json = Json::object();
  if (!answer) return json.set("error", to_json(answer.error()));
  Json web = Json::array();
  for (const auto& one : answer->web) web.push(to_json(one));
  return json.set("imageIds", Json::strings(answer->image_ids))
      .set("digest", answer->digest)
      .set("username", answer->username)
      .set("authFile", answer->auth_file)
      .set("damages", to_json(answer->damages))
      .set("images", images_to_json(answer->images))
      .set("document", answer->document)
      .set("web", std::move(web))
      .set("hits", hits_to_json(answer->hits));
}

Result<TransferAnswer> transfer_answer_from_json(const Json& answer) {
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  JsonReader reader(answer, "the answer of ctr-transfer");
  TransferAnswer result;
  result.image_ids = TRY(reader.strings("imageIds"));
  result.digest = TRY(reader.get_string("digest"));
  result.username = TRY(reader.string_or("username", ""));
  result.auth_file = TRY(reader.string_or("authFile", ""));
  result.images = TRY(images_from_json(reader, "images"));
  result.document = TRY(reader.string_or("document", ""));
  for (const auto& one : TRY(reader.elements("web"))) result.web.push_back(TRY(web_answer_from_json(one)));
  result.hits = TRY(hits_from_json(reader));
  result.damages = TRY(damages_from_json(reader, "damages"));
  return result;
}

}  // namespace ctr::engine
