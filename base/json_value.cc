// The value, its printer and the reader of fields; the parser is in json.cc.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/json.h"
#include "base/text.h"

namespace ctr {
namespace {

constexpr auto k_int_max = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

void append_escape(std::string& out, char32_t code) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  out += "\\u";
  for (unsigned shift = 16; shift > 0; shift -= 4) out += k_digits[(code >> (shift - 4)) & 0xFU];
}

// Escapes one ASCII character; false when it stands for itself.
bool append_ascii_escape(std::string& out, char c, bool escape_html) {
  switch (c) {
    case '"':
      out += "\\\"";
      return true;
    case '\\':
      out += "\\\\";
      return true;
    case '\b':
      out += "\\b";
      return true;
    case '\f':
      out += "\\f";
      return true;
    case '\n':
      out += "\\n";
      return true;
    case '\r':
      out += "\\r";
      return true;
    case '\t':
      out += "\\t";
      return true;
    case '<':
    case '>':
    case '&':
      if (!escape_html) return false;
      break;
    default:
      if (static_cast<unsigned char>(c) >= 0x20) return false;
  }
  append_escape(out, static_cast<unsigned char>(c));
  return true;
}

bool stands_for_itself(char c, bool escape_html) {
  if (c < 0x20 || c == 0x7F || c == '"' || c == '\\') return false;
  return !escape_html || (c != '<' && c != '>' && c != '&');
}

void append_string(std::string& out, std::string_view text, bool escape_html) {
  out += '"';
  size_t plain = 0;  // where the run of characters that stand for themselves begins
  size_t at = 0;
  auto flush = [&] { out.append(text.substr(plain, at - plain)); };
  std::string escape;
  while (at < text.size()) {
    if (stands_for_itself(text[at], escape_html)) {
      ++at;
      continue;
    }
    size_t size = 1;
    escape.clear();
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      append_ascii_escape(escape, text[at], escape_html);
    } else {
      Utf8Char character = first_character(text.substr(at));
      size = character.size_bytes;
      // Line separators end a string of JavaScript, so Go escapes them always.
      if (!character.valid || character.code == 0x2028 || character.code == 0x2029)
        append_escape(escape, character.code);
    }
    if (!escape.empty()) {
      flush();
      out += escape;
      plain = at + size;
    }
    at += size;
  }
  flush();
  out += '"';
}

template <typename Number>
void append_integer(std::string& out, Number value) {
  std::array<char, 24> text{};
  auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

// The shortest digits that read back the same; as ES6 and Go, with an exponent below 1e-6 and from 1e21 on.
void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> text{};  // "-d.dddddddddddddddde-ddd"
  auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific).ptr;
  std::string_view scientific(text.data(), static_cast<size_t>(end - text.data()));
  size_t e = scientific.find('e');
  int exponent = std::atoi(scientific.data() + e + 1);  // the array ends with NUL
  std::string digits;
  for (char c : scientific.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (scientific.front() == '-') out += '-';
  if (value == 0) {
    out += '0';
  } else if (exponent < -6 || exponent >= 21) {
    out += digits.front();
    if (digits.size() > 1) out.append(".").append(digits, 1);
    out += exponent < 0 ? "e-" : "e+";
    append_integer(out, std::abs(exponent));
  } else if (exponent < 0) {
    out.append("0.").append(static_cast<size_t>(-exponent - 1), '0').append(digits);
  } else {
    auto whole = static_cast<size_t>(exponent) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    out.append(digits, 0, whole);
    if (digits.size() > whole) out.append(".").append(digits, whole);
  }
}

class Printer {
 public:
  Printer(std::string& out, JsonStyle style) : out_(out), style_(style) {}

  void print(const Json& value) {
    if (value.is_null()) {
      out_ += "null";
    } else if (value.is_bool()) {
      out_ += value.as_bool() ? "true" : "false";
    } else if (value.is_integer()) {
      // Only values above the range of int64_t are kept unsigned.
      if (value.as_uint() > k_int_max) {
        append_integer(out_, value.as_uint());
      } else {
        append_integer(out_, value.as_int());
      }
    } else if (value.is_number()) {
      append_double(out_, value.as_double());
    } else if (value.is_string()) {
      append_string(out_, value.as_string(), style_.escape_html);
    } else if (value.is_array()) {
      print_all('[', ']', value.as_array(), [this](const Json& element) { print(element); });
    } else {
      print_all('{', '}', value.as_object(), [this](const auto& member) {
        append_string(out_, member.first, style_.escape_html);
        out_ += style_.indent < 0 ? ":" : ": ";
        print(member.second);
      });
    }
  }

 private:
  template <typename Range, typename Print>
  void print_all(char opening, char closing, const Range& range, Print print_one) {
    out_ += opening;
    ++depth_;
    bool first = true;
    for (const auto& entry : range) {
      if (!first) out_ += ',';
      first = false;
      new_line();
      print_one(entry);
    }
    --depth_;
    if (!range.empty()) new_line();
    out_ += closing;
  }

  void new_line() {
    if (style_.indent < 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(depth_) * static_cast<size_t>(style_.indent), ' ');
  }

  std::string& out_;
  JsonStyle style_;
  int depth_ = 0;
};

}  // namespace

Json::Json(uint64_t value) {
  // Equal numbers are held alike, so that == needs no look at the type.
  if (value <= k_int_max) {
    value_ = static_cast<int64_t>(value);
  } else {
    value_ = value;
  }
}

Json Json::strings(const std::vector<std::string>& values) { return Json(Array(values.begin(), values.end())); }

Json Json::string_map(const std::map<std::string, std::string>& values) {
  return Json(Object(values.begin(), values.end()));
}

int64_t Json::as_int() const {
  if (const auto* number = std::get_if<int64_t>(&value_)) return *number;
  return std::get<uint64_t>(value_) > k_int_max ? std::numeric_limits<int64_t>::max()
                                                : static_cast<int64_t>(std::get<uint64_t>(value_));
}

uint64_t Json::as_uint() const {
  if (const auto* number = std::get_if<uint64_t>(&value_)) return *number;
  return static_cast<uint64_t>(std::max<int64_t>(std::get<int64_t>(value_), 0));
}

double Json::as_double() const {
  if (const auto* number = std::get_if<int64_t>(&value_)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<uint64_t>(&value_)) return static_cast<double>(*number);
  return std::get<double>(value_);
}

const Json* Json::find(std::string_view key) const {
  const auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  auto found = std::find_if(members->begin(), members->end(), [&](const auto& member) { return member.first == key; });
  return found == members->end() ? nullptr : &found->second;
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object();
  auto& members = std::get<Object>(value_);
  auto found = std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.first == key; });
  if (found == members.end()) {
    members.emplace_back(std::move(key), std::move(value));
  } else {
    found->second = std::move(value);
  }
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array();
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::string dump_json(const Json& value, JsonStyle style) {
  std::string out;
  Printer(out, style).print(value);
  return out;
}

}  // namespace ctr
