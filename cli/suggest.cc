#include "cli/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace ctr::cli {
namespace {

// What stands in front of the word that is being typed.
struct Typed {
  const Command* command = nullptr;    // nullptr: still to come
  std::string group;                   // the first word of a command of two
  const OptionSpec* option = nullptr;  // the word is its value
  bool only_words = false;             // behind "--", or behind the image of run
  std::vector<std::string> words;      // positional
};

// An option by the word it is written as: "--name", "-n", or the last letter of "-itv".
const OptionSpec* option_of(const Command& command, std::string_view word) {
  if (word.starts_with("--")) return find_option(command, word.substr(2));
  const OptionSpec* option = nullptr;
  for (const char letter : word.substr(1)) {
    option = find_option(command, letter);
    // What follows is its value.
    if (option == nullptr || option->kind != OptionSpec::Kind::flag) return word.back() == letter ? option : nullptr;
  }
  return option;
}

// A word that is none of an option: a part of the command's name, or one for it.
void take_word(Typed& typed, const std::string& word) {
  if (typed.command != nullptr) {
    // `port` is a command, and the first word of others.
    const std::vector<std::string> both = {std::string(typed.command->name), word};
    const auto longer = find_command(both);
    if (typed.words.empty() && longer.words == 2) {
      typed.command = longer.command;
      return;
    }
    typed.words.push_back(word);
    typed.only_words = typed.only_words || typed.command->positionals == Positionals::end_options;
    return;
  }
  if (typed.group.empty() && word == "help") return;
  const std::vector<std::string> name =
      typed.group.empty() ? std::vector{word} : std::vector{std::exchange(typed.group, ""), word};
  const auto found = find_command(name);
  if (found.words == name.size()) {
    typed.command = found.command;
  } else {
    typed.group = word;
  }
}

Typed read_words(std::span<const std::string> words) {
  Typed typed;
  for (const auto& word : words) {
    if (typed.option != nullptr) {
      typed.option = nullptr;
    } else if (typed.only_words || word.size() < 2 || word[0] != '-') {
      take_word(typed, word);
    } else if (word == "--") {
      typed.only_words = true;
    } else if (word.find('=') == std::string::npos) {
      typed.option = option_of(typed.command == nullptr ? global_command() : *typed.command, word);
      if (typed.option != nullptr && typed.option->kind == OptionSpec::Kind::flag) typed.option = nullptr;
    }
  }
  return typed;
}

std::vector<Suggestion> options_of(const Command& command, std::string_view typed) {
  std::vector<Suggestion> all;
  for (const auto* some : {&command, &global_command()}) {
    for (const auto group : some->options) {
      if (group == nullptr) continue;
      for (const auto& option : group()) {
        if (some != &command && option.name == "version") continue;
        all.push_back({fmt::format("--{}", option.name), std::string(option.help)});
        if (option.letter != 0) all.push_back({fmt::format("-{}", option.letter), std::string(option.help)});
      }
    }
  }
  return beginning_with(typed, std::move(all));
}

std::vector<Suggestion> commands_of(const std::string& group, std::string_view typed) {
  std::vector<Suggestion> all;
  const auto add = [&](std::string_view name, const Command& command) {
    const size_t blank = name.find(' ');
    if (!group.empty()) {
      if (blank != std::string_view::npos && name.substr(0, blank) == group) {
        all.push_back({std::string(name.substr(blank + 1)), std::string(command.summary)});
      }
    } else if (blank == std::string_view::npos) {
      all.push_back({std::string(name), std::string(command.summary)});
    } else if (is_command_group(name.substr(0, blank))) {
      all.push_back({std::string(name.substr(0, blank)), "Commands on one kind of object"});
    }
  };
  for (const auto* command : all_commands()) {
    if (command->hidden) continue;
    add(command->name, *command);
    for (const auto alias : command->aliases) add(alias, *command);
  }
  return beginning_with(typed, std::move(all));
}

// What stands behind the first word of some commands, where it is not the same again.
Complete complete_at(const Command& command, size_t index) {
  struct Later {
    std::string_view command;
    std::array<Complete, 3> kinds;  // of the first three words; the last one for all that follow
  };
  using enum Complete;
  static constexpr Later k_later[] = {
      {"run", {images, files, files}},
      {"create", {images, files, files}},
      {"exec", {running, files, files}},
      {"unshare", {files, files, files}},
      {"top", {running, nothing, nothing}},
      {"pod top", {pods, nothing, nothing}},
      {"pod clone", {pods, nothing, nothing}},
      {"tag", {images, images, images}},
      {"commit", {containers, images, nothing}},
      {"rename", {containers, nothing, nothing}},
      {"container clone", {containers, nothing, images}},
      {"secret create", {nothing, files, nothing}},
      {"push", {images, nothing, nothing}},
      {"manifest push", {images, nothing, nothing}},
      {"import", {files, nothing, nothing}},
  };
  if (index >= command.most_words) return nothing;
  for (const auto& later : k_later) {
    if (later.command == command.name) return later.kinds[std::min<size_t>(index, 2)];
  }
  return command.complete;
}

// What a shell takes for one word as it stands: stores of others may name images as they like.
bool is_plain(std::string_view word) {
  constexpr std::string_view k_plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/:@+";
  return !word.empty() && word.front() != '-' && word.find_first_not_of(k_plain) == std::string_view::npos;
}

Suggestions suggest_words(const Typed& typed, std::string_view current, const FindNames& find_names) {
  Suggestions out;
  const Complete kind = complete_at(*typed.command, typed.words.size());
  if (kind == Complete::files || kind == Complete::directories) {
    out.files = kind == Complete::files ? Suggestions::Files::any : Suggestions::Files::directories;
  }
  if (typed.command->name == "cp") {
    for (auto& name : suggest_names(Complete::containers, current, find_names)) {
      out.words.push_back({name.word + ":", name.help});
    }
    out.open = !out.words.empty();
    return out;
  }
  out.words = suggest_names(kind, current, find_names);
  // Who has named one does not mean it again.
  std::erase_if(out.words, [&](const auto& suggestion) {
    return std::find(typed.words.begin(), typed.words.end(), suggestion.word) != typed.words.end();
  });
  return out;
}

}  // namespace

std::vector<Suggestion> beginning_with(std::string_view typed, std::vector<Suggestion> all) {
  std::erase_if(all, [&](const auto& suggestion) { return !suggestion.word.starts_with(typed); });
  const auto before = [](const auto& a, const auto& b) { return a.word < b.word; };
  const auto same = [](const auto& a, const auto& b) { return a.word == b.word; };
  std::stable_sort(all.begin(), all.end(), before);
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  return all;
}

std::vector<Suggestion> suggest_names(Complete kind, std::string_view typed, const FindNames& find_names) {
  if (kind == Complete::shells) return beginning_with(typed, {{"bash", ""}, {"fish", ""}, {"zsh", ""}});
  if (kind == Complete::nothing || kind == Complete::files || kind == Complete::directories) return {};
  if (kind == Complete::objects) {
    auto all = suggest_names(Complete::containers, typed, find_names);
    for (const auto other : {Complete::images, Complete::volumes}) {
      for (auto& suggestion : suggest_names(other, typed, find_names)) all.push_back(std::move(suggestion));
    }
    return beginning_with(typed, std::move(all));
  }
  auto all = find_names(kind);
  std::erase_if(all, [](const auto& name) { return !is_plain(name.word); });
  if (kind != Complete::images || typed.empty()) return beginning_with(typed, std::move(all));
  for (auto& image : all) {
    const std::string last = image.word.substr(image.word.rfind('/') + 1);
    if (!image.word.starts_with(typed) && last.starts_with(typed)) image.word = last;
  }
  return beginning_with(typed, std::move(all));
}

Suggestions suggest(std::span<const std::string> words, const FindNames& find_names) {
  if (words.empty()) return {};
  const std::string& current = words.back();
  const Typed typed = read_words(words.first(words.size() - 1));
  const Command& command = typed.command == nullptr ? global_command() : *typed.command;
  if (typed.option != nullptr) return suggest_values(command, *typed.option, current, find_names);
  Suggestions out;
  if (current.starts_with('-') && !typed.only_words) {
    const size_t equals = current.find('=');
    if (equals == std::string::npos) {
      out.words = options_of(command, current);
      return out;
    }
    const auto* option = option_of(command, std::string_view(current).substr(0, equals));
    if (option == nullptr) return out;
    return suggest_values(command, *option, std::string_view(current).substr(equals + 1), find_names);
  }
  if (typed.command == nullptr) {
    out.words = commands_of(typed.group, current);
    return out;
  }
  out = suggest_words(typed, current, find_names);
  if (typed.words.empty() && !typed.only_words) {
    for (auto& more : commands_of(std::string(typed.command->name), current)) out.words.push_back(std::move(more));
  }
  return out;
}

std::string suggestion_lines(const Suggestions& suggestions, Descriptions descriptions) {
  std::string out;
  for (const auto& suggestion : suggestions.words) {
    out += printable(suggestion.word);
    if (descriptions == Descriptions::yes && !suggestion.help.empty()) out += "\t" + printable(suggestion.help);
    out += '\n';
  }
  int directive = suggestions.open ? 2 : 0;
  if (suggestions.files == Suggestions::Files::no) directive += 4;
  if (suggestions.files == Suggestions::Files::directories) directive += 16;
  return out + fmt::format(":{}\n", directive);
}

}  // namespace ctr::cli
