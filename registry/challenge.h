// WWW-Authenticate headers. Source: RFC 9110 section 11.6.1.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ctr::registry {

struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case
  std::string parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? "" : found->second;
  }
  bool operator==(const Challenge&) const = default;
};

// All challenges of a header (several headers are joined with ", "). What is malformed ends the list.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace ctr::registry
