#include "registry/yaml.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace ctr::registry {
namespace {

constexpr size_t k_text_limit_bytes = size_t{1} << 20;
constexpr int k_depth_limit = 16;

struct Line {
  size_t number = 0;
  size_t indent = 0;
  std::string_view text;  // without indentation, comment and white space at the end
};

struct Entry {
  std::string key;
  std::string_view rest;  // behind the colon
};

class Parser {
 public:
  explicit Parser(const std::string& file) : file_(file) {}

  Result<void> read_lines(std::string_view text) {
    size_t number = 0;
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      TRY(read_line(text.substr(0, end), ++number));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return ok();
  }

  Result<Json> parse() {
    if (lines_.empty()) return Json();
    if (lines_.size() == 1 && lines_.front().text == "{}") return Json::object();
    auto json = TRY(mapping(lines_.front().indent, 0));
    if (at_ < lines_.size()) return wrong(lines_[at_], "the indentation fits nothing above");
    return json;
  }

 private:
  Error wrong(const Line& line, const std::string& message) const {
    return Error(Errc::invalid, file_ + ":" + std::to_string(line.number) + ": " + message);
  }

  Result<void> read_line(std::string_view text, size_t number) {
    if (text.ends_with('\r')) text.remove_suffix(1);
    Line line{.number = number, .indent = std::min(text.find_first_not_of(' '), text.size()), .text = {}};
    line.text = text.substr(line.indent);
    line.text = trim(line.text.substr(0, comment_of(line.text)));
    if (line.text.empty()) return ok();
    if (text[line.indent] == '\t') return wrong(line, "tabs are not indentation in YAML");
    if (line.indent == 0 && line.text == "---" && lines_.empty()) return ok();
    if (line.text.find('\0') != std::string_view::npos) return wrong(line, "a NUL byte");
    lines_.push_back(line);
    return ok();
  }

  // Where a comment begins: at a '#' that is first or follows white space, outside of quotes.
  static size_t comment_of(std::string_view text) {
    char quote = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool after_space = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t';
      if (quote != 0) {
        if (c == '\\' && quote == '"') ++i;
        if (c == quote) quote = 0;
      } else if ((c == '"' || c == '\'') && after_space) {
        quote = c;
      } else if (c == '#' && after_space) {
        return i;
      }
    }
    return text.size();
  }

  Result<Json> mapping(size_t indent, int depth) {
    if (depth == k_depth_limit) return wrong(lines_[at_], "it is nested too deeply");
    Json json = Json::object();
    while (at_ < lines_.size() && lines_[at_].indent == indent) {
      const Line line = lines_[at_++];
      const auto entry = TRY(entry_of(line));
      if (json.find(entry.key) != nullptr) return wrong(line, "'" + printable(entry.key) + "' is there twice");
      const bool is_parent = at_ < lines_.size() && lines_[at_].indent > indent;
      if (is_parent && !entry.rest.empty()) return wrong(lines_[at_], "texts of several lines are not supported");
      json.set(entry.key, is_parent ? TRY(mapping(lines_[at_].indent, depth + 1)) : TRY(value_of(line, entry.rest)));
    }
    if (at_ < lines_.size() && lines_[at_].indent > indent) {
      return wrong(lines_[at_], "the indentation fits nothing above");
    }
    return json;
  }

  Result<Entry> entry_of(const Line& line) const {
    Entry entry;
    auto rest = line.text;
    if (rest.front() == '"' || rest.front() == '\'') {
      entry.key = TRY(quoted(line, rest));
      rest = trim(rest);
      if (!rest.starts_with(':') || (rest.size() > 1 && rest[1] != ' ')) return wrong(line, "it is not 'key: value'");
      entry.rest = trim(rest.substr(1));
      return entry;
    }
    auto colon = rest.find(": ");
    if (colon == std::string_view::npos && rest.ends_with(':')) colon = rest.size() - 1;
    if (colon == std::string_view::npos) return wrong(line, "it is not 'key: value'");
    entry.key = TRY(plain(line, trim(rest.substr(0, colon))));
    entry.rest = trim(rest.substr(colon + 1));
    return entry;
  }

  Result<Json> value_of(const Line& line, std::string_view text) const {
    if (text.empty() || text == "~" || text == "null") return Json();
    if (text == "{}") return Json::object();
    if (text.front() == '"' || text.front() == '\'') {
      auto value = TRY(quoted(line, text));
      if (!text.empty()) return wrong(line, "there is text behind the closing quote");
      return Json(std::move(value));
    }
    return Json(TRY(plain(line, text)));
  }

  // A text without quotes must not begin as something else does.
  Result<std::string> plain(const Line& line, std::string_view text) const {
    const bool is_list = text == "-" || text.starts_with("- ") || text == "?" || text.starts_with("? ");
    if (text.empty() || is_list || std::string_view("[]{},&*!|>%@`\"'#").find(text.front()) != std::string_view::npos) {
      return wrong(line, "only mappings of texts are supported");
    }
    if (text.find(": ") != std::string_view::npos || text.ends_with(':')) {
      return wrong(line, "a text with a colon needs quotes");
    }
    return std::string(text);
  }

  // Takes a quoted text from the front of `text`.
  Result<std::string> quoted(const Line& line, std::string_view& text) const {
    const char quote = text.front();
    std::string value;
    for (size_t i = 1; i < text.size(); ++i) {
      const char c = text[i];
      const bool has_next = i + 1 < text.size();
      if (quote == '\'' && c == quote && has_next && text[i + 1] == quote) {
        value += text[++i];
      } else if (quote == '"' && c == '\\') {
        if (!has_next || (text[i + 1] != '"' && text[i + 1] != '\\' && text[i + 1] != '/')) {
          return wrong(line, "this escape is not supported");
        }
        value += text[++i];
      } else if (c == quote) {
        text.remove_prefix(i + 1);
        return value;
      } else {
        value += c;
      }
    }
    return wrong(line, "a quote is not closed");
  }

  const std::string& file_;
  std::vector<Line> lines_;
  size_t at_ = 0;
};

}  // namespace

Result<Json> parse_yaml(std::string_view text, const std::string& file) {
  if (text.size() > k_text_limit_bytes) return Error(Errc::invalid, file + ": it is longer than 1 MiB");
  Parser parser(file);
  TRY(parser.read_lines(text));
  return parser.parse();
}

}  // namespace ctr::registry
