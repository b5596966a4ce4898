#include "registry/auth.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/text.h"
#include "registry/credential_helper.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

constexpr size_t k_auth_limit_bytes = size_t{4} << 20;
constexpr std::string_view k_hub_key = "https://index.docker.io/v1/";  // Docker's own key for docker.io
constexpr std::string_view k_files_helper = "containers-auth.json";    // the pseudo helper that means the files

enum class Format { containers, dockercfg };
struct AuthFile {
  std::string path;
  Format format = Format::containers;
};

std::string host_of(std::string_view key) { return std::string(key.substr(0, key.find('/'))); }

// host/ns/repo, host/ns, host.
std::vector<std::string> keys_for(std::string_view host, std::string_view repository) {
  std::string key = std::string(host) + (repository.empty() ? "" : "/" + std::string(repository));
  std::vector<std::string> keys{key};
  for (auto slash = key.rfind('/'); slash != std::string::npos; slash = key.rfind('/')) {
    key.resize(slash);
    keys.push_back(key);
  }
  return keys;
}

std::vector<AuthFile> read_order(const AuthOptions& options) {
  std::vector<AuthFile> files{{.path = options.paths.runtime_dir + "/containers/auth.json"},
                              {.path = options.paths.config_home + "/containers/auth.json"}};
  const std::string docker = environment_value(options.environment, "DOCKER_CONFIG");
  files.push_back({.path = (docker.empty() ? options.paths.home + "/.docker" : docker) + "/config.json"});
  files.push_back({.path = options.paths.home + "/.dockercfg", .format = Format::dockercfg});
  return files;
}

// --authfile or REGISTRY_AUTH_FILE; empty when neither is given.
std::string named_file(const AuthOptions& options) {
  if (!options.authfile.empty()) return options.authfile;
  return environment_value(options.environment, "REGISTRY_AUTH_FILE");
}

Result<Json> parse_file(const std::string& text, const std::string& path) {
  auto document = parse_json(text, path);
  if (!document) return std::move(document).error().with_hint("repair or remove the file, then log in again");
  if (!document->is_object()) return Error(Errc::invalid, path + ": it is not an object");
  return document;
}

Result<std::optional<Credentials>> read_entry(const Json& entry, const std::string& path) {
  const JsonReader reader(entry, path);
  TRY(reader.expect_object());
  Credentials credentials;
  credentials.identity_token = TRY(reader.string_or("identitytoken", ""));
  credentials.username = TRY(reader.string_or("username", ""));
  credentials.password = TRY(reader.string_or("password", ""));
  const std::string auth = TRY(reader.string_or("auth", ""));
  if (!auth.empty()) {
    const auto decoded = base64_decode(auth);
    const auto pair = decoded ? split_once(*decoded, ':') : std::nullopt;
    if (!pair) return reader.wrong("auth", "base64 of 'user:password'");
    credentials.username = pair->first;
    credentials.password = pair->second;
    while (credentials.password.ends_with('\0')) credentials.password.pop_back();
  }
  if (credentials.empty()) return std::optional<Credentials>();
  return std::optional(std::move(credentials));
}

// The entry of an "auths" object whose key means the same as `key`.
const Json* find_entry(const Json& auths, std::string_view key) {
  if (!auths.is_object()) return nullptr;
  if (const Json* exact = auths.find(key)) return exact;
  for (const auto& [name, entry] : auths.as_object()) {
    if (normalise_auth_key(name) == key) return &entry;
  }
  return nullptr;
}

// The helper that "credHelpers" names for a key, else empty.
std::string helper_for(const Json& document, std::string_view key) {
  const Json* helpers = document.find("credHelpers");
  const Json* name = helpers ? find_entry(*helpers, key) : nullptr;
  return name && name->is_string() ? name->as_string() : "";
}

std::string default_helper(const Json& document) {
  const Json* name = document.find("credsStore");
  return name && name->is_string() ? name->as_string() : "";
}

// What Docker calls a server when it talks to its helpers.
std::string server_name(std::string_view key) { return key == "docker.io" ? std::string(k_hub_key) : std::string(key); }

class FileSearch {
 public:
  FileSearch(const Json& document, const std::string& path, const Environment& environment, const CancelToken& cancel)
      : document_(document), path_(path), environment_(environment), cancel_(cancel) {}

  Result<std::optional<Credentials>> find(const std::vector<std::string>& keys, Format format) const {
    for (const auto& key : keys) {
      const std::string helper = helper_for(document_, key);
      if (!helper.empty()) return CredentialHelper(helper, environment_).get(server_name(key), cancel_);
    }
    const Json* auths = format == Format::dockercfg ? &document_ : document_.find("auths");
    for (const auto& key : keys) {
      const Json* entry = auths ? find_entry(*auths, key) : nullptr;
      if (!entry) continue;
      auto credentials = TRY(read_entry(*entry, path_ + ": " + printable(key)));
      if (credentials) return credentials;
    }
    const std::string store = default_helper(document_);
    if (store.empty()) return std::optional<Credentials>();
    return CredentialHelper(store, environment_).get(server_name(keys.back()), cancel_);
  }

 private:
  const Json& document_;
  const std::string& path_;
  const Environment& environment_;
  const CancelToken& cancel_;
};

Result<std::optional<Credentials>> find_in_files(const AuthOptions& options, const std::vector<std::string>& keys,
                                                 const CancelToken& cancel) {
  auto files = read_order(options);
  const std::string named = named_file(options);
  if (!named.empty()) files = {{.path = named}};
  for (const auto& file : files) {
    const auto text = TRY(read_file_if_exists(file.path, k_auth_limit_bytes));
    if (!text && !named.empty()) {
      return Error(Errc::not_found, "credential file is not accessible: '" + named + "' does not exist");
    }
    if (!text || trim(*text).empty()) continue;
    const Json document = TRY(parse_file(*text, file.path));
    auto found = TRY(FileSearch(document, file.path, options.environment, cancel).find(keys, file.format));
    if (found) return found;
  }
  return std::optional<Credentials>();
}

// The file that login and logout change, held locked against other logins of this user.
class FileEdit {
 public:
  static Result<FileEdit> open(const std::string& path, const UserPaths& paths, const CancelToken& cancel) {
    const auto run = TRY(Dir::open_or_make(paths.run, 0700));
    auto lock = TRY(FileLock::acquire(run, "auth.lock", LockMode::exclusive, cancel));
    const auto slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    auto dir = TRY(Dir::open_or_make(parent, 0700));
    Json document = Json::object();
    const auto text = TRY(read_file_if_exists(path, k_auth_limit_bytes));
    if (text && !trim(*text).empty()) document = TRY(parse_file(*text, path));
    return FileEdit(std::move(lock), std::move(dir), path.substr(slash + 1), std::move(document));
  }
  Json& document() { return document_; }
  // The "auths" object, made if missing.
  Json& auths() {
    const Json* found = document_.find("auths");
    if (!found || !found->is_object()) document_.set("auths", Json::object());
    return const_cast<Json&>(*document_.find("auths"));
  }
  Result<void> save() { return dir_.write_file(name_, dump_json(document_, {.indent = 2}) + "\n", Sync::yes, 0600); }

 private:
  FileEdit(FileLock lock, Dir dir, std::string name, Json document)
      : lock_(std::move(lock)), dir_(std::move(dir)), name_(std::move(name)), document_(std::move(document)) {}
  FileLock lock_;
  Dir dir_;
  std::string name_;
  Json document_;
};

// Removes every entry that means `key`; false when there was none.
bool remove_entry(Json& auths, std::string_view key) {
  auto& members = auths.as_object();
  const auto count = std::erase_if(
      members, [&](const auto& member) { return member.first == key || normalise_auth_key(member.first) == key; });
  return count > 0;
}

Json entry_of(const Credentials& credentials) {
  Json entry = Json::object();
  if (!credentials.identity_token.empty()) {
    // A user name of zeros is what the registries of this scheme expect beside a token.
    const std::string user =
        credentials.username.empty() ? "00000000-0000-0000-0000-000000000000" : credentials.username;
    entry.set("auth", base64_encode(user + ":")).set("identitytoken", credentials.identity_token);
    return entry;
  }
  entry.set("auth", base64_encode(credentials.username + ":" + credentials.password));
  return entry;
}

// A helper of registries.conf in front of the files; empty when the files are meant.
std::string configured_helper(const AuthOptions& options) {
  if (options.credential_helpers.empty() || options.credential_helpers.front() == k_files_helper) return "";
  return options.credential_helpers.front();
}

}  // namespace

Result<Credentials> parse_credentials(std::string_view text) {
  const auto pair = split_once(text, ':');
  Credentials credentials{
      .username = pair ? pair->first : std::string(text), .password = pair ? pair->second : "", .identity_token = {}};
  if (credentials.username.empty()) return Error(Errc::invalid, "credentials hold no user name");
  return credentials;
}

std::string normalise_auth_key(std::string_view key) {
  bool had_scheme = false;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!key.starts_with(scheme)) continue;
    key.remove_prefix(scheme.size());
    had_scheme = true;
    break;
  }
  while (key.ends_with('/')) key.remove_suffix(1);
  // Behind a scheme comes a host and the version of an interface, never a repository.
  std::string host = host_of(key);
  const std::string rest(had_scheme ? std::string_view() : key.substr(host.size()));
  if (host == "index.docker.io" || host == "registry-1.docker.io") host = "docker.io";
  return host + rest;
}

std::string CredentialStore::write_path() const {
  if (!options_.compat_authfile.empty()) return options_.compat_authfile;
  const std::string named = named_file(options_);
  return named.empty() ? options_.paths.runtime_dir + "/containers/auth.json" : named;
}

Result<std::optional<Credentials>> CredentialStore::find(std::string_view host, std::string_view repository,
                                                         const CancelToken& cancel) const {
  const auto keys = keys_for(normalise_auth_key(host), repository);
  bool asked_files = false;
  for (const auto& name : options_.credential_helpers) {
    if (name == k_files_helper) {
      asked_files = true;
      auto found = TRY(find_in_files(options_, keys, cancel));
      if (found) return found;
      continue;
    }
    auto found = TRY(CredentialHelper(name, options_.environment).get(keys.back(), cancel));
    if (found) return found;
  }
  if (asked_files) return std::optional<Credentials>();
  return find_in_files(options_, keys, cancel);
}

Result<void> CredentialStore::store(std::string_view key, const Credentials& credentials,
                                    const CancelToken& cancel) const {
  const std::string name = normalise_auth_key(key);
  const bool compat = !options_.compat_authfile.empty();
  if (compat && name.find('/') != std::string::npos) {
    return Error(Errc::invalid, "'" + printable(name) + "': Docker's format knows credentials for registries only");
  }
  if (const std::string helper = configured_helper(options_); !helper.empty() && !compat) {
    return CredentialHelper(helper, options_.environment).store(name, credentials, cancel);
  }
  const std::string path = write_path();
  auto edit = TRY(FileEdit::open(path, options_.paths, cancel));
  std::string helper = helper_for(edit.document(), name);
  if (helper.empty()) helper = default_helper(edit.document());
  if (!helper.empty())
    return CredentialHelper(helper, options_.environment).store(server_name(name), credentials, cancel);
  (void)remove_entry(edit.auths(), name);
  edit.auths().set(compat ? server_name(name) : name, entry_of(credentials));
  return edit.save().context("write '" + path + "'");
}

Result<void> CredentialStore::erase(std::string_view key, const CancelToken& cancel) const {
  const std::string name = normalise_auth_key(key);
  const Error missing(Errc::not_found, "not logged into " + printable(name));
  if (const std::string helper = configured_helper(options_); !helper.empty() && options_.compat_authfile.empty()) {
    return TRY(CredentialHelper(helper, options_.environment).erase(name, cancel)) ? ok() : Result<void>(missing);
  }
  const std::string path = write_path();
  auto edit = TRY(FileEdit::open(path, options_.paths, cancel));
  std::string helper = helper_for(edit.document(), name);
  if (helper.empty()) helper = default_helper(edit.document());
  bool erased = false;
  if (!helper.empty()) erased = TRY(CredentialHelper(helper, options_.environment).erase(server_name(name), cancel));
  if (remove_entry(edit.auths(), name)) {
    TRY(edit.save().context("write '" + path + "'"));
    erased = true;
  }
  return erased ? ok() : Result<void>(missing);
}

Result<void> CredentialStore::erase_all() const {
  const std::string path = write_path();
  auto edit = TRY(FileEdit::open(path, options_.paths, {}));
  edit.auths().as_object().clear();
  return edit.save().context("write '" + path + "'");
}

}  // namespace ctr::registry
