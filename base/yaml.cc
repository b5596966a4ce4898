#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "base/text.h"

namespace ctr {

namespace {

using Kind = YamlNode::Kind;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// Go's strconv.ParseInt with base 0: a prefix says the base, a leading 0 is octal.
std::optional<int64_t> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  constexpr auto k_most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (value > k_most + (negative ? 1 : 0)) return std::nullopt;
  return negative ? static_cast<int64_t>(~value + 1) : static_cast<int64_t>(value);
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_like_fraction(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto take_digits = [&text] {
    const size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count;
  };
  const size_t whole = take_digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (take_digits() == 0 && whole == 0) return false;
  } else if (whole == 0) {
    return false;
  }
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return take_digits() > 0 && text.empty();
}

std::optional<double> parse_fraction(std::string_view text) {
  const std::string_view digits = text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
  const double sign = text.starts_with('-') ? -1 : 1;
  if (is_one_of(digits, {".inf", ".Inf", ".INF"})) return sign * std::numeric_limits<double>::infinity();
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  if (!looks_like_fraction(text)) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return sign * value;
}

void resolve_plain(YamlNode& node) {
  const std::string& text = node.text;
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) {
    node.kind = Kind::null;
    return;
  }
  const bool is_true = is_one_of(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"});
  if (is_true || is_one_of(text, {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    node.kind = Kind::boolean;
    node.boolean = is_true;
    return;
  }
  node.kind = Kind::string;
  if (std::string_view("+-.0123456789").find(text[0]) == std::string_view::npos) return;
  std::string digits = text;
  std::erase(digits, '_');
  if (const auto integer = parse_integer(digits)) {
    node.kind = Kind::integer;
    node.integer = *integer;
    node.real = static_cast<double>(*integer);
  } else if (const auto real = parse_fraction(digits)) {
    node.kind = Kind::real;
    node.real = *real;
  }
}

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

YamlPlace place_of(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

// One event of libyaml, which must be given back.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }
  yaml_event_t* get() { return &event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

class Composer {
 public:
  Composer(std::string_view text, const std::string& file, const YamlLimits& limits) : file_(file), limits_(limits) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (!ready_) return;
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  Composer(const Composer&) = delete;
  Composer& operator=(const Composer&) = delete;
  ~Composer() {
    if (ready_) yaml_parser_delete(&parser_);
  }

  Result<std::vector<YamlNode>> documents() {
    std::vector<YamlNode> documents;
    if (!ready_) return Error(Errc::io, "no memory for the parser of YAML");
    while (true) {
      Event event;
      TRY(next(event));
      if (event->type == YAML_STREAM_END_EVENT) return documents;
      if (event->type != YAML_DOCUMENT_START_EVENT) continue;
      anchors_.clear();
      Event first;
      TRY(next(first));
      auto root = TRY(compose(first, 0));
      if (root.kind != Kind::null) documents.push_back(std::move(root));
    }
  }

 private:
  Error wrong(const YamlPlace& place, std::string_view what) const {
    return Error(Errc::invalid, fmt::format("{}:{}: {}", file_, place.line, what));
  }

  Result<void> next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) != 0) return ok();
    const auto& mark = parser_.error == YAML_READER_ERROR ? parser_.mark : parser_.problem_mark;
    return wrong(place_of(mark),
                 fmt::format("this is no YAML: {}", parser_.problem == nullptr ? std::string_view("it cannot be read")
                                                                               : std::string_view(parser_.problem)));
  }

  // Errors: invalid when there is more than the limits allow.
  Result<void> count(const YamlPlace& place, size_t nodes, size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > limits_.nodes) return wrong(place, fmt::format("more than {} values", limits_.nodes));
    if (bytes_ > limits_.size_bytes) return wrong(place, fmt::format("more than {} bytes of text", limits_.size_bytes));
    return ok();
  }

  Result<void> count_all(const YamlPlace& place, const YamlNode& node) {
    TRY(count(place, 1, node.text.size()));
    for (const auto& item : node.items) TRY(count_all(place, item));
    for (const auto& member : node.members) {
      TRY(count(place, 0, member.key.size()));
      TRY(count_all(place, member.value));
    }
    return ok();
  }

  Result<YamlNode> compose(const Event& event, int depth) {
    const auto place = place_of(event->start_mark);
    if (depth > limits_.depth) return wrong(place, fmt::format("nested deeper than {} levels", limits_.depth));
    switch (event->type) {
      case YAML_ALIAS_EVENT:
        return alias(std::string(view(event->data.alias.anchor)), place, depth);
      case YAML_SCALAR_EVENT:
        return scalar(event, place);
      case YAML_SEQUENCE_START_EVENT:
        return list(event, place, depth);
      case YAML_MAPPING_START_EVENT:
        return map(event, place, depth);
      default:
        return wrong(place, "a value is missing");
    }
  }

  Result<YamlNode> alias(const std::string& name, const YamlPlace& place, int depth) {
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
      return wrong(place, fmt::format("there is no anchor '&{}' before this alias", printable(name)));
    }
    TRY(count_all(place, found->second.node));
    if (depth + found->second.depth > limits_.depth) {
      return wrong(place, fmt::format("nested deeper than {} levels", limits_.depth));
    }
    return found->second.node;
  }

  static int depth_of(const YamlNode& node) {
    int depth = 0;
    for (const auto& item : node.items) depth = std::max(depth, depth_of(item) + 1);
    for (const auto& member : node.members) depth = std::max(depth, depth_of(member.value) + 1);
    return depth;
  }

  Result<void> keep_anchor(const yaml_char_t* name, const YamlNode& node) {
    if (name == nullptr) return ok();
    TRY(count_all(node.place, node));
    anchors_.insert_or_assign(std::string(view(name)), Anchor{node, depth_of(node)});
    return ok();
  }

  Result<YamlNode> scalar(const Event& event, const YamlPlace& place) {
    const auto& data = event->data.scalar;
    YamlNode node;
    node.place = place;
    node.text.assign(reinterpret_cast<const char*>(data.value), data.length);
    TRY(count(place, 1, node.text.size()));
    const auto tag = view(data.tag);
    if (data.plain_implicit != 0 && tag.empty()) {
      resolve_plain(node);
    } else {
      node.kind = Kind::string;
      if (!tag.empty() && tag != "!" && tag != YAML_STR_TAG) TRY(apply_tag(node, tag));
    }
    TRY(keep_anchor(data.anchor, node));
    return node;
  }

  Result<void> apply_tag(YamlNode& node, std::string_view tag) const {
    static constexpr std::array<std::pair<std::string_view, Kind>, 4> k_tags = {{{YAML_INT_TAG, Kind::integer},
                                                                                 {YAML_BOOL_TAG, Kind::boolean},
                                                                                 {YAML_FLOAT_TAG, Kind::real},
                                                                                 {YAML_NULL_TAG, Kind::null}}};
    const auto* const known = std::find_if(k_tags.begin(), k_tags.end(), [&](const auto& e) { return e.first == tag; });
    if (known == k_tags.end()) {
      return wrong(node.place, fmt::format("the tag '{}' is not supported", printable(tag)));
    }
    resolve_plain(node);
    if (known->second == Kind::real && node.kind == Kind::integer) node.kind = Kind::real;
    if (node.kind == known->second) return ok();
    return wrong(node.place, fmt::format("'{}' is not {}", printable(node.text), yaml_kind_word(known->second)));
  }

  Result<YamlNode> list(const Event& event, const YamlPlace& place, int depth) {
    YamlNode node;
    node.kind = Kind::list;
    node.place = place;
    TRY(count(place, 1, 0));
    while (true) {
      Event item;
      TRY(next(item));
      if (item->type == YAML_SEQUENCE_END_EVENT) break;
      node.items.push_back(TRY(compose(item, depth + 1)));
    }
    TRY(keep_anchor(event->data.sequence_start.anchor, node));
    return node;
  }

  Result<YamlNode> map(const Event& event, const YamlPlace& place, int depth) {
    YamlNode node;
    node.kind = Kind::map;
    node.place = place;
    TRY(count(place, 1, 0));
    std::vector<YamlNode> merged;
    std::map<std::string, size_t, std::less<>> seen;
    while (true) {
      Event key_event;
      TRY(next(key_event));
      if (key_event->type == YAML_MAPPING_END_EVENT) break;
      const bool plain = key_event->type == YAML_SCALAR_EVENT && key_event->data.scalar.plain_implicit != 0;
      const auto key = TRY(compose(key_event, depth + 1));
      if (!key.is_scalar()) return wrong(key.place, "a key that is not a word is not supported");
      Event value_event;
      TRY(next(value_event));
      auto value = TRY(compose(value_event, depth + 1));
      if (plain && key.text == "<<") {
        TRY(add_merged(std::move(value), merged));
        continue;
      }
      auto name = key.kind == Kind::string ? key.text : yaml_scalar_text(key);
      if (!seen.emplace(name, node.members.size()).second) {
        return wrong(key.place, fmt::format("the key '{}' is there twice", printable(name)));
      }
      node.members.push_back({std::move(name), key.place, std::move(value)});
    }
    for (auto& map : merged) {
      for (auto& member : map.members) {
        if (seen.emplace(member.key, node.members.size()).second) node.members.push_back(std::move(member));
      }
    }
    TRY(keep_anchor(event->data.mapping_start.anchor, node));
    return node;
  }

  // `<<: *a` and `<<: [*a, *b]`: what is written in the map itself, or comes first, wins.
  Result<void> add_merged(YamlNode value, std::vector<YamlNode>& merged) const {
    if (value.kind == Kind::map) {
      merged.push_back(std::move(value));
      return ok();
    }
    const bool maps = value.kind == Kind::list && std::all_of(value.items.begin(), value.items.end(),
                                                              [](const auto& i) { return i.kind == Kind::map; });
    if (!maps) return wrong(value.place, "only maps can be merged with '<<'");
    for (auto& item : value.items) merged.push_back(std::move(item));
    return ok();
  }

  struct Anchor {
    YamlNode node;
    int depth = 0;  // of what it stands for
  };

  const std::string& file_;
  YamlLimits limits_;
  yaml_parser_t parser_{};
  bool ready_ = false;
  std::map<std::string, Anchor> anchors_;
  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

bool YamlNode::operator==(const YamlNode&) const = default;

std::string_view yaml_kind_word(YamlNode::Kind kind) {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "a whole number";
    case Kind::real:
      return "a number";
    case Kind::string:
      return "a text";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "";
}

Result<std::vector<YamlNode>> parse_yaml(std::string_view text, const std::string& file, YamlLimits limits) {
  if (text.size() > limits.size_bytes) {
    return Error(Errc::invalid,
                 fmt::format("{} has {} bytes; at most {} are read", file, text.size(), limits.size_bytes));
  }
  return Composer(text, file, limits).documents();
}

Json yaml_to_json(const YamlNode& node) {
  switch (node.kind) {
    case Kind::null:
      return nullptr;
    case Kind::boolean:
      return node.boolean;
    case Kind::integer:
      return node.integer;
    case Kind::real:
      return node.real;
    case Kind::string:
      return node.text;
    case Kind::list: {
      Json list = Json::array();
      for (const auto& item : node.items) list.push(yaml_to_json(item));
      return list;
    }
    case Kind::map: {
      Json::Object object;
      for (const auto& member : node.members) object.emplace_back(member.key, yaml_to_json(member.value));
      return object;
    }
  }
  return nullptr;
}

std::string yaml_scalar_text(const YamlNode& node) {
  switch (node.kind) {
    case Kind::boolean:
      return node.boolean ? "true" : "false";
    case Kind::integer:
      return std::to_string(node.integer);
    case Kind::real:
      return std::isfinite(node.real) ? fmt::format("{}", node.real) : node.text;
    case Kind::null:
      return "";
    default:
      return node.text;
  }
}

bool is_yaml_word(std::string_view text) {
  YamlNode node;
  node.text = text;
  resolve_plain(node);
  return node.kind != Kind::string;
}

}  // namespace ctr
