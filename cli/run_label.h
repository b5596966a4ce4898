// The commands that labels of images hold for `container runlabel`: words, and what takes their place. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ctr::cli {

// Words as a shell splits them: quotes, backslashes, comments; nothing is expanded. Errors: invalid for a quote that is
// not closed.
Result<std::vector<std::string>> shell_words(std::string_view text);

struct RunLabel {
  std::string text;                    // the value of the label
  std::vector<std::string> arguments;  // of the user's, behind it
  std::string image;                   // what IMAGE stands for
  std::string name;                    // what NAME stands for
};
// The words behind the name of the program, which must be ours or one that ctr stands in for: an image does not say
// which programs of the host are run. `variable` gives what $OPT1, $PWD and their like stand for; others are empty.
// Source: podman, domain/infra/abi/containers_runlabel.go.
// Errors: invalid for another program, and as shell_words().
Result<std::vector<std::string>> label_command(const RunLabel& label,
                                               const std::function<std::string(std::string_view)>& variable);

// The name of a container that is made from an image: the last part of its name, without tag and digest.
std::string name_from_image(std::string_view image);

}  // namespace ctr::cli
