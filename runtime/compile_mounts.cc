// The entries of mounts, in their order.
//
// A mount is made or copied where nobody sees it, gets its attributes there, and is then put on a target that was found
// by walking down from the root's descriptor. No path of the container is ever resolved by name, so that links, whoever
// makes them and when, lead nowhere (CVE-2021-30465 and its relatives).
#include "runtime/compile_mounts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

// Files of procfs that container tools replace on purpose; anything else below /proc would let a container's
// configuration lie to the code that trusts procfs (CVE-2019-16884).
constexpr std::array<std::string_view, 11> k_proc_files = {"/proc/cpuinfo",
                                                           "/proc/diskstats",
                                                           "/proc/meminfo",
                                                           "/proc/stat",
                                                           "/proc/swaps",
                                                           "/proc/uptime",
                                                           "/proc/loadavg",
                                                           "/proc/slabinfo",
                                                           "/proc/sys/kernel/ns_last_pid",
                                                           "/proc/sys/crypto/fips_enabled",
                                                           "/proc/net/dev"};

// Leaves registers for everything else: root directories of bundles take few.
constexpr size_t k_most_ahead = 40;

// A value of fsconfig(2) is a string of at most this many bytes (fs/fsopen.c).
constexpr size_t k_max_value = 255;

bool is_bind(const SpecMount& mount, const MountOptions& options) {
  return options.bind || mount.type == "bind" || mount.type == "rbind";
}

bool is_kernel_directory(std::string_view destination) {
  return destination == "/proc" || destination == "/sys" || destination == "/dev";
}

Result<void> check_destination(const std::string& destination) {
  if (destination == "/") return Error(Errc::invalid, "it cannot replace the root directory");
  if (!destination.starts_with("/proc/")) return ok();
  if (std::find(k_proc_files.begin(), k_proc_files.end(), destination) != k_proc_files.end()) return ok();
  return Error(Errc::invalid, "inside '/proc', only some files can be mounted on");
}

// ---- attributes and propagation

// One call of mount_setattr(2).
struct Change {
  uint64_t set = 0;
  uint64_t clear = 0;
  uint64_t propagation = 0;
  bool tree = false;
};

// True when `later` can be said in the same call as `earlier`; it wins where both speak of the same attribute.
bool merge(const Change& later, bool tree, Change* earlier) {
  if (tree && earlier->tree != later.tree) return false;
  if (earlier->propagation != 0 && later.propagation != 0) return false;
  earlier->set = (earlier->set & ~later.clear) | later.set;
  earlier->clear = (earlier->clear & ~later.set) | later.clear;
  earlier->propagation |= later.propagation;
  earlier->tree = earlier->tree || later.tree;
  return true;
}

// What is said of the tree is said of its top as well.
bool is_repeated(const MountOptions& options) {
  const uint64_t said = options.set_recursive | options.clear_recursive;
  return ((options.set | options.clear) & ~said) == 0;
}

std::vector<Change> plan_changes(const MountOptions& options, bool tree, std::optional<MountPropagation> otherwise) {
  std::vector<Change> changes;
  const auto add = [&](const Change& change) {
    if (changes.empty() || !merge(change, tree, &changes.back())) changes.push_back(change);
  };
  if ((options.set | options.clear) != 0 && !is_repeated(options)) {
    add({.set = options.set, .clear = options.clear, .propagation = 0, .tree = false});
  }
  if ((options.set_recursive | options.clear_recursive) != 0) {
    add({.set = options.set_recursive, .clear = options.clear_recursive, .propagation = 0, .tree = true});
  }
  for (const MountPropagation& step : options.propagations) {
    add({.set = 0, .clear = 0, .propagation = step.flag, .tree = step.recursive});
  }
  if (options.propagations.empty() && otherwise) {
    add({.set = 0, .clear = 0, .propagation = otherwise->flag, .tree = otherwise->recursive});
  }
  return changes;
}

// ---- the kinds of entries

int16_t emit_open_existing(const MountPlace& place, ProgramBuilder* out) {
  const std::string path = place.destination.substr(1);
  const int16_t target = out->take_register();
  out->add({.kind = ChildOpKind::open_in_root,
            .a = target,
            .b = place.root,
            .text = out->text(path.empty() ? "." : path),
            .x = O_PATH,
            .z = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS});
  return target;
}

// A mount that is there gets other attributes, another propagation or other options of its file system.
void emit_remount(const MountOptions& options, const MountPlace& place, ProgramBuilder* out) {
  const int16_t target = emit_open_existing(place, out);
  if (!options.bind && !options.data.empty()) {
    out->add({.kind = ChildOpKind::remount, .a = target, .more = out->text_list(options.data)});
  }
  emit_changes(options, true, std::nullopt, target, out);
  out->close_register(target);
}

bool only_propagates(const SpecMount& mount, const MountOptions& options) {
  const bool untouched = (options.set | options.clear | options.set_recursive | options.clear_recursive) == 0;
  return (mount.type.empty() || mount.type == "none") && untouched && options.data.empty() &&
         !options.propagations.empty();
}

// Groups that are not mapped cannot own a terminal: the option is left out (devpts then uses the opener's group).
std::vector<std::string> devpts_data(const CompileInput& input, const std::vector<std::string>& data) {
  std::vector<std::string> out;
  for (const std::string& option : data) {
    if (option.starts_with("gid=") && input.user_namespace) {
      const auto gid = parse_unsigned(std::string_view(option).substr(4), "gid", UINT32_MAX);
      if (!gid || !to_outside(input.spec.linux_config.ids.gids, static_cast<uint32_t>(*gid))) continue;
    }
    out.push_back(option);
  }
  return out;
}

bool takes_label(std::string_view type) { return type == "tmpfs" || type == "mqueue" || type == "overlay"; }

std::vector<std::string> mount_data(const CompileInput& input, const SpecMount& mount, const MountOptions& options) {
  std::vector<std::string> data = mount.type == "devpts" ? devpts_data(input, options.data) : options.data;
  const std::string& label = input.spec.linux_config.mount_label;
  if (!label.empty() && takes_label(mount.type)) data.push_back("context=" + label);
  // A device that may only be read takes a file system that only reads; the mount alone being so is not enough.
  const uint64_t set = options.set | options.set_recursive;
  if ((set & MOUNT_ATTR_RDONLY) != 0 && mount.source.starts_with('/')) data.insert(data.begin(), "ro");
  // What the mount table shows in front.
  data.insert(data.begin(), "source=" + (mount.source.empty() ? mount.type : mount.source));
  return data;
}

// What stands in where the kernel does not let this user namespace have a file system of its own: its root must own
// the namespace that the file system shows as well, and of sysfs no more may come to light than is in sight already
// (mount_too_revealing in fs/namespace.c). Empty: nothing does.
std::string stand_in(const CompileInput& input, const std::string& type) {
  if (!input.is_mapped()) return {};
  const auto borrows = [&](NamespaceType owner) { return !input.spec.has_fresh_namespace(owner); };
  if (type == "sysfs") return "/sys";
  if (type == "proc" && borrows(NamespaceType::pid)) return "/proc";
  if (type == "mqueue" && borrows(NamespaceType::ipc)) return "/dev/mqueue";
  return {};
}

void emit_copy_up(const MountPlace& place, int16_t mount, ProgramBuilder* out) {
  const int16_t from = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = from,
            .b = place.root,
            .text = out->text(place.destination.substr(1)),
            .x = k_target_directory | k_target_not_proc,
            .y = 0755});
  out->add({.kind = ChildOpKind::copy_up, .a = mount, .b = from});
  out->close_register(from);
}

bool has_long_value(const std::vector<std::string>& data) {
  return std::any_of(data.begin(), data.end(), [](const std::string& option) {
    const size_t equals = option.find('=');
    return equals != std::string::npos && option.size() - equals - 1 > k_max_value;
  });
}

// Flags of mount(2) for attributes of mount_setattr(2).
uint64_t mount_flags(uint64_t attributes) {
  constexpr std::pair<uint64_t, uint64_t> k_flags[] = {
      {MOUNT_ATTR_RDONLY, MS_RDONLY},         {MOUNT_ATTR_NOSUID, MS_NOSUID},
      {MOUNT_ATTR_NODEV, MS_NODEV},           {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
      {MOUNT_ATTR_NOATIME, MS_NOATIME},       {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
      {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
  };
  uint64_t flags = 0;
  for (const auto& [attribute, flag] : k_flags) {
    if ((attributes & attribute) != 0) flags |= flag;
  }
  return flags;
}

// Options that are too long for fsconfig(2), as those of overlays of many layers are: one page of text for mount(2).
void emit_long_mount(const SpecMount& mount, const MountOptions& options, std::vector<std::string> data,
                     const MountPlace& place, ProgramBuilder* out) {
  data.erase(data.begin());  // the source, which mount(2) takes on its own
  for (std::string& option : data) {
    if (option.starts_with("context=")) option = fmt::format("context=\"{}\"", option.substr(8));
  }
  const int16_t target = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = target,
            .b = place.root,
            .text = out->text(place.destination.substr(1)),
            .x = k_target_directory | k_target_not_proc,
            .y = 0755});
  const std::string& source = mount.source.empty() ? mount.type : mount.source;
  out->add({.kind = ChildOpKind::mount_on,
            .b = target,
            .text = out->text(mount.type),
            .more = out->text_list({source, join(data, ",")}),
            .x = mount_flags(options.set | options.set_recursive)});
  out->close_register(target);
}

// Whether places are made in a new file system there: for other mounts, for devices or for secrets.
bool is_filled_later(const CompileInput& input, const std::string& destination) {
  if (destination == "/dev" || !input.options.secrets.empty()) return true;
  return std::any_of(input.spec.mounts.begin(), input.spec.mounts.end(), [&](const SpecMount& mount) {
    return mount_destination(mount.destination).starts_with(destination + "/");
  });
}

void emit_fresh(const CompileInput& input, const SpecMount& spec_mount, const MountOptions& options,
                const MountPlace& place, ProgramBuilder* out) {
  const std::vector<std::string> data = mount_data(input, spec_mount, options);
  if (has_long_value(data)) return emit_long_mount(spec_mount, options, data, place, out);
  const bool is_tmpfs = spec_mount.type == "tmpfs";
  const bool has_mode =
      std::any_of(data.begin(), data.end(), [](const std::string& option) { return option.starts_with("mode="); });
  int16_t covered = -1;
  if (is_tmpfs && !has_mode) {
    covered = out->take_register();
    out->add({.kind = ChildOpKind::find_target,
              .a = covered,
              .b = place.root,
              .text = out->text(place.destination.substr(1))});
  }
  const std::string other = stand_in(input, spec_mount.type);
  // The host's own sysfs is not for changing.
  const uint64_t other_attributes = other == "/sys" ? MOUNT_ATTR_RDONLY : 0;
  const uint64_t wanted = options.set | options.set_recursive;
  // A tmpfs that is to be filled first becomes read-only afterwards.
  const bool copies_up = options.copy_up && is_tmpfs;
  const bool freezes = is_tmpfs && (wanted & MOUNT_ATTR_RDONLY) != 0 && is_filled_later(input, place.destination);
  const uint64_t attributes = copies_up || freezes ? wanted & ~uint64_t{MOUNT_ATTR_RDONLY} : wanted;
  const int16_t mount = out->take_register();
  out->add({.kind = ChildOpKind::make_mount,
            .a = mount,
            .b = covered,
            .text = out->text(spec_mount.type),
            .more = out->text_list(data),
            .x = attributes,
            .y = other_attributes,
            .z = other.empty() ? 0 : uint64_t{1} + out->text(other)});
  if (covered >= 0) out->close_register(covered);
  if (copies_up) emit_copy_up(place, mount, out);
  MountOptions rest;
  rest.set = freezes ? 0 : wanted & ~attributes;
  rest.propagations = options.propagations;
  // A new mount is private.
  if (!rest.propagations.empty() && rest.propagations[0].flag == MS_PRIVATE)
    rest.propagations.erase(rest.propagations.begin());
  emit_changes(rest, false, std::nullopt, mount, out);
  emit_attach(place, k_target_directory, -1, mount, out);
  if (freezes) return out->freeze_later(mount);
  out->close_register(mount);
}

uint64_t source_flags(const MountOptions& options) {
  return uint64_t{O_PATH} | (options.source_nofollow || options.copy_symlink ? O_NOFOLLOW : 0);
}

// Root has rights over directories of others that end with its user namespace: what neither the caller without them nor
// the container's root can reach, the launcher copies for it. Only that, since flags that are locked for mounts which
// the child has copied itself (mount_namespaces(7)) are none for these.
int16_t take_made(const std::string& source, const MountOptions& options, ProgramBuilder* out) {
  const int16_t made = out->take_registers(1);
  out->program().id_mapped_mounts.push_back({.place = made,
                                             .source = source,
                                             .nofollow = (source_flags(options) & O_NOFOLLOW) != 0,
                                             .tree = options.recursive,
                                             .may_fail = true,
                                             .ids = {},
                                             .user_namespace = {},
                                             .words = {}});
  return made;
}

bool is_id_mapped(const SpecMount& mount, const MountOptions& options) {
  return options.id_mapping != MountOptions::IdMapping::none || !mount.ids.empty();
}

// Which ids become which: what the entry says, or the container's own map.
Result<void> choose_map(const CompileInput& input, const SpecMount& mount, const MountOptions& options,
                        IdMappedMount* out) {
  const SpecNamespace* user = input.spec.find_namespace(NamespaceType::user);
  const IdMap& container = input.spec.linux_config.ids;
  if (!mount.ids.empty() && !options.id_ranges.empty()) {
    return Error(Errc::invalid, "ids are mapped by uidMappings and gidMappings, or by the option, not by both");
  }
  if (!mount.ids.empty())
    out->ids = mount.ids;
  else if (!options.id_ranges.empty())
    out->ids = TRY(parse_id_ranges(options.id_ranges, container).context("option idmap"));
  else if (user != nullptr && !user->path.empty())
    out->user_namespace = user->path;
  else if (user != nullptr)
    out->ids = container;
  else
    return Error(Errc::invalid, "idmap needs uidMappings and gidMappings, or a container with a user namespace");
  return out->user_namespace.empty() ? check_map(out->ids) : ok();
}

// The launcher has made the mount.
Result<void> emit_id_mapped(const CompileInput& input, const SpecMount& mount, const MountOptions& options,
                            const MountPlace& place, ProgramBuilder* out) {
  // A register that no step has written to before.
  const int16_t made = out->take_registers(1);
  IdMappedMount mapped{.place = made,
                       .source = TRY(absolute_source(input, mount.source)),
                       .nofollow = options.source_nofollow,
                       .tree = options.recursive,
                       .map_tree = options.id_mapping == MountOptions::IdMapping::tree,
                       .ids = {},
                       .user_namespace = {},
                       .words = fmt::format("bind '{}' at '{}'", mount.source, place.destination)};
  TRY(choose_map(input, mount, options, &mapped));
  out->program().id_mapped_mounts.push_back(std::move(mapped));
  emit_changes(options, options.recursive, MountPropagation{.flag = MS_PRIVATE, .recursive = true}, made, out);
  emit_attach(place, k_target_like_b, made, made, out);
  out->close_register(made);
  return ok();
}

Result<void> emit_bind_entry(const CompileInput& input, const SpecMount& mount, const MountOptions& options,
                             const MountPlace& place, ProgramBuilder* out) {
  const std::string below = options.subpath.empty() ? "" : fmt::format("'{}' of ", options.subpath);
  out->act(fmt::format("bind {}'{}' at '{}'", below, mount.source, place.destination));
  if (mount.source.empty()) return Error(Errc::invalid, "a bind mount needs a source");
  if (is_id_mapped(mount, options)) {
    if (!below.empty()) return Error(Errc::invalid, "a part of a mount cannot have its ids mapped");
    return emit_id_mapped(input, mount, options, place, out);
  }
  emit_bind(TRY(absolute_source(input, mount.source)), options, place, out);
  return ok();
}

Result<void> emit_mount(const CompileInput& input, const SpecMount& mount, int16_t root, ProgramBuilder* out) {
  const MountOptions options = TRY(parse_mount_options(mount.options));
  const MountPlace place{
      .destination = mount_destination(mount.destination), .root = root, .nofollow = options.destination_nofollow};
  if (options.remount || (!is_bind(mount, options) && only_propagates(mount, options))) {
    out->act(fmt::format("change the mount at '{}'", place.destination));
    emit_remount(options, place, out);
    return ok();
  }
  TRY(check_destination(place.destination));
  if (is_bind(mount, options)) return emit_bind_entry(input, mount, options, place, out);
  if (is_id_mapped(mount, options)) return Error(Errc::invalid, "only bind mounts can have their ids mapped");
  if (!options.subpath.empty()) return Error(Errc::invalid, "only bind mounts can show a part of their source");
  if (mount.type == "cgroup" || mount.type == "cgroup2") return emit_cgroup(input, mount.type, options, place, out);
  if (mount.type.empty() || mount.type == "none") return Error(Errc::invalid, "the mount has no type");
  if (place.destination == "/proc" && mount.type != "proc") {
    return Error(Errc::invalid, fmt::format("only a proc file system can be mounted there, not '{}'", mount.type));
  }
  out->act(fmt::format("mount {} at '{}'", mount.type, place.destination));
  emit_fresh(input, mount, options, place, out);
  return ok();
}

}  // namespace

void emit_changes(const MountOptions& options, bool tree, std::optional<MountPropagation> otherwise, int16_t mount,
                  ProgramBuilder* out) {
  for (const Change& change : plan_changes(options, tree, otherwise)) {
    const uint64_t reach = change.tree && tree ? uint64_t{AT_RECURSIVE} << 32 : 0;
    out->add({.kind = ChildOpKind::set_mount,
              .a = mount,
              .x = change.set,
              .y = change.clear,
              .z = change.propagation | reach});
  }
}

void emit_attach(const MountPlace& place, uint64_t target_kind, int16_t like, int16_t mount, ProgramBuilder* out) {
  uint64_t kind = target_kind;
  if (is_kernel_directory(place.destination))
    kind |= k_target_no_symlinks;
  else if (!place.destination.starts_with("/proc/"))
    kind |= k_target_not_proc;
  if (place.nofollow) kind |= k_target_nofollow;
  const int16_t target = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = target,
            .b = place.root,
            .text = out->text(place.destination.substr(1)),
            .x = kind,
            .y = 0755,
            .z = static_cast<uint64_t>(like < 0 ? 0 : like)});
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = target});
  out->close_register(target);
}

void emit_bind(const std::string& source_path, const MountOptions& options, const MountPlace& place,
               ProgramBuilder* out) {
  const uint64_t flags = source_flags(options);
  const auto ahead = out->take_ahead(source_path, flags);
  int16_t source = ahead ? ahead->source : out->take_register();
  const int16_t made = ahead ? ahead->made : int16_t{0};
  const int16_t mount = out->take_register();
  out->add({.kind = ChildOpKind::open_path,
            .a = source,
            .text = out->text(source_path),
            .x = flags,
            .z = made != 0 ? uint64_t{2}
                 : ahead   ? uint64_t{1}
                           : uint64_t{0}});
  if (place.destination == "/proc") {
    out->add({.kind = ChildOpKind::check_type, .a = source, .x = PROC_SUPER_MAGIC});
  }
  // Containers write there: a link of theirs must not lead out of it, whenever it is made.
  if (!options.subpath.empty()) {
    const int16_t below = out->take_register();
    const ChildOp find{.kind = ChildOpKind::open_in_root,
                       .a = below,
                       .b = source,
                       .text = out->text(options.subpath),
                       .x = O_PATH,
                       .z = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    const ChildOp make{
        .kind = ChildOpKind::open_target, .a = below, .b = source, .text = find.text, .x = k_target_either, .y = 0755};
    out->add(options.makes_subpath ? make : find);
    out->close_register(source);
    source = below;
  }
  // A link that is made again needs no mount: the steps that follow, up to the first close, are skipped.
  size_t skipper = 0;
  if (options.copy_symlink) {
    skipper = out->program().ops.size();
    out->add({.kind = ChildOpKind::copy_symlink,
              .a = source,
              .b = place.root,
              .text = out->text(place.destination.substr(1))});
  }
  const bool tree = options.recursive;
  out->add({.kind = ChildOpKind::clone_tree,
            .a = mount,
            .b = source,
            .x = tree ? uint64_t{AT_RECURSIVE} : 0,
            .y = static_cast<uint64_t>(made)});
  // Private unless asked otherwise: a container's mounts are nobody else's business.
  emit_changes(options, tree, MountPropagation{.flag = MS_PRIVATE, .recursive = true}, mount, out);
  emit_attach(place, k_target_like_b, made != 0 ? mount : source, mount, out);
  out->close_register(mount);
  if (options.copy_symlink) out->program().ops[skipper].x = out->program().ops.size() - skipper - 1;
  out->close_register(source);
}

bool opens_ahead(const CompileInput& input) {
  const auto root = to_outside(input.spec.linux_config.ids.uids, 0);
  return root && *root != input.host.uid && mount_table(input.spec) == MountTable::own;
}

Result<void> emit_sources_ahead(const CompileInput& input, ProgramBuilder* out) {
  if (!opens_ahead(input)) return ok();
  out->act("open the sources of bind mounts");
  size_t count = 0;
  for (const SpecMount& mount : input.spec.mounts) {
    const MountOptions options = TRY(parse_mount_options(mount.options));
    if (options.remount || !is_bind(mount, options) || is_id_mapped(mount, options) || mount.source.empty()) continue;
    // Those that are too many are opened in their turn.
    if (++count > k_most_ahead) break;
    const std::string source = TRY(absolute_source(input, mount.source));
    const bool may_be_made = input.host.privileged() && options.subpath.empty();
    out->open_ahead(source, source_flags(options), may_be_made ? take_made(source, options, out) : 0);
  }
  return ok();
}

std::string mount_destination(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(std::move(part));
    else if (!parts.empty())
      parts.pop_back();
  }
  return "/" + join(parts, "/");
}

Result<std::string> absolute_source(const CompileInput& input, const std::string& source) {
  if (source.starts_with('/')) return source;
  if (input.options.bundle.empty())
    return Error(Errc::invalid, fmt::format("source '{}' is not an absolute path", source));
  return input.options.bundle + "/" + source;
}

bool has_mount_at(const RuntimeSpec& spec, std::string_view destination) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(),
                     [&](const SpecMount& mount) { return mount_destination(mount.destination) == destination; });
}

Result<void> emit_mounts(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  for (const SpecMount& mount : input.spec.mounts) {
    TRY(emit_mount(input, mount, root, out)
            .context(fmt::format("mount at '{}'", mount_destination(mount.destination))));
  }
  return ok();
}

void emit_freezes(ProgramBuilder* out) {
  for (const int16_t mount : out->take_to_freeze()) {
    out->act("make a file system read-only");
    out->add({.kind = ChildOpKind::set_mount, .a = mount, .x = MOUNT_ATTR_RDONLY});
    out->close_register(mount);
  }
}

}  // namespace ctr::runtime
