#include "cli/completion.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ctr::cli {
namespace {

// In all three, PROGRAM and QUESTION are put in: the name that is completed and the command that answers.
constexpr std::string_view k_bash = R"SHELL(# bash completion for PROGRAM; made by `PROGRAM completion bash`.
_ctr_complete() {
  # Readline breaks words at colons and equals signs, which names of images and values have: the line is split at blanks.
  local line=${COMP_LINE:0:COMP_POINT} front='' current mark reply
  local -a words replies
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=${words[-1]}
  mapfile -t replies < <("${words[0]}" QUESTION "${words[@]:1}" 2>/dev/null)
  COMPREPLY=()
  ((${#replies[@]})) || return 0
  local directive=${replies[-1]#:}
  unset 'replies[-1]'
  [[ $current == -*=* ]] && front=${current%%=*}= current=${current#*=}
  for reply in "${replies[@]}"; do COMPREPLY+=("$front${reply%%$'\t'*}"); done
  ((directive & 2)) && compopt -o nospace 2>/dev/null
  if ((directive & 16)); then
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current")
  elif ! ((directive & 4)); then
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
  fi
  # What stands in front of the last of these signs is there already.
  current=$front$current front=''
  for mark in : =; do
    [[ $current == *"$mark"* && $COMP_WORDBREAKS == *"$mark"* ]] || continue
    reply=${current%"${current##*"$mark"}"}
    ((${#reply} > ${#front})) && front=$reply
  done
  for mark in "${!COMPREPLY[@]}"; do COMPREPLY[mark]=${COMPREPLY[mark]#"$front"}; done
}
complete -F _ctr_complete PROGRAM
)SHELL";

constexpr std::string_view k_zsh = R"SHELL(#compdef PROGRAM
# zsh completion for PROGRAM; made by `PROGRAM completion zsh`.
_ctr_complete() {
  local -a replies described space
  local reply word
  replies=("${(@f)$("${words[1]}" QUESTION "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  local directive=${replies[-1]#:}
  replies[-1]=()
  [[ $words[CURRENT] == -*=* ]] && compset -P '*='
  for reply in "${replies[@]}"; do
    word=${reply%%$'\t'*}
    word=${word//:/\\:}
    [[ $reply == *$'\t'* ]] && word+=":${reply#*$'\t'}"
    described+=("$word")
  done
  (( directive & 2 )) && space=(-S '')
  (( ${#described} )) && _describe word described $space
  if (( directive & 16 )); then
    _files -/
  elif (( ! (directive & 4) )); then
    _files
  fi
}
compdef _ctr_complete PROGRAM
if [ "$funcstack[1]" = _PROGRAM ]; then _ctr_complete "$@"; fi
)SHELL";

constexpr std::string_view k_fish = R"SHELL(# fish completion for PROGRAM; made by `PROGRAM completion fish`.
function __ctr_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l replies ($words[1] QUESTION $words[2..] "$current" 2>/dev/null)
    test (count $replies) -gt 0; or return
    set -l directive (string replace -- : '' $replies[-1])
    set -e replies[-1]
    set -l front (string match -r -- '^-[^=]*=' "$current")
    for reply in $replies
        echo -- "$front$reply"
    end
    set -l path (string replace -r -- '^-[^=]*=' '' "$current")
    if test (math "bitand($directive, 16)") -ne 0
        __fish_complete_directories "$path"
    else if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path "$path"
    end
end
complete -c PROGRAM -f -a '(__ctr_complete)'
)SHELL";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

Result<std::string> completion_script(std::string_view shell, std::string_view program, Descriptions descriptions) {
  std::string script(shell == "bash" ? k_bash : shell == "zsh" ? k_zsh : shell == "fish" ? k_fish : "");
  if (script.empty()) {
    return Error(Errc::invalid, fmt::format("no completion for '{}': choose from bash, fish, zsh", printable(shell)));
  }
  replace_all(script, "PROGRAM", program);
  replace_all(script, "QUESTION", descriptions == Descriptions::yes ? k_complete_word : k_complete_plain_word);
  return script;
}

}  // namespace ctr::cli
