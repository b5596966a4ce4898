#include "cli/run_label.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace ctr::cli {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Takes words off the front of a text.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : rest_(text) {}

  Result<std::optional<std::string>> next() {
    skip_blanks();
    if (rest_.empty()) return std::optional<std::string>();
    std::string word;
    while (!rest_.empty() && !is_blank(rest_[0])) {
      const char c = take();
      if (c == '\'' || c == '"') {
        TRY(take_quoted(c, word));
      } else if (c == '\\' && !rest_.empty()) {
        word += take();
      } else {
        word += c;
      }
    }
    return std::optional(std::move(word));
  }

 private:
  char take() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  void skip_blanks() {
    while (!rest_.empty() && (is_blank(rest_[0]) || rest_[0] == '#')) {
      if (take() == '#') rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    }
  }

  Result<void> take_quoted(char quote, std::string& word) {
    while (!rest_.empty()) {
      char c = take();
      if (c == quote) return ok();
      if (c == '\\' && quote == '"' && !rest_.empty()) c = take();
      word += c;
    }
    return Error(Errc::invalid, "a quote in the label of the image is not closed");
  }

  std::string_view rest_;
};

bool is_name_letter(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A name of one letter, as that of a shell's own variables.
bool is_special(char c) { return std::string_view("*#$@!?-0123456789").find(c) != std::string_view::npos; }

// $NAME and ${NAME}, as Go's os.Expand takes them.
std::string expand(std::string_view text, const std::function<std::string(std::string_view)>& variable) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const bool braced = text[i + 1] == '{';
    const size_t begin = braced ? i + 2 : i + 1;
    size_t end = begin;
    if (end < text.size() && is_special(text[end])) {
      ++end;
    } else {
      while (end < text.size() && is_name_letter(text[end])) ++end;
    }
    if (end == begin || (braced && (end == text.size() || text[end] != '}'))) {
      out += text[i];
      continue;
    }
    out += variable(text.substr(begin, end - begin));
    i = braced ? end : end - 1;
  }
  return out;
}

// The words that stand for the image and the container's name.
std::string substitute(const std::string& word, const RunLabel& label) {
  if (word == "IMAGE" || word == "$IMAGE") return label.image;
  if (word == "IMAGE=IMAGE" || word == "IMAGE=$IMAGE") return "IMAGE=" + label.image;
  if (word == "NAME" || word == "$NAME") return label.name;
  if (word == "NAME=NAME" || word == "NAME=$NAME") return "NAME=" + label.name;
  return word;
}

}  // namespace

Result<std::vector<std::string>> shell_words(std::string_view text) {
  Splitter splitter(text);
  std::vector<std::string> words;
  while (auto word = TRY(splitter.next())) words.push_back(std::move(*word));
  return words;
}

Result<std::vector<std::string>> label_command(const RunLabel& label,
                                               const std::function<std::string(std::string_view)>& variable) {
  auto words = TRY(shell_words(label.text));
  words.insert(words.end(), label.arguments.begin(), label.arguments.end());
  const std::string program = words.empty() ? std::string() : words[0].substr(words[0].rfind('/') + 1);
  constexpr std::array<std::string_view, 3> k_own = {"podman", "docker", "ctr"};
  if (std::find(k_own.begin(), k_own.end(), program) == k_own.end()) {
    return Error(
               Errc::invalid,
               fmt::format("the label of the image names the program '{}', which is not run: only commands of podman, "
                           "docker and ctr are",
                           printable(program)))
        .with_hint("--display prints what the label says");
  }
  std::vector<std::string> out;
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "$GLOBAL_OPTS") continue;
    const std::string word = substitute(words[i], label);
    out.push_back(word == words[i] ? expand(word, variable) : word);
  }
  return out;
}

std::string name_from_image(std::string_view image) {
  const std::string_view last = image.substr(image.rfind('/') + 1);
  return std::string(last.substr(0, last.find_first_of(":@")));
}

}  // namespace ctr::cli
