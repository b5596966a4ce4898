#include "base/json_plain.h"

#include <charconv>

namespace ctr {
namespace {

// More digits may not fit int64_t.
constexpr size_t k_most_digits = 18;
// Repeated members are found by comparing each with each.
constexpr size_t k_most_members = 64;
// Room that most objects need no more than.
constexpr size_t k_usual_members = 12;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// A byte that stands for itself in a string.
bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// Each function returns false when the text is not plain, or no JSON.
class PlainReader {
 public:
  PlainReader(std::string_view text, JsonLimits limits) : text_(text), limits_(limits) {}

  bool document(std::span<const std::string_view> wanted, Json& out) {
    skip_blanks();
    if (!(wanted.empty() ? value(out) : nested([&] { return chosen_members(wanted, out); }))) return false;
    skip_blanks();
    return at_ == text_.size();
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  bool value(Json& out) {
    if (++values_ > limits_.values) return false;
    switch (peek()) {
      case '{':
        return nested([&] { return object(out); });
      case '[':
        return nested([&] { return array(out); });
      case '"': {
        std::string_view view;
        if (!string(view)) return false;
        out = Json(view);
        return true;
      }
      case 't':
        out = Json(true);
        return word("true");
      case 'f':
        out = Json(false);
        return word("false");
      case 'n':
        out = Json();
        return word("null");
      default:
        return integer(out);
    }
  }

  template <typename Read>
  bool nested(Read read) {
    if (++depth_ > limits_.depth) return false;
    const bool good = read();
    --depth_;
    return good;
  }

  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool string(std::string_view& out) {
    if (!take('"')) return false;
    const size_t begin = at_;
    while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
    out = text_.substr(begin, at_ - begin);
    return take('"');
  }

  bool integer(Json& out) {
    const size_t begin = at_;
    (void)take('-');
    const size_t digits = at_;
    while (is_digit(peek())) ++at_;
    const size_t count = at_ - digits;
    if (count == 0 || count > k_most_digits || (count > 1 && text_[digits] == '0')) return false;
    const char next = peek();
    if (next == '.' || next == 'e' || next == 'E') return false;
    int64_t number = 0;
    std::from_chars(text_.data() + begin, text_.data() + at_, number);
    // "-0" is a floating number to the strict parser.
    if (number == 0 && count + 1 == at_ - begin) return false;
    out = Json(number);
    return true;
  }

  bool array(Json& out) {
    out = Json::array();
    return elements('[', ']', [&] {
      Json element;
      if (!value(element)) return false;
      out.as_array().push_back(std::move(element));
      return true;
    });
  }

  bool object(Json& out) {
    out = Json::object();
    out.as_object().reserve(k_usual_members);
    return elements('{', '}', [&] {
      std::string_view key;
      if (!name(key) || !add_member(out, key)) return false;
      return value(out.as_object().back().second);
    });
  }

  static bool add_member(Json& object, std::string_view key) {
    if (object.as_object().size() == k_most_members || object.find(key) != nullptr) return false;
    object.as_object().emplace_back(key, Json());
    return true;
  }

  bool chosen_members(std::span<const std::string_view> wanted, Json& out) {
    out = Json::object();
    out.as_object().reserve(wanted.size());
    return elements('{', '}', [&] {
      std::string_view key;
      if (!name(key)) return false;
      std::vector<std::string_view> inner;
      bool whole = false;
      for (const auto& path : wanted) {
        if (!path.starts_with(key)) continue;
        if (path.size() == key.size()) {
          whole = true;
        } else if (path[key.size()] == '.') {
          inner.push_back(path.substr(key.size() + 1));
        }
      }
      if (!whole && inner.empty()) return skip_value();
      if (!add_member(out, key)) return false;
      auto& member = out.as_object().back().second;
      return !whole && peek() == '{' ? nested([&] { return chosen_members(inner, member); }) : value(member);
    });
  }

  // `"key" :` and the blanks behind it.
  bool name(std::string_view& key) {
    if (!string(key)) return false;
    skip_blanks();
    if (!take(':')) return false;
    skip_blanks();
    return true;
  }

  template <typename Read>
  bool elements(char opening, char closing, Read read) {
    if (!take(opening)) return false;
    skip_blanks();
    if (take(closing)) return true;
    do {
      skip_blanks();
      if (!read()) return false;
      skip_blanks();
    } while (take(','));
    return take(closing);
  }

  // To the comma or bracket that ends the value.
  bool skip_value() {
    size_t open = 0;
    for (; at_ < text_.size(); ++at_) {
      switch (text_[at_]) {
        case '"':
          if (!skip_string()) return false;
          break;
        case '{':
        case '[':
          ++open;
          break;
        case '}':
        case ']':
          if (open == 0) return true;
          --open;
          break;
        case ',':
          if (open == 0) return true;
          break;
        default:
          break;
      }
    }
    return false;
  }

  // To the closing quote.
  bool skip_string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') return true;
      if (text_[at_] == '\\') ++at_;
    }
    return false;
  }

  std::string_view text_;
  JsonLimits limits_;
  size_t at_ = 0;
  size_t values_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<Json> read_plain_json(std::string_view text, JsonLimits limits,
                                    std::span<const std::string_view> wanted) {
  Json value;
  if (text.size() > limits.size_bytes || !PlainReader(text, limits).document(wanted, value)) return std::nullopt;
  return value;
}

}  // namespace ctr
