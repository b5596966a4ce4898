// The parser. docs/decisions/004-json-parser.md says why it is our own; the tests hold it against nlohmann's.
#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/text.h"

namespace ctr {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string place(std::string_view text, size_t offset) {
  std::string_view before = text.substr(0, offset);
  size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  size_t newline = before.rfind('\n');
  size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// A name that two members of an object have, or nullptr.
const std::string* repeated_key(const Json::Object& members) {
  if (members.size() <= 8) {
    for (auto later = members.begin(); later != members.end(); ++later) {
      for (auto earlier = members.begin(); earlier != later; ++earlier) {
        if (earlier->first == later->first) return &later->first;
      }
    }
    return nullptr;
  }
  std::vector<const std::string*> keys;
  keys.reserve(members.size());
  for (const auto& [key, value] : members) keys.push_back(&key);
  std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
  auto twice = std::adjacent_find(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a == *b; });
  return twice == keys.end() ? nullptr : *twice;
}

// Recursive descent over RFC 8259; the recursion is bounded by `limits.depth`. Every function returns false on the
// first problem, which stands at `at_`.
class Parser {
 public:
  Parser(std::string_view text, JsonLimits limits) : text_(text), limits_(limits) {}

  bool parse_document(Json& value) {
    if (!parse_value(value, 0)) return false;
    skip_space();
    return at_ == text_.size() || unexpected();
  }

  std::string problem() const { return problem_ + " at " + place(text_, at_); }

 private:
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool unexpected() { return fail(at_ < text_.size() ? "has an unexpected character" : "ends too early"); }

  // The next character; NUL at the end, where no caller takes a NUL for anything.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char expected) {
    if (peek() != expected || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool parse_value(Json& value, int depth) {
    skip_space();
    if (++values_ > limits_.values) return fail("has more than " + std::to_string(limits_.values) + " values");
    switch (peek()) {
      case '{':
        return parse_object(value, depth + 1);
      case '[':
        return parse_array(value, depth + 1);
      case '"':
        return parse_text(value);
      case 't':
        return parse_word("true", Json(true), value);
      case 'f':
        return parse_word("false", Json(false), value);
      case 'n':
        return parse_word("null", Json(), value);
      default:
        return parse_number(value);
    }
  }

  bool parse_word(std::string_view word, Json meaning, Json& value) {
    for (char c : word) {
      if (!take(c)) return unexpected();
    }
    value = std::move(meaning);
    return true;
  }

  bool enter(int depth) {
    if (depth > limits_.depth) return fail("is nested deeper than " + std::to_string(limits_.depth) + " levels");
    ++at_;
    skip_space();
    return true;
  }

  bool parse_array(Json& value, int depth) {
    if (!enter(depth)) return false;
    value = Json::array();
    auto& elements = value.as_array();
    if (take(']')) return true;
    while (true) {
      if (!parse_value(elements.emplace_back(), depth)) return false;
      skip_space();
      if (take(']')) return true;
      if (!take(',')) return unexpected();
    }
  }

  bool parse_object(Json& value, int depth) {
    if (!enter(depth)) return false;
    value = Json::object();
    auto& members = value.as_object();
    if (take('}')) return true;
    while (true) {
      skip_space();
      auto& [key, member] = members.emplace_back();
      if (peek() != '"') return unexpected();
      if (!parse_string(key)) return false;
      skip_space();
      if (!take(':')) return unexpected();
      if (!parse_value(member, depth)) return false;
      skip_space();
      if (peek() == '}') break;
      if (!take(',')) return unexpected();
    }
    if (const std::string* twice = repeated_key(members)) {
      return fail("has the member '" + printable(*twice, 64) + "' twice in the object that ends");
    }
    ++at_;
    return true;
  }

  bool parse_text(Json& value) {
    std::string text;
    if (!parse_string(text)) return false;
    value = Json(std::move(text));
    return true;
  }

  // Length of the characters from here on that stand for themselves and are ASCII.
  size_t plain_run() const {
    size_t end = at_;
    while (end < text_.size()) {
      auto c = static_cast<unsigned char>(text_[end]);
      if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
      ++end;
    }
    return end - at_;
  }

  // Stands at the opening quotation mark.
  bool parse_string(std::string& out) {
    ++at_;
    while (true) {
      size_t run = plain_run();
      out.append(text_, at_, run);
      at_ += run;
      if (take('"')) return true;
      if (at_ == text_.size()) return unexpected();
      if (text_[at_] == '\\') {
        if (!parse_escape(out)) return false;
        continue;
      }
      Utf8Char character = first_character(text_.substr(at_));
      if (!character.valid) return fail("has invalid UTF-8");
      if (character.code < 0x20) return fail("has a control character in a string");
      out.append(text_, at_, character.size_bytes);
      at_ += character.size_bytes;
    }
  }

  bool parse_escape(std::string& out) {
    constexpr std::string_view k_names = "\"\\/bfnrt";
    constexpr std::string_view k_characters = "\"\\/\b\f\n\r\t";
    ++at_;
    if (peek() == 'u') return parse_unicode_escape(out);
    size_t which = at_ < text_.size() ? k_names.find(text_[at_]) : std::string_view::npos;
    if (which == std::string_view::npos) return unexpected();
    out += k_characters[which];
    ++at_;
    return true;
  }

  // \uXXXX, or two of them for a character beyond U+FFFF.
  bool parse_unicode_escape(std::string& out) {
    char32_t code = 0;
    if (!parse_hex(code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      char32_t low = 0;
      if (!take('\\') || peek() != 'u') return fail("has half of a surrogate pair");
      if (!parse_hex(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail("has half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return fail("has half of a surrogate pair");
    }
    append_utf8(out, code);
    return true;
  }

  // Stands at the 'u'.
  bool parse_hex(char32_t& code) {
    ++at_;
    for (int i = 0; i < 4; ++i) {
      unsigned digit = 0;
      const char* here = text_.data() + at_;
      if (at_ == text_.size() || std::from_chars(here, here + 1, digit, 16).ec != std::errc()) return unexpected();
      code = code * 16 + digit;
      ++at_;
    }
    return true;
  }

  static void append_utf8(std::string& out, char32_t code) {
    auto add = [&out](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) {
      add(code);
    } else if (code < 0x800) {
      add(0xC0 | (code >> 6U));
      add(0x80 | (code & 0x3FU));
    } else if (code < 0x10000) {
      add(0xE0 | (code >> 12U));
      add(0x80 | ((code >> 6U) & 0x3FU));
      add(0x80 | (code & 0x3FU));
    } else {
      add(0xF0 | (code >> 18U));
      add(0x80 | ((code >> 12U) & 0x3FU));
      add(0x80 | ((code >> 6U) & 0x3FU));
      add(0x80 | (code & 0x3FU));
    }
  }

  bool skip_digits() {
    if (!is_digit(peek())) return unexpected();
    while (is_digit(peek())) ++at_;
    return true;
  }

  bool parse_number(Json& value) {
    size_t begin = at_;
    bool negative = take('-');
    // A number does not begin with a zero that another digit follows.
    if (!take('0') && !skip_digits()) return false;
    bool integer = true;
    if (take('.')) {
      integer = false;
      if (!skip_digits()) return false;
    }
    if (take('e') || take('E')) {
      integer = false;
      if (!take('+')) (void)take('-');
      if (!skip_digits()) return false;
    }
    std::string_view number = text_.substr(begin, at_ - begin);
    if (integer && (negative ? to_integer<int64_t>(number, value) : to_integer<uint64_t>(number, value))) return true;
    // An integer that fits in 64 bits neither way is read as the nearest double, as everywhere.
    double real = std::strtod(std::string(number).c_str(), nullptr);
    if (!std::isfinite(real)) return fail("has a number out of range");
    value = Json(real);
    return true;
  }

  template <typename Integer>
  static bool to_integer(std::string_view number, Json& value) {
    Integer integer = 0;
    if (std::from_chars(number.data(), number.data() + number.size(), integer).ec != std::errc()) return false;
    value = Json(integer);
    return true;
  }

  std::string_view text_;
  JsonLimits limits_;
  size_t at_ = 0;
  size_t values_ = 0;
  std::string problem_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what, JsonLimits limits) {
  if (text.size() > limits.size_bytes) {
    return Error(Errc::invalid, std::string(what) + " has " + std::to_string(text.size()) +
                                    " bytes, more than the limit of " + std::to_string(limits.size_bytes));
  }
  Json value;
  Parser parser(text, limits);
  if (!parser.parse_document(value)) return Error(Errc::invalid, std::string(what) + " " + parser.problem());
  return value;
}

}  // namespace ctr
