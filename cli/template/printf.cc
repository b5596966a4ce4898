// Go's fmt verbs over template values.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/template/functions.h"
#include "cli/template/unquote.h"

namespace ctr::cli {
namespace {

// Wider than any table; a format cannot ask for more memory than this.
constexpr int k_width_limit = 1000;

struct Spec {
  bool minus = false, plus = false, sharp = false, zero = false, space = false;
  int width = -1;
  int precision = -1;
  char verb = 0;
};

std::string padded(std::string text, const Spec& spec) {
  const size_t length = count_runes(text);
  if (spec.width < 0 || length >= static_cast<size_t>(spec.width)) return text;
  const size_t missing = static_cast<size_t>(spec.width) - length;
  if (spec.minus) return text + std::string(missing, ' ');
  if (!spec.zero) return std::string(missing, ' ') + text;
  const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  return text.insert(sign ? 1 : 0, missing, '0');
}

std::string bad_verb(const TemplateValue& value, char verb) {
  if (value.json == nullptr || value.json->is_null()) return fmt::format("%!{}(<nil>)", verb);
  return fmt::format("%!{}({}={})", verb, type_name(value), print_value(value));
}

std::string integer(const Json& value, const Spec& spec, const TemplateValue& whole) {
  const int64_t number = value.as_int();
  const bool negative = number < 0;
  const uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  std::string digits;
  switch (spec.verb) {
    case 'd':
    case 'v':
      digits = fmt::format("{}", magnitude);
      break;
    case 'b':
      digits = fmt::format("{:b}", magnitude);
      break;
    case 'o':
      digits = fmt::format("{}{:o}", spec.sharp ? "0" : "", magnitude);
      break;
    case 'O':
      digits = fmt::format("0o{:o}", magnitude);
      break;
    case 'x':
      digits = fmt::format("{}{:x}", spec.sharp ? "0x" : "", magnitude);
      break;
    case 'X':
      digits = fmt::format("{}{:X}", spec.sharp ? "0X" : "", magnitude);
      break;
    case 'c': {
      std::string rune;
      append_rune(rune, static_cast<uint32_t>(number));
      return padded(rune, spec);
    }
    case 'q': {
      std::string rune;
      append_rune(rune, static_cast<uint32_t>(number));
      return padded("'" + rune + "'", spec);
    }
    case 'U':
      return padded(fmt::format("U+{:04X}", magnitude), spec);
    case 'e':
    case 'f':
    case 'g':
      [[fallthrough]];
    default:
      return bad_verb(whole, spec.verb);
  }
  return padded((negative ? "-" : spec.plus ? "+" : spec.space ? " " : "") + digits, spec);
}

std::string real(double number, const Spec& spec, const TemplateValue& whole) {
  std::string text;
  const int precision = spec.precision;
  switch (spec.verb) {
    case 'v':
      text = precision < 0 ? print_float(number) : fmt::format("{:.{}g}", number, precision);
      break;
    case 'g':
      text = precision < 0 ? print_float(number) : fmt::format("{:.{}g}", number, precision);
      break;
    case 'G':
      text = precision < 0 ? print_float(number) : fmt::format("{:.{}G}", number, precision);
      break;
    case 'f':
    case 'F':
      text = fmt::format("{:.{}f}", number, precision < 0 ? 6 : precision);
      break;
    case 'e':
      text = fmt::format("{:.{}e}", number, precision < 0 ? 6 : precision);
      break;
    case 'E':
      text = fmt::format("{:.{}E}", number, precision < 0 ? 6 : precision);
      break;
    default:
      return bad_verb(whole, spec.verb);
  }
  if (spec.plus && number >= 0) text.insert(0, "+");
  return padded(text, spec);
}

std::string text_verb(std::string text, const Spec& spec, const TemplateValue& whole) {
  if (spec.precision >= 0 && spec.verb != 'x' && spec.verb != 'X') {
    size_t end = 0;
    for (int runes = 0; end < text.size() && runes < spec.precision; ++runes) {
      do ++end;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
    }
    text.resize(end);
  }
  switch (spec.verb) {
    case 's':
    case 'v':
      return padded(text, spec);
    case 'q':
      return padded(quote_go(text), spec);
    case 'x':
      return padded(to_hex(text), spec);
    case 'X':
      return padded(to_upper(to_hex(text)), spec);
    default:
      return bad_verb(whole, spec.verb);
  }
}

std::string formatted(const TemplateValue& value, const Spec& spec) {
  if (spec.verb == 'T') return padded(type_name(value), spec);
  if (value.json == nullptr || value.json->is_null()) {
    if (spec.verb == 'v') return padded(value.json == nullptr ? "<no value>" : "<nil>", spec);
    return bad_verb(value, spec.verb);
  }
  const Json& json = *value.json;
  if (json.is_bool()) {
    if (spec.verb != 't' && spec.verb != 'v') return bad_verb(value, spec.verb);
    return padded(json.as_bool() ? "true" : "false", spec);
  }
  if (json.is_string()) return text_verb(json.as_string(), spec, value);
  if (json.is_integer()) return integer(json, spec, value);
  if (json.is_number()) return real(json.as_double(), spec, value);
  if (json.is_array() && spec.verb != 'v') {
    std::string out = "[";
    for (const auto& element : json.as_array()) {
      if (out.size() > 1) out += ' ';
      out += formatted({&element, false, {}}, spec);
    }
    return out + ']';
  }
  if (spec.verb == 'v' && spec.sharp) return padded(dump_json(json), spec);
  return padded(print_value(value), spec);
}

// Flags, width and precision behind a '%'; '*' takes the width from the arguments.
Spec parse_spec(std::string_view format, size_t& at, std::span<const TemplateValue> args, size_t& used) {
  Spec spec;
  for (bool flags = true; flags && at < format.size();) {
    switch (format[at]) {
      case '-':
        spec.minus = true;
        break;
      case '+':
        spec.plus = true;
        break;
      case '#':
        spec.sharp = true;
        break;
      case '0':
        spec.zero = true;
        break;
      case ' ':
        spec.space = true;
        break;
      default:
        flags = false;
        continue;
    }
    ++at;
  }
  const auto number = [&]() -> int {
    if (at < format.size() && format[at] == '*') {
      ++at;
      if (used >= args.size()) return -1;
      const auto* json = args[used++].json;
      if (json == nullptr || !json->is_integer()) return -1;
      const auto wanted = std::clamp<int64_t>(json->as_int(), -k_width_limit, k_width_limit);
      spec.minus = spec.minus || wanted < 0;
      return static_cast<int>(std::abs(wanted));
    }
    int value = -1;
    for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at) {
      value = std::min((value < 0 ? 0 : value) * 10 + (format[at] - '0'), k_width_limit);
    }
    return value;
  };
  spec.width = number();
  if (at < format.size() && format[at] == '.') {
    ++at;
    spec.precision = std::max(0, number());
  }
  return spec;
}

}  // namespace

std::string sprintf_go(std::string_view format, std::span<const TemplateValue> args) {
  std::string out;
  size_t used = 0;
  for (size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      out += format[at++];
      continue;
    }
    ++at;
    Spec spec = parse_spec(format, at, args, used);
    if (at >= format.size()) {
      out += "%!(NOVERB)";
      break;
    }
    spec.verb = format[at++];
    if (spec.verb == '%') {
      out += '%';
    } else if (used >= args.size()) {
      out += fmt::format("%!{}(MISSING)", spec.verb);
    } else {
      out += formatted(args[used++], spec);
    }
  }
  if (used < args.size()) {
    out += "%!(EXTRA ";
    for (size_t i = used; i < args.size(); ++i) {
      out += (i > used ? ", " : "") + type_name(args[i]) + "=" + print_value(args[i]);
    }
    out += ')';
  }
  return out;
}

std::string sprint_go(std::span<const TemplateValue> args) {
  const auto is_text = [](const TemplateValue& value) { return value.json != nullptr && value.json->is_string(); };
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) {
    if (i > 0 && !is_text(args[i]) && !is_text(args[i - 1])) out += ' ';
    out += print_value(args[i]);
  }
  return out;
}

std::string sprintln_go(std::span<const TemplateValue> args) {
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) out += (i > 0 ? " " : "") + print_value(args[i]);
  return out + '\n';
}

}  // namespace ctr::cli
