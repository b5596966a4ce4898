#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <string_view>

#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

struct DefaultDevice {
  std::string_view name;
  unsigned major;
  unsigned minor;
};

// Source: runtime-spec config-linux.md "Default Devices"; numbers of Documentation/admin-guide/devices.txt.
constexpr std::array<DefaultDevice, 6> k_default_devices = {{
    {"null", 1, 3},
    {"zero", 1, 5},
    {"full", 1, 7},
    {"random", 1, 8},
    {"urandom", 1, 9},
    {"tty", 5, 0},
}};

struct DeviceLink {
  std::string_view name;
  std::string_view target;
};

// Source: runtime-spec runtime-linux.md "Dev symbolic links" and config-linux.md for ptmx.
constexpr std::array<DeviceLink, 6> k_links = {{
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
    {"core", "/proc/kcore"},
    {"ptmx", "pts/ptmx"},
}};

// A device as it is to be in the container.
struct Device {
  std::string path;
  mode_t mode = 0;  // with its type
  dev_t number = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // False on a fresh /dev, where nothing can be in the way.
  bool may_exist = true;
};

// A user namespace may not make nodes: the host's node is mounted on a file, after a look at what it really is.
void emit_bound_device(const Device& device, int16_t root, ProgramBuilder* out) {
  const int16_t source = out->take_register();
  const int16_t mount = out->take_register();
  const int16_t target = out->take_register();
  const mode_t type = device.mode & S_IFMT;
  out->add({.kind = ChildOpKind::open_path, .a = source, .text = out->text(device.path), .x = O_PATH | O_NOFOLLOW});
  out->add({.kind = ChildOpKind::check_device, .a = source, .x = type, .y = device.number});
  out->add({.kind = ChildOpKind::clone_tree, .a = mount, .b = source});
  out->add({.kind = ChildOpKind::open_target,
            .a = target,
            .b = root,
            .text = out->text(device.path.substr(1)),
            .x = k_target_file | k_target_not_proc,
            .y = 0644});
  if (device.may_exist) {
    out->add({.kind = ChildOpKind::check_place, .a = target, .x = type, .y = device.number});
  }
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = target});
  out->close_register(source);
  out->close_register(mount);
  out->close_register(target);
}

void emit_node(const Device& device, int16_t root, ProgramBuilder* out) {
  const size_t slash = device.path.rfind('/');
  const int16_t parent = out->take_register();
  const std::string directory = slash == 0 ? "." : device.path.substr(1, slash - 1);
  out->add({.kind = ChildOpKind::open_target,
            .a = parent,
            .b = root,
            .text = out->text(directory),
            .x = k_target_directory | k_target_not_proc,
            .y = 0755});
  out->add({.kind = ChildOpKind::make_node,
            .b = parent,
            .text = out->text(device.path.substr(slash + 1)),
            .x = device.mode,
            .y = device.number,
            .z = device.uid | uint64_t{device.gid} << 32});
  out->close_register(parent);
}

void emit_device(const CompileInput& input, const Device& device, int16_t root, ProgramBuilder* out) {
  out->act(fmt::format("make device '{}'", device.path));
  // A pipe is nobody's device.
  if (input.is_mapped() && (device.mode & S_IFMT) != S_IFIFO)
    emit_bound_device(device, root, out);
  else
    emit_node(device, root, out);
}

Result<mode_t> device_type(const SpecDevice& device) {
  if (device.type == "c" || device.type == "u") return mode_t{S_IFCHR};
  if (device.type == "b") return mode_t{S_IFBLK};
  if (device.type == "p") return mode_t{S_IFIFO};
  return Error(Errc::invalid,
               fmt::format("device '{}' has type '{}'; known are b, c, p and u", device.path, device.type));
}

// What /dev is before devices are made in it.
enum class DevDirectory {
  fresh,   // a tmpfs of the container's own
  images,  // what the root directory has
  hosts,   // somebody else's, where nothing is made
};

DevDirectory dev_directory(const RuntimeSpec& spec) {
  DevDirectory found = DevDirectory::images;
  for (const SpecMount& mount : spec.mounts) {
    if (mount_destination(mount.destination) != "/dev") continue;
    found = mount.type == "tmpfs" ? DevDirectory::fresh : DevDirectory::hosts;
  }
  return found;
}

Result<std::vector<Device>> plan_devices(const RuntimeSpec& spec, DevDirectory dev) {
  std::vector<Device> out;
  if (dev != DevDirectory::hosts) {
    for (const DefaultDevice& device : k_default_devices) {
      out.push_back({.path = fmt::format("/dev/{}", device.name),
                     .mode = S_IFCHR | 0666,
                     .number = makedev(device.major, device.minor),
                     .may_exist = dev != DevDirectory::fresh});
    }
  }
  for (const SpecDevice& device : spec.linux_config.devices) {
    const mode_t type = TRY(device_type(device));
    const dev_t number = makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
    Device planned{.path = mount_destination(device.path),
                   .mode = type | (device.file_mode.value_or(0666) & 07777),
                   .number = type == S_IFIFO ? 0 : number,
                   .uid = device.uid.value_or(0),
                   .gid = device.gid.value_or(0)};
    // A default device that is listed is made as the list says.
    std::erase_if(out, [&](const Device& other) { return other.path == planned.path; });
    out.push_back(std::move(planned));
  }
  return out;
}

void emit_links(const RuntimeSpec& spec, int16_t root, ProgramBuilder* out) {
  out->act("make the links in '/dev'");
  const int16_t dev = out->take_register();
  out->add({.kind = ChildOpKind::open_target,
            .a = dev,
            .b = root,
            .text = out->text("dev"),
            .x = k_target_directory | k_target_no_symlinks,
            .y = 0755});
  const bool has_proc = has_mount_at(spec, "/proc");
  for (const DeviceLink& link : k_links) {
    if (link.target.starts_with("/proc/") && !has_proc) continue;
    out->add(
        {.kind = ChildOpKind::make_symlink, .b = dev, .text = out->text(link.target), .more = out->text(link.name)});
  }
  out->close_register(dev);
}

}  // namespace

Result<void> emit_devices(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  const DevDirectory dev = dev_directory(input.spec);
  const std::vector<Device> devices = TRY(plan_devices(input.spec, dev));
  for (const Device& device : devices) emit_device(input, device, root, out);
  if (dev != DevDirectory::hosts) emit_links(input.spec, root, out);
  return ok();
}

void emit_console(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  if (!input.process.terminal) return;
  const ConsoleSize size = input.process.console_size.value_or(ConsoleSize{});
  const auto terminal = static_cast<int16_t>(k_register_console + 1);
  out->act("open the terminal");
  out->add({.kind = ChildOpKind::open_console,
            .a = k_register_console,
            .b = root,
            .x = uint64_t{size.height} << 16 | size.width,
            .y = input.process.user.uid,
            .z = input.options.habits.line_feeds == ProcessHabits::LineFeeds::kept ? uint64_t{1} : uint64_t{0}});
  out->add({.kind = ChildOpKind::send_fds, .a = k_register_console, .x = 1, .y = k_tag_console});
  out->add({.kind = ChildOpKind::close_fd, .a = k_register_console});
  out->program().hands_over_console = true;
  if (root < 0) return;
  out->act("mount the terminal at '/dev/console'");
  const int16_t mount = out->take_register();
  const int16_t target = out->take_register();
  out->add({.kind = ChildOpKind::clone_tree, .a = mount, .b = terminal});
  out->add({.kind = ChildOpKind::open_target,
            .a = target,
            .b = root,
            .text = out->text("dev/console"),
            .x = k_target_file | k_target_not_proc,
            .y = 0644});
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = target});
  out->close_register(mount);
  out->close_register(target);
}

}  // namespace ctr::runtime
