// Listings: rows of fields, printed as a table, as JSON or through the user's template.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/table.h"
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
// That table for rows that come one after the other, so that nobody need hold them.
class ListingTable {
 public:
  // `listing` is used as long as this object.
  ListingTable(const Listing& listing, Heading heading);
  // `value` gives that of each column.
  template <typename Value>
  void add_row(const Value& value) {
    for (size_t column = 0; column < are_maps_.size(); ++column) add_cell(value(column), column);
    table_.end_row();
  }
  // Rows as they came.
  std::string text() const { return table_.text(); }
  // The rows with these numbers, counted from 0 as they came; the heading stays above them.
  std::string text(std::vector<size_t> order) const;

 private:
  void add_cell(const Json& value, size_t column);
  Table table_;
  std::vector<bool> are_maps_;
  Heading heading_;
};

// --format TEMPLATE: with "table " in front a table with headings, else one line a row.
// Errors: invalid, in Go's words.
Result<std::string> print_format(const Listing& listing, std::string_view format, const Json& rows, Heading heading);

// The table, or what a format that is not empty makes of it. Errors: the same.
Result<std::string> print_listing(const Listing& listing, std::string_view format, const Json& rows, Heading heading);

// "json" in podman's spellings.
bool is_json_format(std::string_view format);
// "CreatedBy" → "CREATED BY".
std::string heading_of(std::string_view field);

}  // namespace ctr::cli
