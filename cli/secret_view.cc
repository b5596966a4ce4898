#include "cli/secret_view.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ctr::cli {
namespace {

Json spec_json(const engine::SecretInfo& secret) {
  return Json::object()
      .set("Name", secret.name)
      .set("Driver", Json::object().set("Name", secret.driver).set("Options", Json::string_map(secret.driver_options)))
      .set("Labels", Json::string_map(secret.labels));
}

std::string ago(TimePoint then, TimePoint at) { return human_duration(elapsed(then, at)) + " ago"; }

}  // namespace

Json secret_json(const engine::SecretInfo& secret, const std::optional<std::string>& data) {
  Json out = Json::object();
  out.set("ID", secret.id)
      .set("CreatedAt", format_rfc3339(secret.created))
      .set("UpdatedAt", format_rfc3339(secret.updated))
      .set("Spec", spec_json(secret));
  if (data) out.set("SecretData", *data);
  return out;
}

Json secret_inspect_row(const engine::SecretInfo& secret, const std::optional<std::string>& data) {
  return Json::object()
      .set("ID", secret.id)
      .set("CreatedAt", format_go_time(secret.created))
      .set("UpdatedAt", format_go_time(secret.updated))
      .set("Spec", spec_json(secret))
      .set("SecretData", data.value_or(""));
}

Json secret_row(const engine::SecretInfo& secret, TimePoint at) {
  return Json::object()
      .set("ID", secret.id)
      .set("Name", secret.name)
      .set("Driver", secret.driver)
      .set("CreatedAt", ago(secret.created, at))
      .set("UpdatedAt", ago(secret.updated, at));
}

Listing secret_listing() {
  Listing listing;
  listing.name = "ls";
  listing.types.root = "*entities.SecretListReport";
  listing.columns = {"ID", "Name", "Driver", "CreatedAt", "UpdatedAt"};
  listing.headings = {{"CreatedAt", "CREATED"}, {"UpdatedAt", "UPDATED"}};
  return listing;
}

Listing secret_inspect_listing() {
  Listing listing;
  listing.name = "inspect";
  listing.types.root = "*entities.SecretInfoReport";
  listing.types.maps = {"Labels", "Options"};
  listing.types.nested = {{"Spec", "entities.SecretSpec"}, {"Driver", "entities.SecretDriverSpec"}};
  return listing;
}

std::string secret_pretty(const engine::SecretInfo& secret, const std::optional<std::string>& data) {
  std::string out = fmt::format("ID:              {}\nName:              {}\n", secret.id, secret.name);
  if (!secret.labels.empty()) out += "Labels:\n";
  for (const auto& [key, value] : secret.labels) {
    out += fmt::format(" - {}{}\n", printable(key), value.empty() ? "" : "=" + printable(value));
  }
  out += fmt::format("Driver:            {}\nCreated at:        {}\nUpdated at:        {}\n", secret.driver,
                     format_go_time(secret.created), format_go_time(secret.updated));
  if (data) out += fmt::format("Secret Data:       {}\n", *data);
  return out;
}

}  // namespace ctr::cli
