#include "engine/kube/fields.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ctr::engine::kube {

using Kind = YamlNode::Kind;

Result<Fields> Fields::of(const YamlNode& node, Source& source, std::string path) {
  Fields fields(node, source, std::move(path));
  if (node.kind != Kind::map && node.kind != Kind::null) return fields.not_a(node, fields.path_, Kind::map);
  return fields;
}

std::string Fields::path_of(std::string_view key) const {
  if (key.empty()) return path_.empty() ? "the document" : path_;
  return path_.empty() ? printable(key) : fmt::format("{}.{}", path_, printable(key));
}

std::string Fields::place_of(std::string_view key) const {
  int line = node_->place.line;
  for (const auto& member : node_->members) {
    if (member.key == key) line = member.place.line;
  }
  return fmt::format("{}:{}", source_->file, line);
}

Error Fields::wrong(std::string_view key, std::string_view what) const {
  return Error(Errc::invalid, fmt::format("{}: {}: {}", place_of(key), path_of(key), what));
}

Error Fields::not_a(const YamlNode& node, const std::string& path, Kind kind) const {
  return Error(Errc::invalid,
               fmt::format("{}:{}: {}: expected {}, not {}", source_->file, node.place.line,
                           path.empty() ? "the document" : path, yaml_kind_word(kind), yaml_kind_word(node.kind)));
}

const YamlNode* Fields::ask(std::string_view key) {
  asked_.emplace(key);
  const YamlNode* node = node_->find(key);
  return node != nullptr && node->kind != Kind::null ? node : nullptr;
}

bool Fields::has(std::string_view key) const {
  const YamlNode* node = node_->find(key);
  return node != nullptr && node->kind != Kind::null;
}

const YamlNode* Fields::raw(std::string_view key) { return ask(key); }

Result<std::string> Fields::text_of(const YamlNode& node, const std::string& path) const {
  if (!node.is_scalar()) return not_a(node, path, Kind::string);
  auto text = yaml_scalar_text(node);
  if (text.find('\0') == std::string::npos) return text;
  return Error(Errc::invalid, fmt::format("{}:{}: {}: has a NUL byte", source_->file, node.place.line, path));
}

Result<std::optional<std::string>> Fields::find_text(std::string_view key) {
  const auto* node = ask(key);
  if (node == nullptr) return std::optional<std::string>();
  return std::optional(TRY(text_of(*node, path_of(key))));
}

Result<std::string> Fields::text_or(std::string_view key, std::string fallback) {
  auto text = TRY(find_text(key));
  return text ? std::move(*text) : std::move(fallback);
}

Result<std::string> Fields::get_text(std::string_view key) {
  auto text = TRY(find_text(key));
  if (!text) return wrong("", fmt::format("{} is missing", key));
  if (text->empty()) return wrong(key, "is empty");
  return std::move(*text);
}

Result<std::optional<bool>> Fields::find_flag(std::string_view key) {
  const auto* node = ask(key);
  if (node == nullptr) return std::optional<bool>();
  if (node->kind != Kind::boolean) return not_a(*node, path_of(key), Kind::boolean);
  return std::optional(node->boolean);
}

Result<bool> Fields::flag_or(std::string_view key, bool fallback) { return TRY(find_flag(key)).value_or(fallback); }

Result<std::optional<int64_t>> Fields::find_integer(std::string_view key, int64_t least, int64_t most) {
  const auto* node = ask(key);
  if (node == nullptr) return std::optional<int64_t>();
  if (node->kind != Kind::integer) return not_a(*node, path_of(key), Kind::integer);
  if (node->integer < least || node->integer > most) {
    return wrong(key, fmt::format("{} is not between {} and {}", node->integer, least, most));
  }
  return std::optional(node->integer);
}

Result<std::optional<Fields>> Fields::find_map(std::string_view key) {
  const auto* node = ask(key);
  if (node == nullptr) return std::optional<Fields>();
  return std::optional(TRY(of(*node, *source_, path_of(key))));
}

Result<std::vector<Fields>> Fields::maps(std::string_view key) {
  const auto* node = ask(key);
  std::vector<Fields> maps;
  if (node == nullptr) return maps;
  if (node->kind != Kind::list) return not_a(*node, path_of(key), Kind::list);
  for (size_t i = 0; i < node->items.size(); ++i) {
    maps.push_back(TRY(of(node->items[i], *source_, fmt::format("{}[{}]", path_of(key), i))));
  }
  return maps;
}

Result<std::vector<std::string>> Fields::texts(std::string_view key) {
  const auto* node = ask(key);
  std::vector<std::string> texts;
  if (node == nullptr) return texts;
  if (node->kind != Kind::list) return not_a(*node, path_of(key), Kind::list);
  for (size_t i = 0; i < node->items.size(); ++i) {
    texts.push_back(TRY(text_of(node->items[i], fmt::format("{}[{}]", path_of(key), i))));
  }
  return texts;
}

Result<std::map<std::string, std::string>> Fields::text_map(std::string_view key) {
  const auto* node = ask(key);
  std::map<std::string, std::string> texts;
  if (node == nullptr) return texts;
  if (node->kind != Kind::map) return not_a(*node, path_of(key), Kind::map);
  for (const auto& member : node->members) {
    texts.emplace(member.key, TRY(text_of(member.value, fmt::format("{}.{}", path_of(key), printable(member.key)))));
  }
  return texts;
}

void Fields::skip(std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) asked_.emplace(key);
}

Result<void> Fields::unsupported(std::string_view key, std::string_view what) {
  asked_.emplace(key);
  if (source_->unsupported == Unsupported::refused) {
    return wrong(key, what).with_hint("with --ignore-unsupported such fields are left out");
  }
  warn(key, what);
  return ok();
}

Result<void> Fields::charge(std::string_view key, size_t bytes) const {
  source_->copied_bytes += bytes;
  if (source_->copied_bytes <= k_most_copied_bytes) return ok();
  return wrong(key,
               fmt::format("with this, more than {} bytes are copied from variables, labels, ConfigMaps and Secrets",
                           k_most_copied_bytes));
}

Result<void> Fields::finish() {
  for (const auto& member : node_->members) {
    if (!asked_.contains(member.key)) TRY(unsupported(member.key));
  }
  return ok();
}

}  // namespace ctr::engine::kube
