#include "registry/credential_helper.h"

#include <algorithm>
#include <chrono>

#include "base/child.h"
#include "base/json.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

// A helper may have to ask its user for the key of a keyring.
constexpr std::chrono::seconds k_timeout{60};
// The helpers' own words and user name for these two facts.
constexpr std::string_view k_not_found = "credentials not found in native keychain";
constexpr std::string_view k_token_user = "<token>";

bool is_valid_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

}  // namespace

Result<CredentialHelper::Reply> CredentialHelper::run(const std::string& action, const std::string& input,
                                                      const CancelToken& cancel) const {
  if (!is_valid_name(name_)) {
    return Error(Errc::invalid, "'" + printable(name_) + "' is not a valid name of a credential helper");
  }
  const std::string program = "docker-credential-" + name_;
  SpawnOptions options;
  options.program = find_program(program, environment_);
  if (options.program.empty()) return Error(Errc::not_found, "credential helper '" + program + "' is not installed");
  options.argv = {program, action};
  for (const auto& [key, value] : environment_) options.env.push_back(key + "=" + value);
  const auto output = TRY(run_program(std::move(options), input, k_timeout, cancel).context("run '" + program + "'"));
  if (output.status.code == 0) return Reply{.found = true, .text = output.out};
  const std::string words(trim(output.out.empty() ? output.err : output.out));
  if (words.find(k_not_found) != std::string::npos) return Reply{};
  return Error(Errc::io, "credential helper '" + program + " " + action + "' ended with " +
                             std::to_string(output.status.code) + ": " + printable(words));
}

Result<std::optional<Credentials>> CredentialHelper::get(std::string_view server, const CancelToken& cancel) const {
  const auto reply = TRY(run("get", std::string(server) + "\n", cancel));
  if (!reply.found) return std::optional<Credentials>();
  const std::string what = "answer of credential helper '" + name_ + "'";
  const auto document = parse_json(reply.text, what);
  // The words of the parser would be about a secret.
  if (!document) return Error(Errc::invalid, what + " is not JSON");
  const JsonReader reader(*document, what);
  const std::string user = TRY(reader.string_or("Username", ""));
  const std::string secret = TRY(reader.string_or("Secret", ""));
  if (user.empty() && secret.empty()) return std::optional<Credentials>();
  Credentials credentials{.username = user, .password = secret, .identity_token = {}};
  if (user == k_token_user) credentials = {.username = {}, .password = {}, .identity_token = secret};
  return std::optional(std::move(credentials));
}

Result<void> CredentialHelper::store(std::string_view server, const Credentials& credentials,
                                     const CancelToken& cancel) const {
  const bool is_token = !credentials.identity_token.empty();
  Json value = Json::object();
  value.set("ServerURL", server);
  value.set("Username", is_token ? std::string(k_token_user) : credentials.username);
  value.set("Secret", is_token ? credentials.identity_token : credentials.password);
  TRY(run("store", dump_json(value), cancel));
  return ok();
}

Result<bool> CredentialHelper::erase(std::string_view server, const CancelToken& cancel) const {
  if (!TRY(get(server, cancel))) return false;
  return TRY(run("erase", std::string(server) + "\n", cancel)).found;
}

}  // namespace ctr::registry
