// Go's text/template over JSON values, as podman's --format speaks it. Source: Go package text/template.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cli/template/ast.h"
#include "cli/template/value.h"

namespace ctr::cli {

class Template {
 public:
  // Errors: invalid, in Go's words: "template: ps:1: unclosed action".
  static Result<Template> parse(std::string_view name, std::string_view source);

  // Errors: invalid, in Go's words: `template: ps:1:13: executing "ps" at <.X>: can't evaluate field X in type …`.
  // What was printed before the error is in `out`.
  Result<void> execute(const Json& data, const TemplateTypes& types, std::string& out) const;

 private:
  explicit Template(TemplateTree tree) : tree_(std::move(tree)) {}
  TemplateTree tree_;
};

}  // namespace ctr::cli
