#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/command.h"

namespace ctr::cli {
namespace {

// Every visible command under every name, sorted.
struct Named {
  std::string name;
  const Command* command;
};
std::vector<Named> named_commands() {
  std::vector<Named> out;
  for (const auto* command : all_commands()) {
    if (command->hidden) continue;
    out.push_back({std::string(command->name), command});
    for (const auto alias : command->aliases) out.push_back({std::string(alias), command});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

std::vector<const OptionSpec*> options_of(const Command& command) {
  std::vector<const OptionSpec*> out;
  for (const auto group : command.options) {
    if (group == nullptr) continue;
    for (const auto& option : group()) out.push_back(&option);
  }
  return out;
}

// How a shell asks ctr itself for names.
std::string_view source_command(Complete complete) {
  switch (complete) {
    case Complete::containers:
      return "ps --all --format '{{.Names}}'";
    case Complete::running:
      return "ps --format '{{.Names}}'";
    case Complete::images:
      return "images --format '{{.Repository}}:{{.Tag}}'";
    case Complete::volumes:
      return "volume ls --quiet";
    case Complete::secrets:
      return "secret ls --format '{{.Name}}'";
    default:
      return "";
  }
}

std::string_view word_of(Complete complete) {
  switch (complete) {
    case Complete::files:
      return "files";
    case Complete::directories:
      return "directories";
    case Complete::containers:
      return "containers";
    case Complete::running:
      return "running";
    case Complete::images:
      return "images";
    case Complete::objects:
      return "objects";
    case Complete::volumes:
      return "volumes";
    case Complete::secrets:
      return "secrets";
    case Complete::shells:
      return "shells";
    case Complete::commands:
      return "commands";
    case Complete::nothing:
      break;
  }
  return "nothing";
}

// First words, each once: "ps", "container", …
std::vector<std::string> first_words() {
  std::vector<std::string> words;
  for (const auto& named : named_commands()) words.push_back(split(named.name, ' ').front());
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

std::vector<std::string> second_words(std::string_view group) {
  std::vector<std::string> words;
  for (const auto& named : named_commands()) {
    const auto parts = split(named.name, ' ');
    if (parts.size() == 2 && parts[0] == group) words.push_back(parts[1]);
  }
  return words;
}

std::string_view first_word_help(const std::string& word) {
  const auto found = find_command(std::span(&word, 1));
  return found.command == nullptr ? "Commands on one kind of object" : found.command->summary;
}

std::string joined_options(const Command& command) {
  std::vector<std::string> words;
  for (const auto* option : options_of(command)) {
    words.push_back(fmt::format("--{}", option->name));
    if (option->letter != 0) words.push_back(fmt::format("-{}", option->letter));
  }
  words.emplace_back("--help");
  return join(words, " ");
}

// Options with a value, each with what completes it: "--env:nothing -e:nothing --cidfile:files".
std::string valued_options(const Command& command) {
  std::vector<std::string> words;
  for (const auto* option : options_of(command)) {
    if (option->kind == OptionSpec::Kind::flag) continue;
    words.push_back(fmt::format("--{}:{}", option->name, word_of(option->complete)));
    if (option->letter != 0) words.push_back(fmt::format("-{}:{}", option->letter, word_of(option->complete)));
  }
  return join(words, " ");
}

std::string bash_tables() {
  std::string out = fmt::format("_ctr_words['top']='{}'\n", join(first_words(), " "));
  for (const auto& word : first_words()) {
    const auto seconds = second_words(word);
    if (!seconds.empty()) out += fmt::format("_ctr_words['{}']='{}'\n", word, join(seconds, " "));
  }
  for (const auto& named : named_commands()) {
    out += fmt::format("_ctr_options['{}']='{}'\n", named.name, joined_options(*named.command));
    const std::string valued = valued_options(*named.command);
    if (!valued.empty()) out += fmt::format("_ctr_valued['{}']='{}'\n", named.name, valued);
    out += fmt::format("_ctr_subject['{}']='{}'\n", named.name, word_of(named.command->complete));
  }
  return out;
}

constexpr std::string_view k_bash_function = R"BASH(
_ctr_names() { "$ctr" ps "$@" --format '{{.Names}}' 2>/dev/null; }
_ctr_images() { "$ctr" images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null; }

_ctr_offer() {
  local words=''
  case $1 in
    containers) words=$(_ctr_names --all) ;;
    running) words=$(_ctr_names) ;;
    images) words=$(_ctr_images) ;;
    objects) words=$(_ctr_names --all; _ctr_images) ;;
    volumes) words=$("$ctr" volume ls --quiet 2>/dev/null) ;;
    secrets) words=$("$ctr" secret ls --format '{{.Name}}' 2>/dev/null) ;;
    shells) words='bash fish zsh' ;;
    files)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    directories)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    *) return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}

_ctr() {
  # Readline breaks words at colons, which names of images have: the line is split at blanks instead.
  local ctr=$1 line=${COMP_LINE:0:COMP_POINT} current='' name='' word pair i
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] || current=${words[-1]} words=("${words[@]:0:${#words[@]}-1}")
  for ((i = 1; i < ${#words[@]}; i++)); do
    word=${words[i]}
    [[ $word == -* ]] && continue
    if [[ -n ${_ctr_options["$name $word"]+set} ]]; then
      name="$name $word"
      break
    elif [[ -z $name && -n ${_ctr_options[$word]+set}${_ctr_words[$word]+set} ]]; then
      name=$word
      [[ -n ${_ctr_words[$word]+set} ]] || break
    else
      break
    fi
  done
  COMPREPLY=()
  for pair in ${_ctr_valued[${name:-none}]-}; do
    [[ ${pair%%:*} == "${words[-1]}" ]] || continue
    _ctr_offer "${pair#*:}"
    _ctr_trim
    return
  done
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "${_ctr_options[${name:-none}]-}" -- "$current"))
  elif [[ -n ${_ctr_words[${name:-top}]+set} ]]; then
    COMPREPLY=($(compgen -W "${_ctr_words[${name:-top}]}" -- "$current"))
  else
    _ctr_offer "${_ctr_subject[${name:-none}]-nothing}"
  fi
  _ctr_trim
}

# What stands in front of the last colon is there already.
_ctr_trim() {
  [[ $current == *:* && $COMP_WORDBREAKS == *:* ]] || return 0
  local i front=${current%"${current##*:}"}
  for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$front"}; done
}
complete -F _ctr ctr
)BASH";

std::string bash_script() {
  return "# bash completion for ctr; made by `ctr completion bash`.\n"
         "declare -gA _ctr_words _ctr_options _ctr_valued _ctr_subject\n" +
         bash_tables() + std::string(k_bash_function);
}

// Single quotes around, quotes inside escaped, and what _arguments would interpret.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string_view zsh_action(Complete complete) {
  switch (complete) {
    case Complete::files:
      return "_files";
    case Complete::directories:
      return "_files -/";
    case Complete::containers:
      return "_ctr_names ps --all";
    case Complete::objects:
      return "_ctr_objects";
    case Complete::running:
      return "_ctr_names ps";
    case Complete::images:
      return "_ctr_images";
    case Complete::volumes:
      return "_ctr_lines volume ls --quiet";
    case Complete::secrets:
      return "_ctr_lines secret ls --format '{{.Name}}'";
    case Complete::shells:
      return "(bash fish zsh)";
    default:
      return "";
  }
}

std::string zsh_option(const OptionSpec& option, Descriptions descriptions) {
  const std::string repeat = option.kind == OptionSpec::Kind::list ? "*" : "";
  const std::string tail =
      option.kind == OptionSpec::Kind::flag
          ? ""
          : fmt::format(":{}:{}", zsh_text(to_lower(option.value_name)), zsh_action(option.complete));
  const std::string help =
      descriptions == Descriptions::yes ? fmt::format("[{}]{}", zsh_text(option.help), tail) : tail;
  const std::string equals = option.kind == OptionSpec::Kind::flag ? "" : "=";
  std::string out = fmt::format(" '{}--{}{}{}'", repeat, option.name, equals, help);
  if (option.letter != 0) out += fmt::format(" '{}-{}{}'", repeat, option.letter, help);
  return out;
}

// "NAME:what it is for", or the name alone.
std::string zsh_command(const std::string& word, Descriptions descriptions) {
  if (descriptions == Descriptions::no) return fmt::format("      '{}'\n", word);
  return fmt::format("      '{}:{}'\n", word, zsh_text(first_word_help(word)));
}

std::string zsh_script(Descriptions descriptions) {
  std::string out =
      "#compdef ctr\n# zsh completion for ctr; made by `ctr completion zsh`.\n\n"
      "_ctr_names() { local -a names=(${(f)\"$(ctr \"$@\" --format '{{.Names}}' 2>/dev/null)\"}); compadd -a names }\n"
      "_ctr_lines() { local -a names=(${(f)\"$(ctr \"$@\" 2>/dev/null)\"}); compadd -a names }\n"
      "_ctr_images() { local -a names=(${(f)\"$(ctr images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null)\"}); "
      "compadd -a "
      "names }\n_ctr_objects() { _ctr_names ps --all; _ctr_images }\n\n_ctr() {\n  local name=$words[2]\n  if (( "
      "CURRENT == 2 )); then\n    local -a commands=(\n";
  for (const auto& word : first_words()) out += zsh_command(word, descriptions);
  out += "    )\n    _describe command commands\n    return\n  fi\n  case $name in\n";
  for (const auto& word : first_words()) {
    const auto seconds = second_words(word);
    if (seconds.empty()) continue;
    out += fmt::format(
        "    {})\n      if (( CURRENT == 3 )); then compadd {}; return; fi\n      name=\"$name $words[3]\"\n", word,
        join(seconds, " "));
    out += "      shift 2 words; (( CURRENT -= 2 )) ;;\n";
  }
  out += "    *) shift words; (( CURRENT -= 1 )) ;;\n  esac\n  case $name in\n";
  for (const auto& named : named_commands()) {
    out += fmt::format("    '{}') _arguments -s", named.name);
    for (const auto* option : options_of(*named.command)) out += zsh_option(*option, descriptions);
    out += fmt::format(" '*::word:{}' ;;\n", zsh_action(named.command->complete));
  }
  return out + "  esac\n}\n\n_ctr \"$@\"\n";
}

std::string fish_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string fish_argument(Complete complete) {
  if (complete == Complete::objects) return fish_argument(Complete::containers) + fish_argument(Complete::images);
  const std::string_view source = source_command(complete);
  if (!source.empty()) return fmt::format(" -a '(ctr {} 2>/dev/null)'", fish_text(source));
  if (complete == Complete::shells) return " -a 'bash fish zsh'";
  return complete == Complete::files || complete == Complete::directories ? " -F" : "";
}

std::string fish_help(std::string_view text, Descriptions descriptions) {
  return descriptions == Descriptions::yes ? fmt::format(" -d '{}'", fish_text(text)) : "";
}

std::string fish_script(Descriptions descriptions) {
  std::string out =
      "# fish completion for ctr; made by `ctr completion fish`.\n"
      "function __ctr_is\n    set -l words (commandline -opc | string match -v -- '-*')[2..]\n"
      "    test \"$words[1..\"(count $argv)\"]\" = \"$argv\"\nend\n"
      "function __ctr_at\n    set -l words (commandline -opc | string match -v -- '-*')[2..]\n"
      "    test \"$words\" = \"$argv\"\nend\ncomplete -c ctr -f\n";
  for (const auto& word : first_words()) {
    out += fmt::format("complete -c ctr -n '__ctr_at' -a {}{}\n", word, fish_help(first_word_help(word), descriptions));
  }
  for (const auto& named : named_commands()) {
    const auto parts = split(named.name, ' ');
    if (parts.size() == 2) {
      out += fmt::format("complete -c ctr -n '__ctr_at {}' -a {}{}\n", parts[0], parts[1],
                         fish_help(named.command->summary, descriptions));
    }
    for (const auto* option : options_of(*named.command)) {
      out += fmt::format("complete -c ctr -n '__ctr_is {}' -l {}", named.name, option->name);
      if (option->letter != 0) out += fmt::format(" -s {}", option->letter);
      if (option->kind != OptionSpec::Kind::flag) out += " -r" + fish_argument(option->complete);
      out += fish_help(option->help, descriptions) + "\n";
    }
    const std::string argument = fish_argument(named.command->complete);
    if (!argument.empty()) out += fmt::format("complete -c ctr -n '__ctr_is {}'{}\n", named.name, argument);
  }
  return out;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell, Descriptions descriptions) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script(descriptions);
  if (shell == "fish") return fish_script(descriptions);
  return Error(Errc::invalid, fmt::format("no completion for '{}': choose from bash, fish, zsh", printable(shell)));
}

}  // namespace ctr::cli
