// Reads the fields of one map of a Kubernetes document, knows where it is, and what nobody has asked for.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"

namespace ctr::engine::kube {

// What becomes of a field that ctr does not carry out.
enum class Unsupported { refused, ignored };

// The file that is read, and what was left out of it.
struct Source {
  std::string file;  // as in messages
  Unsupported unsupported = Unsupported::refused;
  std::vector<std::string> warnings;  // "FILE:LINE: PATH: not supported"
  size_t copied_bytes = 0;            // see Fields::charge
};
// A file of some lines can ask for the same value, or for the values of variables in variables, again and again.
inline constexpr size_t k_most_copied_bytes = size_t{128} << 20;

// Members that are null count as absent. finish() must be called when everything known has been asked for: it refuses
// the rest. Borrows node and source.
//
// All errors are invalid, and read "FILE:LINE: PATH: …".
class Fields {
 public:
  static Result<Fields> of(const YamlNode& node, Source& source, std::string path);

  const std::string& path() const { return path_; }
  bool has(std::string_view key) const;

  Result<std::optional<std::string>> find_text(std::string_view key);
  Result<std::string> text_or(std::string_view key, std::string fallback);
  Result<std::string> get_text(std::string_view key);  // not empty
  Result<std::optional<bool>> find_flag(std::string_view key);
  Result<bool> flag_or(std::string_view key, bool fallback);
  Result<std::optional<int64_t>> find_integer(std::string_view key, int64_t least, int64_t most);
  Result<std::optional<Fields>> find_map(std::string_view key);
  Result<std::vector<Fields>> maps(std::string_view key);  // a list of them
  Result<std::vector<std::string>> texts(std::string_view key);
  Result<std::map<std::string, std::string>> text_map(std::string_view key);
  // The value as it is; nullptr when absent.
  const YamlNode* raw(std::string_view key);
  // Keys that ask for nothing that one machine would do.
  void skip(std::initializer_list<std::string_view> keys);

  // Errors: the first key that was not asked for, unless such are ignored.
  Result<void> finish();
  // A field whose value is known but not carried out: an error, or a warning. `what` may explain it.
  Result<void> unsupported(std::string_view key, std::string_view what = "not supported");
  // Something about a field that whoever plays the file should know.
  void warn(std::string_view key, std::string_view what) { source_->warnings.push_back(wrong(key, what).message()); }
  // For what is copied from elsewhere in the file. Errors: when all of it is more than k_most_copied_bytes.
  Result<void> charge(std::string_view key, size_t bytes) const;
  // An empty key means this map.
  Error wrong(std::string_view key, std::string_view what) const;

 private:
  Fields(const YamlNode& node, Source& source, std::string path)
      : node_(&node), source_(&source), path_(std::move(path)) {}
  const YamlNode* ask(std::string_view key);
  std::string path_of(std::string_view key) const;
  std::string place_of(std::string_view key) const;
  Result<std::string> text_of(const YamlNode& node, const std::string& path) const;
  Error not_a(const YamlNode& node, const std::string& path, YamlNode::Kind kind) const;

  const YamlNode* node_;
  Source* source_;
  std::string path_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace ctr::engine::kube
