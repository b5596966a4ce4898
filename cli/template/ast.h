// The tree of a parsed template.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace ctr::cli {

struct TemplateNode;
using TemplateNodes = std::vector<TemplateNode>;

// One word of an action: what can stand as a command or as its argument.
struct TemplateOperand {
  enum class Kind { dot, nil, literal, field, variable, function, pipe, chain };
  Kind kind = Kind::dot;
  size_t position = 0;                              // where messages point at
  std::string text;                                 // as written, for messages
  Json literal;                                     // literal
  std::string name;                                 // variable (with its '$') or function
  std::vector<std::string> fields;                  // field, variable and chain: names behind
  std::shared_ptr<const struct TemplatePipe> pipe;  // pipe, and what a chain starts at
};

struct TemplateCommand {
  size_t position = 0;
  std::string text;
  std::vector<TemplateOperand> operands;  // never empty
};

struct TemplatePipe {
  size_t position = 0;
  std::string text;
  std::vector<std::string> variables;  // declared or assigned, with their '$'
  bool assigns = false;                // '=' rather than ':='
  std::vector<TemplateCommand> commands;
};

struct TemplateNode {
  enum class Kind { text, action, if_, range, with, template_, break_, continue_ };
  Kind kind = Kind::text;
  size_t position = 0;
  std::string text;    // text: what is printed; template_: its name
  TemplatePipe pipe;   // template_: empty commands mean "no argument"
  TemplateNodes body;  // if_, range, with
  TemplateNodes otherwise;
};

// Everything one text defines: its own body under its own name, and the named templates.
struct TemplateTree {
  std::string name;
  std::string source;
  std::map<std::string, TemplateNodes> templates;
};

}  // namespace ctr::cli
