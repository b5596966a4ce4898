#include "engine/timezone.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <memory>

#include "base/file.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

constexpr const char* k_local_file = "/etc/localtime";
constexpr const char* k_default_zones = "/usr/share/zoneinfo";
// What a file of a zone begins with. Source: RFC 8536, section 3.1.
constexpr std::string_view k_magic = "TZif";

Error unknown_zone(const std::string& timezone, std::string_view why) {
  return Error(Errc::not_found, fmt::format("finding timezone: unknown time zone {}: {}", printable(timezone), why))
      .with_hint("use local, or the name of a file below /usr/share/zoneinfo (package tzdata)");
}

// Names lead nowhere but down.
bool is_zone_name(const std::string& name) {
  const auto parts = split(name, '/');
  return std::all_of(parts.begin(), parts.end(),
                     [](const auto& part) { return !part.empty() && part != "." && part != ".."; });
}

bool is_zone_file(const std::string& path) {
  const auto file = open_path(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status{};
  if (!file || fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  std::array<char, k_magic.size()> magic{};
  const ssize_t count = read(file->get(), magic.data(), magic.size());
  return count == static_cast<ssize_t>(magic.size()) && std::string_view(magic.data(), magic.size()) == k_magic;
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path.c_str(), nullptr), &std::free);
  return resolved ? resolved.get() : "";
}

// The host's own zone. Its link is followed step by step: "UTC" is a link to "Etc/UTC", and both are names.
Result<Zone> find_local_zone(const std::string& zones) {
  Zone zone;
  zone.path = real_path(k_local_file);
  // Without the file the C library means UTC.
  if (zone.path.empty()) zone.path = real_path(zones + "/UTC");
  if (zone.path.empty() || !is_zone_file(zone.path)) {
    return unknown_zone("local", fmt::format("'{}' is no time zone", k_local_file));
  }
  const auto real_zones = real_path(zones) + "/";
  if (zone.path.starts_with(real_zones)) zone.name = zone.path.substr(real_zones.size());
  return zone;
}

}  // namespace

Result<Zone> find_zone(const std::string& timezone, const Environment& environment) {
  auto zones = environment_value(environment, "TZDIR");
  if (!zones.starts_with('/')) zones = k_default_zones;
  if (timezone == "local") return find_local_zone(zones);
  if (!is_zone_name(timezone)) {
    return Error(Errc::invalid, fmt::format("finding timezone: '{}' is no name of a time zone", printable(timezone)));
  }
  const auto path = zones + "/" + timezone;
  if (!path_exists(path)) return unknown_zone(timezone, fmt::format("'{}' does not exist", printable(path)));
  if (!is_zone_file(path)) return unknown_zone(timezone, fmt::format("'{}' is no time zone", printable(path)));
  return Zone{timezone, path};
}

Result<runtime::RootEdit> zone_edit(const Zone& zone, const storage::MergedView& view) {
  using Kind = runtime::RootEdit::Kind;
  const std::string in_image = "usr/share/zoneinfo/" + zone.name;
  if (!zone.name.empty() && TRY(view.type(in_image)) == storage::MergedView::Type::file) {
    return runtime::RootEdit{Kind::link, k_local_file, "../" + in_image};
  }
  return runtime::RootEdit{Kind::replace, k_local_file, zone.path};
}

}  // namespace ctr::engine
