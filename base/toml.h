// TOML of the containers configuration files, as a Json value.
//
// toml++ works behind it, in toml.cc, since its header costs seconds in every file that sees it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ctr {

struct Toml {
  Json root;  // tables are objects (members in the order of their names), dates and times are null
  // The line of each key: "storage.options.size", and "registry[1].location" in an array.
  std::map<std::string, unsigned, std::less<>> lines;
};
// Errors: invalid, naming `file` with line and column.
Result<Toml> parse_toml(std::string_view text, const std::string& file);

// "registry[1].location" as "registry[].location".
std::string without_indexes(std::string_view path);
// The warning about a key that the format of the file does not have.
std::string unknown_key(const std::string& file, unsigned line, std::string_view path);

}  // namespace ctr
