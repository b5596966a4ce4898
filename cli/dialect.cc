#include "cli/dialect.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/nearest.h"
#include "cli/refused.h"

namespace ctr::cli {
namespace {

using Kind = OptionSpec::Kind;

class Reader {
 public:
  Reader(const Command& command, const std::vector<std::string>& words) : command_(command), words_(words) {}

  Result<PlainWords> run() {
    for (at_ = 0; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--") {
        plain_.positionals.insert(plain_.positionals.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                                  words_.end());
        break;
      }
      if (word.size() < 2 || word[0] != '-') {
        if (command_.positionals == Positionals::end_options) {
          plain_.positionals.insert(plain_.positionals.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_),
                                    words_.end());
          break;
        }
        plain_.positionals.push_back(word);
        continue;
      }
      if (word[1] == '-') {
        TRY(long_option(std::string_view(word).substr(2)));
      } else {
        TRY(letters(std::string_view(word).substr(1)));
      }
    }
    return std::move(plain_);
  }

 private:
  Result<void> long_option(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (name.empty() || name[0] == '-') return Error(Errc::invalid, fmt::format("bad flag syntax: --{}", text));
    const OptionSpec* option = find_option(command_, name);
    if (option == nullptr) return unknown(name, fmt::format("unknown flag: --{}", printable(name)));
    const std::string shown = fmt::format("--{}", name);
    if (option->kind == Kind::flag) {
      return put_flag(*option, shown, equals == std::string_view::npos ? "true" : text.substr(equals + 1));
    }
    if (equals != std::string_view::npos) return put(*option, text.substr(equals + 1));
    if (at_ + 1 >= words_.size()) return Error(Errc::invalid, fmt::format("flag needs an argument: {}", shown));
    return put(*option, words_[++at_]);
  }

  // "it", "eKEY", "e=KEY", "t=false".
  Result<void> letters(std::string_view text) {
    const std::string whole(text);
    while (!text.empty()) {
      const char letter = text[0];
      const OptionSpec* option = find_option(command_, letter);
      if (option == nullptr) {
        return unknown(std::string_view(&letter, 1), fmt::format("unknown shorthand flag: '{}' in -{}",
                                                                 printable(text.substr(0, 1)), printable(whole)));
      }
      text.remove_prefix(1);
      if (option->kind == Kind::flag) {
        if (!text.starts_with('=')) {
          TRY(put_flag(*option, "", "true"));
          continue;
        }
        return put_flag(*option, fmt::format("-{}", letter), text.substr(1));
      }
      if (text.starts_with('=')) return put(*option, text.substr(1));
      if (!text.empty()) return put(*option, text);
      if (at_ + 1 >= words_.size()) {
        return Error(Errc::invalid, fmt::format("flag needs an argument: '{}' in -{}", letter, whole));
      }
      return put(*option, words_[++at_]);
    }
    return ok();
  }

  Error unknown(std::string_view name, std::string otherwise) const {
    if (const auto reason = why_refused(command_, name)) return Error(Errc::unsupported, *reason);
    const std::string_view meant = name.size() > 1 ? nearest_option(name) : "";
    Error error(Errc::invalid, std::move(otherwise));
    return meant.empty() ? error : std::move(error).with_hint(fmt::format("Did you mean '--{}'?", meant));
  }

  std::string_view nearest_option(std::string_view name) const {
    std::vector<std::string_view> known;
    for (const auto* command : {&command_, &global_command()}) {
      for (const auto group : command->options) {
        if (group == nullptr) continue;
        for (const auto& option : group()) known.push_back(option.name);
      }
    }
    return nearest_word(name, known);
  }

  Result<void> put_flag(const OptionSpec& option, std::string_view shown, std::string_view value) {
    static constexpr std::string_view k_true[] = {"true", "1", "t", "T", "TRUE", "True"};
    static constexpr std::string_view k_false[] = {"false", "0", "f", "F", "FALSE", "False"};
    const bool yes = std::find(std::begin(k_true), std::end(k_true), value) != std::end(k_true);
    if (!yes && std::find(std::begin(k_false), std::end(k_false), value) == std::end(k_false)) {
      return Error(
          Errc::invalid,
          fmt::format("invalid argument \"{}\" for \"{}\" flag: strconv.ParseBool: parsing \"{}\": invalid syntax",
                      printable(value), shown, printable(value)));
    }
    use(option);
    plain_.options.push_back(fmt::format("--{}={}", option.name, yes ? "true" : "false"));
    return ok();
  }

  Result<void> put(const OptionSpec& option, std::string_view value) {
    use(option);
    plain_.options.push_back(fmt::format("--{}", option.name));
    plain_.options.emplace_back(value);
    return ok();
  }

  void use(const OptionSpec& option) {
    if (std::find(plain_.used.begin(), plain_.used.end(), &option) == plain_.used.end()) plain_.used.push_back(&option);
  }

  const Command& command_;
  const std::vector<std::string>& words_;
  size_t at_ = 0;
  PlainWords plain_;
};

}  // namespace

Result<PlainWords> plain_words(const Command& command, const std::vector<std::string>& words) {
  return Reader(command, words).run();
}

}  // namespace ctr::cli
