// image trust show and set.
#include "engine/trust.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "engine/output_file.h"
#include "registry/signature_stores.h"
#include "registry/trust_edit.h"

namespace ctr::engine {
namespace {

constexpr const char* k_system_policy = "/etc/containers/policy.json";
constexpr size_t k_policy_limit_bytes = size_t{1} << 20;
constexpr mode_t k_config_dir_mode = 0755;

struct PolicyFile {
  std::string path;
  std::string text;  // empty: there is none
};

// The one that decides over pulls, unless another is named.
Result<PolicyFile> read_policy(const EngineOptions& options, const std::string& named) {
  std::vector<std::string> candidates = {options.paths.config_home + "/containers/policy.json", k_system_policy};
  if (!named.empty()) candidates = {named};
  for (auto& path : candidates) {
    auto text = TRY(read_file_if_exists(path, k_policy_limit_bytes));
    if (text) return PolicyFile{std::move(path), std::move(*text)};
  }
  return PolicyFile{candidates.front(), ""};
}

// A normal user's changes go to a file of the user's own, which then counts instead of the system's.
std::string written_policy(const EngineOptions& options, const std::string& named) {
  if (!named.empty()) return named;
  return options.uid == 0 ? k_system_policy : options.paths.config_home + "/containers/policy.json";
}

}  // namespace

Result<std::string> show_trust(const EngineOptions& options, const TrustOptions& trust) {
  const auto policy = TRY(read_policy(options, trust.policy_file));
  if (policy.text.empty()) return Error(Errc::not_found, "there is no trust policy: everything is accepted");
  if (trust.raw) return policy.text;
  const auto stores = TRY(registry::load_signature_stores(options.paths, options.uid));
  Json rows = Json::array();
  for (const auto& row : TRY(registry::trust_rows(policy.text, policy.path, trust.scope))) {
    Json json = Json::object().set("transport", row.transport);
    if (!row.name.empty()) json.set("name", row.name);
    if (!row.repo_name.empty()) json.set("repo_name", row.repo_name);
    json.set("type", row.type);
    if (!row.keys.empty()) json.set("gpg_id", row.keys);
    if (const auto store = registry::lookaside_of_scope(stores, row.repo_name); !store.empty()) {
      json.set("sigstore", store);
    }
    rows.push(std::move(json));
  }
  return dump_json(rows);
}

Result<void> set_trust(const EngineOptions& options, const TrustOptions& trust) {
  const auto policy = TRY(read_policy(options, trust.policy_file));
  std::vector<std::string> keys;
  for (const auto& key : trust.key_files) keys.push_back(TRY(absolute_path(key)));
  for (const auto& key : keys) {
    if (!path_exists(key)) return Error(Errc::not_found, "there is no key file '" + printable(key) + "'");
  }
  const auto text = TRY(registry::change_trust(policy.text, policy.path, {trust.scope, trust.type, keys}));
  const auto path = written_policy(options, trust.policy_file);
  if (trust.policy_file.empty()) (void)TRY(Dir::open_or_make(path.substr(0, path.rfind('/')), k_config_dir_mode));
  return write_output_file(path, [&](int fd) { return write_all(fd, text, "'" + printable(path) + "'"); });
}

}  // namespace ctr::engine
