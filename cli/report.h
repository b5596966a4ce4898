// Listings: rows of fields, printed as a table, as JSON or through the user's template.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/template/value.h"

namespace ctr::cli {

struct Listing {
  std::string name;  // of the template, in messages: "ps"
  TemplateTypes types;
  std::vector<std::string> columns;             // fields of the table that is printed without --format
  std::map<std::string, std::string> headings;  // where they differ from the field's words: {"ID", "CONTAINER ID"}
};

enum class Heading { no, yes };

// The table without --format.
std::string print_table(const Listing& listing, const Json& rows, Heading heading);
// The same for `count` rows whose values are made one after the other: a long listing need not hold them all. `column`
// counts those of the listing.
std::string print_table(const Listing& listing, size_t count,
                        const std::function<Json(size_t row, size_t column)>& make_value, Heading heading);
// --format TEMPLATE: with "table " in front a table with headings, else one line a row.
// Errors: invalid, in Go's words.
Result<std::string> print_format(const Listing& listing, std::string_view format, const Json& rows, Heading heading);

// "json" in podman's spellings.
bool is_json_format(std::string_view format);
// "CreatedBy" → "CREATED BY".
std::string heading_of(std::string_view field);

}  // namespace ctr::cli
