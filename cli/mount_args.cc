#include "cli/mount_args.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

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

// ---- the words behind the last colon

// Words of which only one can be meant. Source: ValidateVolumeOpts of containers/common.
struct Choice {
  std::array<std::string_view, 8> words;
  std::string_view named;
};
constexpr std::array k_choices = {
    Choice{{"exec", "noexec"}, "'noexec' or 'exec'"},
    Choice{{"dev", "nodev"}, "'nodev' or 'dev'"},
    Choice{{"suid", "nosuid"}, "'nosuid' or 'suid'"},
    Choice{{"ro", "rw"}, "'rw' or 'ro'"},
    Choice{{"z", "Z", "O"}, "'z', 'Z', or 'O'"},
    Choice{{"U"}, "'U'"},
    Choice{{"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"},
           "'[r]shared', '[r]private', '[r]slave' or '[r]unbindable'"},
    Choice{{"bind", "rbind"}, "'[r]bind'"},
    Choice{{"copy", "nocopy"}, "'copy' or 'nocopy'"},
};
constexpr auto k_single_words =
    std::to_array<std::string_view>({"noatime", "relatime", "nodiratime", "sync", "cached", "delegated", "consistent"});
constexpr auto k_memory_keys =
    std::to_array<std::string_view>({"size", "mode", "nr_inodes", "nr_blocks", "uid", "gid", "huge"});

const Choice* choice_of(std::string_view word) {
  if (word.empty()) return nullptr;
  const auto found = std::find_if(k_choices.begin(), k_choices.end(), [&](const Choice& choice) {
    return std::find(choice.words.begin(), choice.words.end(), word) != choice.words.end();
  });
  return found == k_choices.end() ? nullptr : &*found;
}

bool is_known(std::string_view option, Type type) {
  if (choice_of(option) != nullptr) return true;
  if (std::find(k_single_words.begin(), k_single_words.end(), option) != k_single_words.end()) return true;
  const std::string_view key = option.substr(0, option.find('='));
  const bool has_value = key.size() < option.size();
  if (key == "idmap") return type == Type::bind || type == Type::volume || type == Type::glob;
  if (key == "upperdir" || key == "workdir") return has_value && (type == Type::bind || type == Type::volume);
  if (type == Type::ramfs) return has_value && key == "mode";
  if (type != Type::tmpfs) return false;
  if (option == "tmpcopyup" || option == "notmpcopyup") return true;
  return has_value && std::find(k_memory_keys.begin(), k_memory_keys.end(), key) != k_memory_keys.end();
}

Result<void> add_option(std::string_view option, MountSpec& mount) {
  if (option.empty()) return ok();
  if (!is_known(option, mount.type)) return wrong(fmt::format("invalid mount option '{}'", printable(option)));
  mount.options.emplace_back(option);
  return ok();
}

Result<void> check_choices(const MountSpec& mount) {
  std::set<const Choice*> made;
  for (const auto& option : mount.options) {
    const Choice* choice = choice_of(option);
    if (choice == nullptr || made.insert(choice).second) continue;
    return wrong(
        fmt::format("invalid options \"{}\", can only specify 1 {} option", join(mount.options, ", "), choice->named));
  }
  return ok();
}

Result<void> add_options(std::string_view text, MountSpec& mount) {
  for (const auto& option : split(text, ',')) TRY(add_option(option, mount));
  return check_choices(mount);
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

// ---- the fields of --mount

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

struct TypeName {
  std::string_view name;
  Type type;
};
constexpr std::array k_types = {
    TypeName{"bind", Type::bind},   TypeName{"volume", Type::volume}, TypeName{"tmpfs", Type::tmpfs},
    TypeName{"ramfs", Type::ramfs}, TypeName{"image", Type::image},   TypeName{"devpts", Type::devpts},
    TypeName{"glob", Type::glob},
};

Result<Type> mount_type(std::string_view text) {
  for (const auto& [name, type] : k_types) {
    if (name == text) return type;
  }
  if (text == "artifact") return Error(Errc::unsupported, "--mount type=artifact is not supported yet");
  return wrong(fmt::format("invalid filesystem type \"{}\"", printable(text)))
      .with_hint("choose type=bind, volume, tmpfs, ramfs, image, devpts or glob");
}

std::string_view type_name(Type type) {
  const auto found = std::find_if(k_types.begin(), k_types.end(), [&](const auto& one) { return one.type == type; });
  return found->name;
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

// Reads the fields of one --mount into a MountSpec.
class MountFields {
 public:
  MountFields(const std::string& cwd, MountSpec& mount) : cwd_(cwd), mount_(mount) {}

  Result<void> add(const Field& field) {
    if (field.key == "type") return ok();
    if (is_place(field.key)) return add_place(field);
    if (mount_.type == Type::devpts) return add_devpts(field);
    return mount_.type == Type::image ? add_image(field) : add_other(field);
  }

  Result<void> finish() {
    TRY(check_choices(mount_));
    if (mount_.type == Type::image && (mount_.destination.empty() || mount_.source.empty())) {
      return wrong("must set source and destination for image volume");
    }
    if (mount_.destination.empty() && mount_.type != Type::glob) return wrong("must set volume destination");
    if (mount_.type == Type::glob && mount_.source.empty()) return wrong("must set source for glob");
    if (mount_.type == Type::bind && mount_.source.empty()) mount_.source = mount_.destination;  // as podman
    return ok();
  }

 private:
  static bool is_place(std::string_view key) {
    return key == "src" || key == "source" || key == "dst" || key == "destination" || key == "target";
  }

  Error not_for_type(const Field& field) const {
    return wrong(fmt::format("\"{}\" option not supported for \"{}\" mount types", printable(field.key),
                             type_name(mount_.type)));
  }
  static Error unknown(const Field& field) {
    return wrong(fmt::format("{}: invalid mount option", printable(field.key)));
  }
  static Result<void> need_value(const Field& field) {
    if (field.has_value && !field.value.empty()) return ok();
    return wrong(fmt::format("{}: must provide an argument for option", printable(field.key)));
  }

  Result<void> add_place(const Field& field) {
    TRY(need_value(field));
    if (field.key != "src" && field.key != "source") {
      if (!mount_.destination.empty()) return wrong(fmt::format("cannot pass \"{}\" option more than once", field.key));
      mount_.destination = TRY(destination(field.value));
      return ok();
    }
    if (!mount_.source.empty()) return wrong(fmt::format("cannot pass \"{}\" option more than once", field.key));
    switch (mount_.type) {
      case Type::tmpfs:
      case Type::ramfs:
      case Type::devpts:
        return not_for_type(field);
      case Type::bind:
      case Type::glob:
        mount_.source = lexically_clean(field.value.starts_with('/') ? field.value : cwd_ + "/" + field.value);
        return ok();
      case Type::volume:
        if (!is_volume_name(field.value)) {
          return wrong(
              fmt::format("'{}' is not a volume name: names match [a-zA-Z0-9][a-zA-Z0-9_.-]*", printable(field.value)));
        }
        break;
      case Type::image:
      case Type::memory:  // has no word
        break;
    }
    mount_.source = field.value;
    return ok();
  }

  Result<void> add_devpts(const Field& field) {
    static constexpr auto k_keys =
        std::to_array<std::string_view>({"uid", "gid", "mode", "ptmxmode", "newinstance", "max"});
    if (std::find(k_keys.begin(), k_keys.end(), field.key) == k_keys.end()) return unknown(field);
    mount_.options.push_back(field.has_value ? field.key + "=" + field.value : field.key);
    return ok();
  }

  Result<void> add_image(const Field& field) {
    if (field.key == "consistency") return ok();
    if (field.key == "subpath") {
      TRY(need_value(field));
      mount_.subpath = field.value;
      return ok();
    }
    if (field.key != "rw" && field.key != "readwrite") return unknown(field);
    if (TRY(is_on(field))) mount_.options.emplace_back("rw");
    return ok();
  }

  Result<void> add_other(const Field& field) {
    const auto& key = field.key;
    if (key == "ro" || key == "readonly") return TRY(is_on(field)) ? add_option("ro", mount_) : ok();
    if (key == "rw") return add_option(TRY(is_on(field)) ? "rw" : "ro", mount_);
    if (key == "U" || key == "chown") return TRY(is_on(field)) ? add_option("U", mount_) : ok();
    if (key == "consistency") return ok();  // Docker Desktop's word for caching; it means nothing on Linux
    if (key == "idmap") return add_option(field.has_value ? key + "=" + field.value : key, mount_);
    if (key == "relabel") return add_relabel(field);
    if (key.starts_with("bind-")) return add_bind(field);
    if (key.starts_with("tmpfs-") || key == "tmpcopyup" || key == "notmpcopyup") return add_tmpfs(field);
    if (key == "subpath" || key.starts_with("volume-")) return add_volume(field);
    if (field.has_value || choice_of(key) == nullptr) return unknown(field);
    return add_option(key, mount_);
  }

  Result<void> add_relabel(const Field& field) {
    if (field.value != "shared" && field.value != "private") {
      return wrong("relabel mount option must be 'private' or 'shared'");
    }
    return add_option(field.value == "shared" ? "z" : "Z", mount_);
  }

  Result<void> add_bind(const Field& field) {
    if (mount_.type != Type::bind && mount_.type != Type::glob) return not_for_type(field);
    if (field.key == "bind-propagation") {
      TRY(need_value(field));
      const Choice* choice = choice_of(field.value);
      if (choice == nullptr || choice != choice_of("private")) {
        return wrong(fmt::format("invalid value \"{}={}\"", field.key, printable(field.value)));
      }
      return add_option(field.value, mount_);
    }
    if (field.key == "bind-nonrecursive") return add_option(TRY(is_on(field)) ? "bind" : "rbind", mount_);
    if (field.key != "bind-recursive") return unknown(field);
    if (field.value != "enabled" && field.value != "disabled") {
      return wrong(fmt::format("bind-recursive={}: must be enabled or disabled", printable(field.value)));
    }
    return add_option(field.value == "disabled" ? "bind" : "rbind", mount_);
  }

  Result<void> add_tmpfs(const Field& field) {
    if (mount_.type == Type::ramfs && field.key == "tmpfs-mode") {
      TRY(need_value(field));
      return add_option("mode=" + field.value, mount_);
    }
    if (mount_.type != Type::tmpfs) return not_for_type(field);
    if (field.key == "tmpcopyup" || field.key == "notmpcopyup") return add_option(field.key, mount_);
    TRY(need_value(field));
    if (field.key == "tmpfs-size") return add_option("size=" + field.value, mount_);
    if (field.key == "tmpfs-mode") return add_option("mode=" + field.value, mount_);
    return unknown(field);
  }

  Result<void> add_volume(const Field& field) {
    const auto& key = field.key;
    if (key == "subpath" || key == "volume-subpath") {
      if (mount_.type != Type::volume) {
        return wrong(fmt::format("cannot set option \"{}\" on non-volume mounts", key));
      }
      TRY(need_value(field));
      mount_.subpath = field.value;
      return ok();
    }
    if (mount_.type != Type::volume) return not_for_type(field);
    if (key == "volume-nocopy") return TRY(is_on(field)) ? add_option("nocopy", mount_) : ok();
    if (key == "volume-opt" || key == "volume-label") {
      return Error(Errc::unsupported, fmt::format("the {} of a volume is not set by --mount", key))
          .with_hint("make the volume first: see ctr-volume-create(1)");
    }
    return unknown(field);
  }

  const std::string& cwd_;
  MountSpec& mount_;
};

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
  if (parts.size() == 2 && !parts[1].empty() && !parts[1].starts_with('/') && parts[0].starts_with('/')) {
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
  MountFields reader(cwd, mount);
  const auto what = fmt::format("--mount '{}'", printable(text));
  for (const auto& field : fields) TRY(reader.add(field).context(what));
  TRY(reader.finish().context(what));
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
