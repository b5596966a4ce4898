// Secrets as the front-ends see them.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/time.h"

namespace ctr::engine {

struct SecretInfo {
  std::string id;  // 25 hex digits
  std::string name;
  std::string driver;
  std::map<std::string, std::string> driver_options;
  std::map<std::string, std::string> labels;
  TimePoint created;
  TimePoint updated;
};

// What `secret create` says.
struct SecretOptions {
  std::string name;
  std::string driver;  // empty: "file"
  std::map<std::string, std::string> driver_options;
  std::map<std::string, std::string> labels;
  enum class IfExists { refuse, keep, replace } if_exists = IfExists::refuse;
};

}  // namespace ctr::engine
