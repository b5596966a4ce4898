#include "cli/secret_args.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::SecretUse;

// (uid_t)-1 means "no change" to chown(2).
constexpr uint64_t k_last_id = UINT32_MAX - 1;

Error wrong(const std::string& text) { return {Errc::invalid, text + ": parsing secret"}; }

// What was said besides the value itself.
struct Said {
  bool type = false;
  bool of_file = false;  // uid, gid or mode
};

Result<void> set_type(const std::string& value, SecretUse& use, Said& said) {
  if (said.type) return wrong("cannot set more than one secret type");
  if (value != "mount" && value != "env") return wrong(fmt::format("type {} is invalid", printable(value)));
  use.type = value == "env" ? SecretUse::Type::env : SecretUse::Type::mount;
  said.type = true;
  return ok();
}

Result<void> set_field(const std::string& word, SecretUse& use, Said& said) {
  const auto pair = split_once(word, '=');
  if (!pair) return wrong(fmt::format("option {} must be in form option=value", printable(word)));
  const auto& [key, value] = *pair;
  if (key == "type") return set_type(value, use, said);
  if (key == "source") return use.name = value, ok();
  if (key == "target") return use.target = value, ok();
  if (key == "mode") {
    auto mode = parse_mode(value, "mode");
    if (!mode) return wrong(fmt::format("mode {} invalid", printable(value)));
    use.mode = *mode;
  } else if (key == "uid" || key == "UID" || key == "gid" || key == "GID") {
    auto id = parse_unsigned(value, key, k_last_id);
    if (!id) return wrong(fmt::format("{} {} invalid", to_upper(key), printable(value)));
    (to_lower(key) == "uid" ? use.uid : use.gid) = static_cast<uint32_t>(*id);
  } else {
    return wrong(fmt::format("option {} invalid", printable(word)));
  }
  said.of_file = true;
  return ok();
}

// The directory of secrets is said in two ways.
std::string short_target(const std::string& target) {
  constexpr std::string_view k_directory = "/run/secrets/";
  return target.starts_with(k_directory) ? target.substr(k_directory.size()) : target;
}

// The target of a mount is a path; ".." would leave its directory only in words, since links are resolved in the
// container, but nobody means it.
Result<void> check_target(const SecretUse& use) {
  if (use.type == SecretUse::Type::env) {
    if (use.target.find('=') == std::string::npos) return ok();
    return wrong(fmt::format("'{}' is not the name of a variable", printable(use.target)));
  }
  for (const auto& part : split(use.target, '/')) {
    if (part == "..") return wrong(fmt::format("the target '{}' has '..' in it", printable(use.target)));
  }
  if (!use.target.ends_with('/')) return ok();
  return wrong(fmt::format("the target '{}' is a directory", printable(use.target)));
}

}  // namespace

Result<SecretUse> parse_secret(std::string_view text) {
  auto words = split(text, ',');
  SecretUse use;
  Said said;
  if (words[0].find('=') == std::string::npos) {
    use.name = words[0];
    words.erase(words.begin());
  }
  for (const auto& word : words) TRY(set_field(word, use, said));
  if (use.name.empty()) return wrong(fmt::format("no source found {}", printable(text)));
  if (use.type == SecretUse::Type::env && said.of_file) {
    return wrong("UID, GID, Mode options cannot be set with secret type env");
  }
  if (use.target.empty()) use.target = use.name;
  TRY(check_target(use));
  if (use.type == SecretUse::Type::mount) use.target = short_target(use.target);
  return use;
}

}  // namespace ctr::cli
