// Words of a template. Source: Go text/template, "Actions", "Text and spaces".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::cli {

struct TemplateToken {
  enum class Kind {
    text,
    left,   // {{
    right,  // }}
    space,
    identifier,
    keyword,
    field,     // .Name
    variable,  // $ or $name
    dot,
    nil,
    literal,  // string, character, number, true, false
    pipe,
    declare,  // :=
    assign,   // =
    comma,
    left_paren,
    right_paren,
    character,  // any other printable one: never right, but the parser says where
    end,
  };
  Kind kind = Kind::end;
  size_t position = 0;
  std::string text;  // as written; `text` tokens: trimmed as their neighbours ask
  Json literal;
};

// "template: NAME:LINE: what". Lines count from 1.
Error template_parse_error(std::string_view name, std::string_view source, size_t position, std::string_view what);

// Splits a whole template; comments are gone. The last token is `end`.
// Errors: invalid, in Go's words.
Result<std::vector<TemplateToken>> lex_template(std::string_view name, std::string_view source);

}  // namespace ctr::cli
