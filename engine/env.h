// The environment of a container's program, built from nothing but what is named here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "engine/spec.h"

namespace ctr::engine {

// KEY=VALUE entries in the order they were first set; setting a key again replaces its value.
class EnvList {
 public:
  void set(std::string_view key, std::string_view value);
  // `entry` is KEY=VALUE; entries without '=' or with an empty key are dropped.
  void set_entry(std::string_view entry);
  void set_entries(const std::vector<std::string>& entries);
  void unset(std::string_view key);
  // nullptr when the key is not set.
  const std::string* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  void clear() { entries_.clear(); }
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
};

// `text` with $NAME, ${NAME}, ${NAME:-WORD} (if unset or empty) and ${NAME:+WORD} (if neither) replaced; \$ is a
// dollar. What is none of these stays as it is.
std::string expand_variables(std::string_view text, const EnvList& env);

struct EnvInput {
  const ContainerSpec& spec;
  const std::vector<std::string>& image_env;
  const std::vector<std::string>& config_env;
  const Environment& host;  // only its proxy variables are looked at
  std::string home;
  std::string hostname;
};

// Whether HOME is the account's: nothing else sets it.
bool takes_home_of_account(const EnvInput& input);

// container=podman (programs ask for it by this name), PATH, TERM with a terminal; then the image, the configuration,
// --env-merge over those, the proxies of the host, --env; HOME and HOSTNAME where nobody set them.
std::vector<std::string> container_env(const EnvInput& input);

}  // namespace ctr::engine
