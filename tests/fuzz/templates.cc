// --format: templates that people and scripts write, run over a document with every kind of value.
#include "cli/template/template.h"
#include "tests/fuzz/fuzz.h"

void fuzz(std::string_view text) {
  static const auto document = ctr::parse_json(
      R"({"Name":"web","Pid":7,"Part":1.5,"On":true,"None":null,"Labels":{"a":"1","b":"2"},"List":["x","y",{"Z":[1,2]}],
          "State":{"Status":"running","Deep":{"Er":"q"}}})",
      "document");
  CTR_ASSERT(document);
  ctr::cli::TemplateTypes types;
  types.root = "fuzz.Document";
  types.maps = {"Labels"};
  types.methods = {{"Label", "Labels"}};
  const auto parsed = ctr::cli::Template::parse("fuzz", text);
  if (!parsed) {
    CTR_ASSERT(parsed.error().message().starts_with("template: fuzz:"));
    return;
  }
  std::string first;
  std::string second;
  const auto done = parsed->execute(*document, types, first);
  const auto again = parsed->execute(*document, types, second);
  CTR_ASSERT(bool(done) == bool(again) && first == second);
}
