#include "cli/report.h"

#include <algorithm>

#include "base/text.h"
#include "cli/table.h"
#include "cli/template/template.h"

namespace ctr::cli {
namespace {

constexpr std::string_view k_table = "table ";

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// In a table format blanks between the actions separate columns too.
std::string blanks_to_tabs(std::string_view text) {
  std::string out;
  bool in_action = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "{{") in_action = true;
    if (text.substr(i, 2) == "}}") in_action = false;
    out += text[i] == ' ' && !in_action ? '\t' : text[i];
  }
  return out;
}

// Shells pass "\t" and "\n" as two characters: they mean the one.
std::string unescaped(std::string_view format) {
  std::string text(format);
  replace_all(text, "\\t", "\t");
  replace_all(text, "\\n", "\n");
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

// Whether the text loops over all rows by itself: "{{ range . }}".
bool loops_over_rows(std::string_view text) {
  const auto skip_blanks = [&] { text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size())); };
  const auto skip_word = [&](std::string_view word) {
    skip_blanks();
    const bool found = text.starts_with(word);
    if (found) text.remove_prefix(word.size());
    return found;
  };
  for (size_t open; (open = text.find("{{")) != std::string_view::npos;) {
    text.remove_prefix(open + 2);
    if (skip_word("range") && skip_word(".") && skip_word("}}")) return true;
  }
  return false;
}

std::string ranged(const std::string& row) { return loops_over_rows(row) ? row : "{{range .}}" + row + "{{end -}}"; }

std::string heading_for(const Listing& listing, const std::string& field) {
  const auto own = listing.headings.find(field);
  return own == listing.headings.end() ? heading_of(field) : own->second;
}

// One row whose fields hold their own headings: the template prints it like any other.
Json heading_row(const Listing& listing, const Json& rows) {
  Json row = Json::object();
  if (!rows.as_array().empty()) {
    for (const auto& [field, value] : rows.as_array().front().as_object()) row.set(field, heading_for(listing, field));
  }
  for (const auto& [field, heading] : listing.headings) row.set(field, heading);
  for (const auto& field : listing.columns) row.set(field, heading_for(listing, field));
  for (const auto& [method, map] : listing.types.methods) row.set(method, heading_for(listing, method));
  Json result = Json::array();
  result.push(std::move(row));
  return result;
}

TemplateTypes heading_types(const Listing& listing) {
  TemplateTypes types = listing.types;
  types.root = "map[string]string";
  return types;
}

}  // namespace

bool is_json_format(std::string_view format) {
  return format == "json" || trim(format) == "{{json .}}" || trim(format) == "{{ json . }}" ||
         trim(format) == "{{json . }}";
}

std::string heading_of(std::string_view field) {
  std::string out;
  for (size_t i = 0; i < field.size(); ++i) {
    const bool after_small = i > 0 && !is_upper(field[i - 1]);
    const bool before_small = i > 0 && i + 1 < field.size() && !is_upper(field[i + 1]);
    if (i > 0 && is_upper(field[i]) && (after_small || before_small)) out += ' ';
    out += field[i];
  }
  return to_upper(out);
}

ListingTable::ListingTable(const Listing& listing, Heading heading) : heading_(heading) {
  if (heading == Heading::yes) {
    for (const auto& field : listing.columns) table_.add_cell(heading_for(listing, field));
    table_.end_row();
  }
  for (const auto& field : listing.columns) are_maps_.push_back(listing.types.maps.contains(field));
}

void ListingTable::add_cell(const Json& value, size_t column) {
  table_.add_cell(printable(print_value(value, are_maps_[column])));
}

std::string ListingTable::text(std::vector<size_t> order) const {
  if (heading_ == Heading::yes) {
    for (auto& number : order) ++number;
    order.insert(order.begin(), 0);
  }
  return table_.text(order);
}

std::string print_table(const Listing& listing, const Json& rows, Heading heading) {
  ListingTable table(listing, heading);
  for (const auto& row : rows.as_array()) {
    table.add_row([&](size_t column) {
      const Json* found = row.find(listing.columns[column]);
      return found == nullptr ? Json("") : *found;
    });
  }
  return table.text();
}

Result<std::string> print_format(const Listing& listing, std::string_view format, const Json& rows, Heading heading) {
  const bool table = format.starts_with(k_table);
  const std::string row = unescaped(table ? blanks_to_tabs(format.substr(k_table.size())) : std::string(format));
  // As podman: what a shell passes as "\n" is a newline; where that breaks the template (inside a quoted string), the
  // text is taken as it was written.
  auto parsed = Template::parse(listing.name, ranged(row));
  if (!parsed) {
    const std::string_view plain = table ? format.substr(k_table.size()) : format;
    auto again = Template::parse(listing.name, ranged(std::string(plain)));
    if (!again) return parsed.error();
    parsed = std::move(again);
  }
  std::string out;
  if (table && heading == Heading::yes) TRY(parsed->execute(heading_row(listing, rows), heading_types(listing), out));
  TRY(parsed->execute(rows, listing.types, out));
  return table ? align_tabs(out) : out;
}

Result<std::string> print_listing(const Listing& listing, std::string_view format, const Json& rows, Heading heading) {
  if (format.empty()) return print_table(listing, rows, heading);
  return print_format(listing, format, rows, heading);
}

}  // namespace ctr::cli
