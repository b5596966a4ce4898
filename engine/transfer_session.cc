#include "engine/transfer_session.h"

#include "engine/commit.h"
#include "engine/copy.h"
#include "engine/image_signatures.h"
#include "engine/import.h"
#include "engine/list_transfer.h"
#include "engine/store_checker.h"
#include "engine/trust.h"
#include "engine/unpack_stored.h"
#include "engine/web_transfer.h"

namespace ctr::engine {

RegistryAccess registry_access(const PullOptions& options) {
  return {.authfile = options.authfile,
          .compat_authfile = "",
          .creds = options.creds,
          .cert_dir = options.cert_dir,
          .tls_verify = options.tls_verify,
          .retries = options.retries,
          .retry_delay = options.retry_delay};
}

RegistryAccess registry_access(const PushOptions& options) {
  RegistryAccess access;
  access.authfile = options.authfile;
  access.creds = options.creds;
  access.cert_dir = options.cert_dir;
  access.tls_verify = options.tls_verify;
  access.retries = options.retries;
  access.retry_delay = options.retry_delay;
  return access;
}

RegistryAccess registry_access(const LoginOptions& options) {
  RegistryAccess access;
  access.authfile = options.authfile;
  access.compat_authfile = options.compat_authfile;
  access.cert_dir = options.cert_dir;
  access.tls_verify = options.tls_verify;
  return access;
}

RegistryAccess registry_access(const SearchOptions& options) {
  RegistryAccess access;
  access.authfile = options.authfile;
  access.creds = options.creds;
  access.cert_dir = options.cert_dir;
  access.tls_verify = options.tls_verify;
  return access;
}

Result<TransferSession> open_session(const EngineOptions& options, const TransferFront& front,
                                     const RegistryAccess& access) {
  TransferSession session{.options = options,
                          .progress = front.progress,
                          .choose = front.choose,
                          .registries = {},
                          .credentials = {},
                          .client = {}};
  session.registries = TRY(registry::load_registries_config(options.environment, options.paths));
  if (options.log != nullptr) {
    for (const auto& line : session.registries.warnings) options.log->warn(line);
  }
  registry::AuthOptions auth{.authfile = access.authfile,
                             .compat_authfile = access.compat_authfile,
                             .environment = options.environment,
                             .paths = options.paths,
                             .credential_helpers = session.registries.credential_helpers};
  session.credentials = std::make_unique<registry::CredentialStore>(std::move(auth));
  registry::ClientOptions client;
  client.user_agent = "ctr/" + options.version;
  if (access.tls_verify) client.tls_verify = *access.tls_verify ? registry::TlsVerify::yes : registry::TlsVerify::no;
  client.cert_dir = access.cert_dir;
  if (!access.creds.empty()) client.credentials = TRY(registry::parse_credentials(access.creds));
  client.paths = options.paths;
  client.limits.retries = access.retries;
  if (access.retry_delay) client.limits.first_back_off = *access.retry_delay;
  client.progress = &front.progress;
  client.log = options.log;
  session.client = std::make_unique<registry::Client>(
      TRY(registry::Client::create(std::move(client), *session.credentials, options.cancel)));
  return session;
}

Result<void> login(TransferSession& session, const LoginOptions& options) {
  registry::Credentials credentials{.username = options.username, .password = options.password, .identity_token = ""};
  std::string key = registry::normalise_auth_key(options.registry);
  if (options.stored) {
    auto kept = TRY(session.credentials->find(key.substr(0, key.find('/')), "", session.options.cancel));
    if (!kept) return Error(Errc::not_found, "not logged into " + key);
    credentials = *std::move(kept);
  }
  registry::Endpoint endpoint{.host = key.substr(0, key.find('/')), .repository = ""};
  // Whether plain HTTP is allowed is what registries.conf says for images of that host.
  const oci::ImageReference any_image{.domain = endpoint.host, .path = "any", .tag = {}, .digest = {}};
  endpoint.insecure = TRY(registry::find_endpoints(session.registries, any_image)).back().insecure;
  TRY(session.client->check_login(endpoint, credentials).context("logging into '" + key + "'"));
  if (options.stored) return ok();
  return session.credentials->store(key, credentials, session.options.cancel);
}

Result<TransferAnswer> perform_transfer(const EngineOptions& options, const TransferRequest& request,
                                        const TransferFront& front) {
  TransferAnswer answer;
  switch (request.verb) {
    case TransferRequest::Verb::pull: {
      if (is_local(request.reference)) {
        const auto location = TRY(parse_location(request.reference));
        answer.image_ids = TRY(pull_from_files(options, front.progress, location, request.pull));
        break;
      }
      auto session = TRY(open_session(options, front, registry_access(request.pull)));
      answer.image_ids = TRY(pull_images(session, request.reference, request.pull));
      break;
    }
    case TransferRequest::Verb::push: {
      if (is_local(request.reference)) {
        const auto location = TRY(parse_location(request.reference));
        // Never in the clear instead.
        if (!request.push.encryption_keys.empty()) {
          return Error(Errc::unsupported, "layers are encrypted on their way to a registry only")
              .with_hint("push to a registry, and copy from there with another tool");
        }
        LoadedImage image{.id = request.image_id, .names = {}};
        if (!request.images.empty()) image = request.images.front();
        answer.digest = TRY(push_to_files(options, front.progress, std::move(image), location, request.push));
        break;
      }
      auto session = TRY(open_session(options, front, registry_access(request.push)));
      answer.digest = TRY(push_image(session, request.image_id, request.reference, request.push));
      break;
    }
    case TransferRequest::Verb::sign: {
      auto session = TRY(open_session(options, front, registry_access(request.push)));
      TRY(sign_image(session, request.reference, request.push, request.sign));
      break;
    }
    case TransferRequest::Verb::login: {
      auto session = TRY(open_session(options, front, registry_access(request.login)));
      TRY(login(session, request.login));
      answer.auth_file = session.credentials->write_path();
      break;
    }
    case TransferRequest::Verb::load:
      answer.images = TRY(load_images(options, front.progress, request.load));
      break;
    case TransferRequest::Verb::save:
      TRY(save_images(options, front.progress, request.images, request.save));
      break;
    case TransferRequest::Verb::copy:
      TRY(copy_files(options, request.copy));
      break;
    case TransferRequest::Verb::export_:
      TRY(export_files(options, request.export_request));
      break;
    case TransferRequest::Verb::commit:
      answer.image_ids = {TRY(commit_image(options, front.progress, request.commit))};
      break;
    case TransferRequest::Verb::import_:
      answer.image_ids = {TRY(import_image(options, front.progress, request.import_request))};
      break;
    case TransferRequest::Verb::check:
      answer.damages = TRY(check_store(options, request.check, [&](const std::string& reference) -> Result<void> {
        auto session = TRY(open_session(options, front, registry_access(request.pull)));
        TRY(pull_images(session, reference, request.pull));
        return ok();
      }));
      break;
    case TransferRequest::Verb::list_add: {
      auto session = TRY(open_session(options, front, registry_access(request.list_add.access)));
      TRY(add_to_list(session, request.list_add));
      break;
    }
    case TransferRequest::Verb::list_inspect: {
      auto session = TRY(open_session(options, front, registry_access(request.pull)));
      answer.document = TRY(inspect_list(session, request.reference));
      break;
    }
    case TransferRequest::Verb::list_push: {
      auto session = TRY(open_session(options, front, registry_access(request.push)));
      answer.digest = TRY(push_list(session, request.image_id, request.reference, request.push, request.list_all));
      break;
    }
    case TransferRequest::Verb::web:
      answer.web = TRY(carry_out(request.web, "ctr/" + options.version, options.cancel));
      break;
    case TransferRequest::Verb::search: {
      auto session = TRY(open_session(options, front, registry_access(request.search)));
      answer.hits = TRY(search_images(session, request.search));
      break;
    }
    case TransferRequest::Verb::trust_show:
      answer.document = TRY(show_trust(options, request.trust));
      break;
    case TransferRequest::Verb::trust_set:
      TRY(set_trust(options, request.trust));
      break;
    case TransferRequest::Verb::unpack:
      TRY(unpack_stored(options, front.progress, request.image_id));
      break;
    case TransferRequest::Verb::stored_login:
    case TransferRequest::Verb::logout:
    case TransferRequest::Verb::logout_all:
      return manage_credentials(options, request);
  }
  return answer;
}

}  // namespace ctr::engine
