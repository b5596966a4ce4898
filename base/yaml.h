// YAML of others, read into a tree that knows where each thing stands.
//
// libyaml splits the text into events; what the scalars mean is decided here, as the parser of Kubernetes does: the
// words of YAML 1.1 (`yes` is true, 010 is eight), keys are strings, a key that comes twice is an error. Everything is
// bounded: an alias counts as what it stands for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr {

struct YamlPlace {
  int line = 0;  // from 1
  int column = 0;
  bool operator==(const YamlPlace&) const = default;
};

struct YamlMember;

// One value. A value: it copies and compares.
struct YamlNode {
  enum class Kind { null, boolean, integer, real, string, list, map };
  Kind kind = Kind::null;
  std::string text;      // of a scalar, as it is written, without quotes
  bool boolean = false;  // of a boolean
  int64_t integer = 0;   // of an integer
  double real = 0;       // of a number of either kind
  std::vector<YamlNode> items;
  std::vector<YamlMember> members;  // in the order of the text
  YamlPlace place;

  bool is_scalar() const { return kind != Kind::list && kind != Kind::map; }
  // nullptr when this is no map or has no such member.
  const YamlNode* find(std::string_view key) const;
  bool operator==(const YamlNode&) const;
};

struct YamlMember {
  std::string key;
  YamlPlace place;  // of the key
  YamlNode value;
  bool operator==(const YamlMember&) const = default;
};

// "a string", "a list", …: for messages.
std::string_view yaml_kind_word(YamlNode::Kind kind);

struct YamlLimits {
  size_t size_bytes = size_t{4} << 20;  // of the text, and of all scalars once aliases are replaced
  int depth = 64;
  size_t nodes = size_t{1} << 17;  // once aliases are replaced
};

// The documents of a text, without empty ones. Errors: invalid, as "FILE:LINE: …".
Result<std::vector<YamlNode>> parse_yaml(std::string_view text, const std::string& file, YamlLimits limits = {});

// The same values without their places.
Json yaml_to_json(const YamlNode& node);

// How an integer, a boolean or a fraction is written where a string is expected.
std::string yaml_scalar_text(const YamlNode& node);

// Whether a plain scalar with this text would be read as something else than a string.
bool is_yaml_word(std::string_view text);

}  // namespace ctr
