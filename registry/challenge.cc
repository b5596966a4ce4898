#include "registry/challenge.h"

#include <optional>

#include "base/text.h"

namespace ctr::registry {
namespace {

bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  // Blanks and commas: empty list elements are allowed.
  void skip_separators() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == ',')) {
      rest_.remove_prefix(1);
    }
  }
  std::string token() {
    size_t length = 0;
    while (length < rest_.size() && is_token_char(rest_[length])) ++length;
    std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }
  std::optional<std::string> quoted() {
    if (!take('"')) return std::nullopt;
    std::string text;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return text;
      if (c == '\\' && !rest_.empty()) {
        text += rest_.front();
        rest_.remove_prefix(1);
      } else {
        text += c;
      }
    }
    return std::nullopt;
  }
  // name = value; puts the scanner back when there is no '='.
  std::optional<std::pair<std::string, std::string>> parameter() {
    const auto start = rest_;
    const std::string name = to_lower(token());
    skip_blanks();
    if (name.empty() || !take('=')) {
      rest_ = start;
      return std::nullopt;
    }
    skip_blanks();
    if (rest_.empty() || rest_.front() != '"') return std::pair(name, token());
    const auto value = quoted();
    if (!value) return std::nullopt;
    return std::pair(name, *value);
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Scanner scanner(header);
  scanner.skip_separators();
  while (!scanner.at_end()) {
    Challenge challenge;
    challenge.scheme = to_lower(scanner.token());
    if (challenge.scheme.empty()) break;
    scanner.skip_blanks();
    while (auto parameter = scanner.parameter()) {
      // The first value stays: a second one must not change what a check has seen.
      challenge.parameters.emplace(std::move(*parameter));
      scanner.skip_separators();
    }
    challenges.push_back(std::move(challenge));
    scanner.skip_separators();
  }
  return challenges;
}

}  // namespace ctr::registry
