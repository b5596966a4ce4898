#include "cli/runtime/args.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::cli::runtime {
namespace {

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

const OptionSpec* find_long(std::span<const OptionSpec> options, std::string_view name) {
  for (const OptionSpec& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const OptionSpec* find_short(std::span<const OptionSpec> options, char letter) {
  for (const OptionSpec& option : options) {
    if (option.letter == letter) return &option;
  }
  return nullptr;
}

using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

// Goes through the words; `at` is the one that is looked at.
class Walk {
 public:
  Walk(std::span<const OptionSpec> options, std::span<const std::string> words, Values& values)
      : options_(options), words_(words), values_(values) {}

  bool at_end() const { return at_ == words_.size(); }
  const std::string& word() const { return words_[at_]; }
  void skip() { ++at_; }

  Result<void> take_long() {
    const std::string_view word = std::string_view(words_[at_++]).substr(2);
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const OptionSpec* option = find_long(options_, name);
    if (option == nullptr) return wrong(fmt::format("unknown option '--{}'", printable(name)));
    if (equals != std::string_view::npos) return put(*option, std::string(word.substr(equals + 1)));
    if (option->kind == OptionSpec::Kind::flag) return put(*option, "true");
    return put(*option, TRY(next_value(fmt::format("--{}", name))));
  }

  Result<void> take_short() {
    const std::string_view letters = std::string_view(words_[at_++]).substr(1);
    for (size_t i = 0; i < letters.size(); ++i) {
      const OptionSpec* option = find_short(options_, letters[i]);
      if (option == nullptr) return wrong(fmt::format("unknown option '-{}'", printable(letters.substr(i, 1))));
      if (option->kind == OptionSpec::Kind::flag) {
        TRY(put(*option, "true"));
        continue;
      }
      std::string_view rest = letters.substr(i + 1);
      if (rest.starts_with('=')) rest.remove_prefix(1);
      return put(*option, rest.empty() ? TRY(next_value(fmt::format("-{}", letters[i]))) : std::string(rest));
    }
    return ok();
  }

 private:
  Result<std::string> next_value(std::string_view option) {
    if (at_end()) return wrong(fmt::format("option '{}' needs a value", option));
    return words_[at_++];
  }

  Result<void> put(const OptionSpec& option, std::string value) {
    if (option.kind == OptionSpec::Kind::flag && value != "true" && value != "false") {
      return wrong(fmt::format("option '--{}' is true or false, not '{}'", option.name, printable(value)));
    }
    values_[std::string(option.name)].push_back(std::move(value));
    return ok();
  }

  std::span<const OptionSpec> options_;
  std::span<const std::string> words_;
  Values& values_;
  size_t at_ = 0;
};

}  // namespace

std::string RuntimeArgs::text(std::string_view option, std::string_view fallback) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::string(fallback) : found->second.back();
}

std::vector<std::string> RuntimeArgs::list(std::string_view option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<uint64_t> RuntimeArgs::number(std::string_view option, uint64_t fallback, uint64_t limit) const {
  if (!has(option)) return fallback;
  return parse_unsigned(text(option), fmt::format("--{}", option), limit);
}

Result<RuntimeArgs> parse_runtime_args(std::span<const OptionSpec> options, std::span<const std::string> words,
                                       Trailing trailing) {
  RuntimeArgs args;
  Walk walk(options, words, args.values_);
  bool only_words = false;
  while (!walk.at_end()) {
    const std::string& word = walk.word();
    if (only_words || word.size() < 2 || word[0] != '-') {
      args.words_.push_back(word);
      walk.skip();
      only_words = only_words || trailing == Trailing::command;
    } else if (word == "--") {
      walk.skip();
      only_words = true;
    } else if (word.starts_with("--")) {
      TRY(walk.take_long());
    } else {
      TRY(walk.take_short());
    }
  }
  return args;
}

}  // namespace ctr::cli::runtime
