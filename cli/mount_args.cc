#include "cli/mount_args.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::MountSpec;
using Type = MountSpec::Type;

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

// Without "." and ".." and doubled slashes; `path` is absolute.
std::string lexically_clean(std::string_view path) {
  std::vector<std::string> parts;
  for (auto& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return "/" + join(parts, "/");
}

Result<std::string> destination(std::string_view text) {
  if (!text.starts_with('/')) {
    return wrong(fmt::format("invalid container path \"{}\", must be an absolute path", printable(text)));
  }
  const std::string clean = lexically_clean(text);
  if (clean == "/") return wrong("invalid container path \"/\": the root cannot be mounted over");
  return clean;
}

bool is_volume_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && plain(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

// Sets type and source: a path is a bind, a word a volume.
Result<void> source(std::string_view text, const std::string& cwd, MountSpec& mount) {
  if (text.starts_with('/') || text.starts_with('.')) {
    mount.type = Type::bind;
    mount.source = lexically_clean(text.starts_with('/') ? std::string(text) : cwd + "/" + std::string(text));
    return ok();
  }
  if (!is_volume_name(text)) {
    return wrong(fmt::format("'{}' is neither a path nor a volume name: names match [a-zA-Z0-9][a-zA-Z0-9_.-]*",
                             printable(text)));
  }
  mount.type = Type::volume;
  mount.source = std::string(text);
  return ok();
}

constexpr std::array<std::string_view, 27> k_options = {
    "ro",      "rw",       "z",      "Z",          "U",           "shared",  "rshared",  "slave",      "rslave",
    "private", "rprivate", "nosuid", "suid",       "nodev",       "dev",     "noexec",   "exec",       "bind",
    "rbind",   "copy",     "nocopy", "unbindable", "runbindable", "noatime", "relatime", "nodiratime", "sync"};

Result<void> add_option(std::string_view option, MountSpec& mount) {
  if (option.empty()) return ok();
  if (option == "O" || option.starts_with("upperdir=") || option.starts_with("workdir=") ||
      option.starts_with("idmap")) {
    return Error(Errc::unsupported, fmt::format("mount option '{}' is not supported yet", printable(option)));
  }
  const bool sized = mount.type == Type::tmpfs &&
                     (option.starts_with("size=") || option.starts_with("mode=") || option.starts_with("nr_inodes=") ||
                      option.starts_with("uid=") || option.starts_with("gid="));
  const bool copies = mount.type == Type::tmpfs && (option == "tmpcopyup" || option == "notmpcopyup");
  if (!sized && !copies && std::find(k_options.begin(), k_options.end(), option) == k_options.end()) {
    return wrong(fmt::format("invalid mount option '{}'", printable(option)));
  }
  mount.options.emplace_back(option);
  return ok();
}

Result<void> add_options(std::string_view text, MountSpec& mount) {
  for (const auto& option : split(text, ',')) TRY(add_option(option, mount));
  return ok();
}

// At ':' unless a backslash is in front, which goes away.
std::vector<std::string> split_colons(std::string_view text) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ':') {
      parts.back() += text[++i];
    } else if (text[i] == ':') {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

Result<std::vector<std::string>> split_csv(std::string_view text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += text[++i];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += text[i];
    }
  }
  if (quoted) return wrong(fmt::format("--mount '{}': a quote is not closed", printable(text)));
  return fields;
}

Result<Type> mount_type(std::string_view text) {
  if (text == "bind") return Type::bind;
  if (text == "volume") return Type::volume;
  if (text == "tmpfs") return Type::tmpfs;
  if (text == "devpts") return Type::devpts;
  if (text == "image" || text == "glob" || text == "ramfs" || text == "artifact") {
    return Error(Errc::unsupported, fmt::format("--mount type={} is not supported yet", text));
  }
  return wrong(fmt::format("invalid filesystem type \"{}\"", printable(text)));
}

struct Field {
  std::string key;
  std::string value;
  bool has_value = false;
};

// A word that is on when it stands alone: "ro", "ro=true", "ro=false".
Result<bool> is_on(const Field& field) {
  if (!field.has_value) return true;
  return parse_bool(field.value, fmt::format("--mount {}", field.key));
}

Result<void> bind_field(const Field& field, MountSpec& mount) {
  const auto& key = field.key;
  if (key == "bind-propagation") return add_option(field.value, mount);
  if (key == "bind-nonrecursive") return add_option(TRY(is_on(field)) ? "bind" : "rbind", mount);
  if (key == "bind-recursive") {
    if (field.value != "enabled" && field.value != "disabled") {
      return wrong(fmt::format("--mount bind-recursive={}: must be enabled or disabled", printable(field.value)));
    }
    return add_option(field.value == "disabled" ? "bind" : "rbind", mount);
  }
  if (key == "relabel") {
    if (field.value != "shared" && field.value != "private") {
      return wrong(fmt::format("--mount relabel={}: must be shared or private", printable(field.value)));
    }
    return add_option(field.value == "shared" ? "z" : "Z", mount);
  }
  return wrong(fmt::format("{}: invalid mount option", printable(key)));
}

Result<void> mount_field(const Field& field, const std::string& cwd, std::string& source_text, MountSpec& mount) {
  const auto& key = field.key;
  if (key == "type") return ok();
  if (key == "src" || key == "source") {
    source_text = field.value;
    if (mount.type == Type::bind && !source_text.starts_with('/')) source_text = cwd + "/" + source_text;
    return ok();
  }
  if (key == "dst" || key == "destination" || key == "target") {
    mount.destination = TRY(destination(field.value));
    return ok();
  }
  if (key == "ro" || key == "readonly") return add_option(TRY(is_on(field)) ? "ro" : "rw", mount);
  if (key == "rw") return add_option(TRY(is_on(field)) ? "rw" : "ro", mount);
  if (key == "U" || key == "chown") return TRY(is_on(field)) ? add_option("U", mount) : ok();
  if (key == "subpath" || key == "volume-subpath") {
    mount.subpath = field.value;
    return ok();
  }
  if (key == "volume-nocopy") return TRY(is_on(field)) ? add_option("nocopy", mount) : ok();
  if (key == "tmpfs-size") return add_option("size=" + field.value, mount);
  if (key == "tmpfs-mode") return add_option("mode=" + field.value, mount);
  if (key == "tmpcopyup" || key == "notmpcopyup" || (!field.has_value && key != "idmap")) return add_option(key, mount);
  if (key == "consistency") return ok();  // Docker Desktop's word for caching; it means nothing on Linux
  return bind_field(field, mount);
}

}  // namespace

Result<MountSpec> parse_volume(std::string_view text, const std::string& cwd) {
  const auto parts = split_colons(text);
  MountSpec mount;
  if (text.empty() || parts.size() > 3) {
    return wrong(
        fmt::format("incorrect volume format \"{}\", should be [host-dir|name:]ctr-dir[:option]", printable(text)));
  }
  if (parts.size() == 1) {
    mount.type = Type::volume;
    mount.destination = TRY(destination(parts[0]));
    return mount;
  }
  // "DST:ro" has no source: the second part holds options, not a path.
  if (parts.size() == 2 && !parts[1].starts_with('/') && parts[0].starts_with('/')) {
    mount.type = Type::volume;
    mount.destination = TRY(destination(parts[0]));
    auto options = add_options(parts[1], mount);
    if (!options) return destination(parts[1]).error();
    return mount;
  }
  if (parts[0].empty()) {
    return wrong(fmt::format("volume '{}': the host directory cannot be empty", printable(text)));
  }
  TRY(source(parts[0], cwd, mount));
  mount.destination = TRY(destination(parts[1]));
  if (parts.size() == 3) TRY(add_options(parts[2], mount));
  return mount;
}

Result<MountSpec> parse_mount(std::string_view text, const std::string& cwd) {
  std::vector<Field> fields;
  MountSpec mount;
  mount.type = Type::volume;
  for (const auto& part : TRY(split_csv(text))) {
    const auto pair = split_once(part, '=');
    Field field{pair ? pair->first : part, pair ? pair->second : "", pair.has_value()};
    if (field.key == "type") mount.type = TRY(mount_type(field.value));
    fields.push_back(std::move(field));
  }
  std::string source_text;
  for (const auto& field : fields)
    TRY(mount_field(field, cwd, source_text, mount).context(fmt::format("--mount '{}'", text)));
  if (mount.destination.empty())
    return wrong(fmt::format("--mount '{}': must set volume destination", printable(text)));
  if (mount.type == Type::bind) {
    if (source_text.empty()) return wrong(fmt::format("--mount '{}': must set source for a bind", printable(text)));
    mount.source = lexically_clean(source_text);
  } else if (mount.type == Type::volume && !source_text.empty()) {
    if (!is_volume_name(source_text)) {
      return wrong(fmt::format("--mount '{}': '{}' is not a volume name", printable(text), printable(source_text)));
    }
    mount.source = source_text;
  } else if (!source_text.empty()) {
    return wrong(fmt::format("--mount '{}': this type takes no source", printable(text)));
  }
  return mount;
}

Result<MountSpec> parse_tmpfs(std::string_view text) {
  MountSpec mount;
  mount.type = Type::tmpfs;
  const size_t colon = text.find(':');
  mount.destination = TRY(destination(text.substr(0, colon)));
  if (colon != std::string_view::npos) TRY(add_options(text.substr(colon + 1), mount));
  return mount;
}

}  // namespace ctr::cli
