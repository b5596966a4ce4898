#include "cli/template/lex.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/template/unquote.h"

namespace ctr::cli {

Error template_parse_error(std::string_view name, std::string_view source, size_t position, std::string_view what) {
  const auto end = source.begin() + static_cast<std::ptrdiff_t>(std::min(position, source.size()));
  const auto line = std::count(source.begin(), end, '\n') + 1;
  return Error(Errc::invalid, fmt::format("template: {}:{}: {}", name, line, what));
}

namespace {

constexpr std::string_view k_space = " \t\r\n";
constexpr std::array<std::string_view, 10> k_keywords = {"if",    "else",     "end",    "range", "with",
                                                         "block", "template", "define", "break", "continue"};

bool is_space(char c) { return k_space.find(c) != std::string_view::npos; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
}

class Lexer {
 public:
  Lexer(std::string_view name, std::string_view source) : name_(name), source_(source) {}

  Result<std::vector<TemplateToken>> run() {
    bool trim_left = false;
    while (at_ < source_.size()) {
      TRY(text(trim_left));
      if (at_ >= source_.size()) break;
      trim_left = TRY(action());
    }
    push(TemplateToken::Kind::end, source_.size(), "");
    return std::move(tokens_);
  }

 private:
  void push(TemplateToken::Kind kind, size_t position, std::string_view text, Json literal = {}) {
    tokens_.push_back({kind, position, std::string(text), std::move(literal)});
  }
  Error wrong(size_t position, std::string_view what) const {
    return template_parse_error(name_, source_, position, what);
  }
  std::string_view rest() const { return source_.substr(at_); }
  bool opens_trim(size_t position) const {
    return position + 1 < source_.size() && source_[position] == '-' && is_space(source_[position + 1]);
  }
  bool closes_trim() const {
    return at_ + 3 < source_.size() && is_space(source_[at_]) && source_.substr(at_ + 1, 3) == "-}}";
  }

  // Text up to the next "{{", trimmed by the markers on both of its sides.
  Result<void> text(bool trim_left) {
    const size_t start = at_;
    const size_t open = std::min(source_.find("{{", at_), source_.size());
    std::string_view piece = source_.substr(start, open - start);
    size_t shift = 0;
    if (trim_left) {
      shift = std::min(piece.find_first_not_of(k_space), piece.size());
      piece.remove_prefix(shift);
    }
    if (open < source_.size() && opens_trim(open + 2)) {
      const size_t last = piece.find_last_not_of(k_space);
      piece = last == std::string_view::npos ? std::string_view() : piece.substr(0, last + 1);
    }
    if (!piece.empty()) push(TemplateToken::Kind::text, start + shift, piece);
    at_ = open;
    return ok();
  }

  // From "{{" to behind "}}"; true when the text that follows is to be trimmed.
  Result<bool> action() {
    const size_t open = at_;
    at_ += 2;
    if (opens_trim(at_)) at_ += 2;
    if (rest().starts_with("/*")) return comment(open);
    push(TemplateToken::Kind::left, open, "{{");
    int depth = 0;
    while (true) {
      const bool trim = closes_trim();
      if (trim || rest().starts_with("}}")) {
        if (depth > 0) return wrong(at_, "unclosed left paren");
        push(TemplateToken::Kind::right, at_, "}}");
        at_ += trim ? 4 : 2;
        return trim;
      }
      if (at_ >= source_.size()) return wrong(open, "unclosed action");
      TRY(word(depth));
    }
  }

  Result<bool> comment(size_t open) {
    const size_t close = source_.find("*/", at_);
    if (close == std::string_view::npos) return wrong(open, "unclosed comment");
    at_ = close + 2;
    const bool trim = closes_trim();
    if (!trim && !rest().starts_with("}}")) return wrong(open, "comment ends before closing delimiter");
    at_ += trim ? 4 : 2;
    return trim;
  }

  Result<void> word(int& depth) {
    using Kind = TemplateToken::Kind;
    const size_t start = at_;
    const char c = source_[at_];
    if (is_space(c)) {
      while (at_ < source_.size() && is_space(source_[at_]) && !closes_trim()) ++at_;
      push(Kind::space, start, source_.substr(start, at_ - start));
      return ok();
    }
    if (rest().starts_with(":=")) return single(Kind::declare, 2);
    if (c == '=') return single(Kind::assign, 1);
    if (c == '|') return single(Kind::pipe, 1);
    if (c == ',') return single(Kind::comma, 1);
    if (c == '(') return ++depth, single(Kind::left_paren, 1);
    if (c == ')') {
      if (--depth < 0) return wrong(at_, "unexpected right paren");
      return single(Kind::right_paren, 1);
    }
    if (c == '"' || c == '`' || c == '\'') return quoted(c);
    if (c == '$') return named(Kind::variable);
    const bool digit_next = at_ + 1 < source_.size() && source_[at_ + 1] >= '0' && source_[at_ + 1] <= '9';
    if (c == '.' && !digit_next) {
      const bool name_next = at_ + 1 < source_.size() && is_word(source_[at_ + 1]);
      return name_next ? named(Kind::field) : single(Kind::dot, 1);
    }
    if ((c >= '0' && c <= '9') || c == '.' || ((c == '+' || c == '-') && digit_next)) return number();
    if (is_word(c)) return named(Kind::identifier);
    if (c > ' ' && c <= '~') return single(Kind::character, 1);
    return wrong(at_, fmt::format("unrecognized character in action: U+{:04X}", static_cast<unsigned char>(c)));
  }

  Result<void> single(TemplateToken::Kind kind, size_t length) {
    push(kind, at_, source_.substr(at_, length));
    at_ += length;
    return ok();
  }

  Result<void> named(TemplateToken::Kind kind) {
    using Kind = TemplateToken::Kind;
    const size_t start = at_;
    if (kind != Kind::identifier) ++at_;
    while (at_ < source_.size() && is_word(source_[at_])) ++at_;
    const std::string_view text = source_.substr(start, at_ - start);
    if (at_ < source_.size() && !ends_word(source_[at_])) {
      return wrong(at_,
                   fmt::format("bad character U+{:04X} '{}'", static_cast<unsigned char>(source_[at_]), source_[at_]));
    }
    if (kind == Kind::identifier) {
      if (text == "true" || text == "false") return push(Kind::literal, start, text, Json(text == "true")), ok();
      if (text == "nil") return push(Kind::nil, start, text), ok();
      if (std::find(k_keywords.begin(), k_keywords.end(), text) != k_keywords.end()) kind = Kind::keyword;
    }
    push(kind, start, text);
    return ok();
  }
  static bool ends_word(char c) {
    return is_space(c) || std::string_view(".,|:)(=}").find(c) != std::string_view::npos;
  }

  Result<void> quoted(char quote) {
    const size_t start = at_++;
    while (at_ < source_.size() && source_[at_] != quote) {
      if (source_[at_] == '\n' && quote != '`') break;
      at_ += source_[at_] == '\\' && quote != '`' ? 2 : 1;
    }
    if (at_ >= source_.size() || source_[at_] != quote) {
      const std::string_view kind = quote == '"'   ? "quoted string"
                                    : quote == '`' ? "raw quoted string"
                                                   : "character constant";
      return wrong(start, fmt::format("unterminated {}", kind));
    }
    ++at_;
    const std::string_view text = source_.substr(start, at_ - start);
    auto plain = unquote_go(text);
    if (!plain) return wrong(start, "invalid syntax");
    if (quote == '\'') return push(TemplateToken::Kind::literal, start, text, Json(int64_t{first_rune(*plain)})), ok();
    push(TemplateToken::Kind::literal, start, text, Json(*plain));
    return ok();
  }

  Result<void> number() {
    const size_t start = at_;
    if (source_[at_] == '+' || source_[at_] == '-') ++at_;
    while (at_ < source_.size() && (is_word(source_[at_]) || source_[at_] == '.')) {
      const bool exponent = (source_[at_] == 'e' || source_[at_] == 'E') && at_ + 1 < source_.size() &&
                            (source_[at_ + 1] == '+' || source_[at_ + 1] == '-') &&
                            !source_.substr(start, 2).starts_with("0x");
      at_ += exponent ? 2 : 1;
    }
    const std::string_view text = source_.substr(start, at_ - start);
    auto value = parse_go_number(text);
    if (!value) return wrong(start, fmt::format("bad number syntax: {}", quote_go(text)));
    push(TemplateToken::Kind::literal, start, text, *value);
    return ok();
  }

  std::string_view name_;
  std::string_view source_;
  size_t at_ = 0;
  std::vector<TemplateToken> tokens_;
};

}  // namespace

Result<std::vector<TemplateToken>> lex_template(std::string_view name, std::string_view source) {
  return Lexer(name, source).run();
}

}  // namespace ctr::cli
