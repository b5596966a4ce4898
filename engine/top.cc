#include "engine/top.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/identity.h"
#include "engine/launch_record.h"
#include "runtime/state.h"

namespace ctr::engine {

namespace {

constexpr uint64_t k_second_ns = 1'000'000'000;
constexpr size_t k_id_columns = 3;

// A namespace by the number of its file, which is unique while somebody holds it.
struct NamespaceRef {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const NamespaceRef&) const = default;
};

// nullopt when there is no such process or it may not be looked at.
std::optional<NamespaceRef> pid_namespace(const std::string& pid) {
  struct stat status{};
  if (::stat(fmt::format("/proc/{}/ns/pid", pid).c_str(), &status) != 0) return std::nullopt;
  return NamespaceRef{status.st_dev, status.st_ino};
}

// Whether the pid namespace of `pid` is `wanted` or below it.
bool is_inside(const std::string& pid, const NamespaceRef& wanted) {
  auto opened = open_path(fmt::format("/proc/{}/ns/pid", pid), O_RDONLY);
  if (!opened) return false;
  Fd at = std::move(*opened);
  while (true) {
    struct stat status{};
    if (::fstat(at.get(), &status) != 0) return false;
    if (NamespaceRef{status.st_dev, status.st_ino} == wanted) return true;
    // EPERM: what is around is not to be seen from here.
    at = Fd(::ioctl(at.get(), NS_GET_PARENT));
    if (!at.valid()) return false;
  }
}

Result<ProcessFacts> read_facts(const std::string& pid) {
  const auto stat = TRY(read_kernel_file(fmt::format("/proc/{}/stat", pid)));
  const auto status = TRY(read_kernel_file(fmt::format("/proc/{}/status", pid)));
  return parse_process(stat, status);
}

ShownProcess describe(const std::string& pid, ProcessFacts facts) {
  ShownProcess process;
  process.facts = std::move(facts);
  auto words = read_kernel_file(fmt::format("/proc/{}/cmdline", pid)).value_or("");
  while (words.ends_with('\0')) words.pop_back();
  for (char& c : words) c = c == '\0' ? ' ' : c;
  process.command_line = std::move(words);
  // EINVAL without a security module that has such a label.
  const auto label = read_kernel_file(fmt::format("/proc/{}/attr/current", pid)).value_or("");
  const std::string_view text = trim(std::string_view(label).substr(0, label.find('\0')));
  process.label = text.empty() ? "?" : text;
  return process;
}

// One that ends meanwhile is left out.
Result<std::vector<ShownProcess>> find_processes(const NamespaceRef& wanted, size_t depth) {
  std::vector<ShownProcess> found;
  const bool ours = pid_namespace("self") == wanted;
  for (const auto& name : TRY(TRY(Dir::open("/proc")).list())) {
    if (!parse_unsigned(name, "a process", INT32_MAX)) continue;
    auto facts = read_facts(name);
    if (!facts || facts->pids.size() < depth) continue;
    if (ours || is_inside(name, wanted)) found.push_back(describe(name, std::move(*facts)));
  }
  return found;
}

Result<std::vector<runtime::IdRange>> read_ranges(int pid, const char* file) {
  std::vector<runtime::IdRange> ranges;
  for (const auto& line : split(TRY(read_kernel_file(fmt::format("/proc/{}/{}", pid, file))), '\n')) {
    std::vector<uint32_t> numbers;
    for (const auto& word : split(line, ' ')) {
      if (!word.empty()) numbers.push_back(static_cast<uint32_t>(TRY(parse_unsigned(word, file, UINT32_MAX))));
    }
    if (numbers.size() == k_id_columns) ranges.push_back({numbers[0], numbers[1], numbers[2]});
  }
  return ranges;
}

// As the disk has them: a file system that the container has mounted there is not waited for. Without them ids are
// shown as numbers.
Accounts container_accounts(const Dir& dir) {
  const auto read = [&]() -> Result<Accounts> {
    const auto launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), k_launch_file));
    const auto config = TRY(parse_own_json(TRY(dir.read_file(k_config_file)), k_config_file));
    return read_accounts(launch.rootfs, TRY(runtime::spec_from_json(config)).mounts);
  };
  return read().value_or({});
}

uint64_t count_ticks(uint64_t per_second) {
  timespec time{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &time);  // fails for unknown clocks alone
  return static_cast<uint64_t>(time.tv_sec) * per_second +
         static_cast<uint64_t>(time.tv_nsec) * per_second / k_second_ns;
}

Result<TopView> make_view(Core& core, const Dir& dir, int init) {
  TopView view;
  view.id_map = {TRY(read_ranges(init, "uid_map")), TRY(read_ranges(init, "gid_map"))};
  const auto accounts = container_accounts(dir);
  view.users = parse_passwd(accounts.passwd);
  view.groups = parse_group(accounts.group);
  if (core.options().uid == 0) {
    view.host_users = parse_passwd(TRY(read_file_if_exists("/etc/passwd")).value_or(""));
    view.host_groups = parse_group(TRY(read_file_if_exists("/etc/group")).value_or(""));
  }
  view.ticks_per_second = static_cast<uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  const auto last =
      TRY(parse_unsigned(trim(TRY(read_kernel_file("/proc/sys/kernel/cap_last_cap"))), "cap_last_cap", 62));
  view.all_capabilities = (uint64_t{2} << last) - 1;
  return view;
}

}  // namespace

Result<std::vector<std::vector<std::string>>> list_processes(Core& core, const storage::ContainerEntry& entry,
                                                             const std::vector<std::string>& descriptors) {
  const auto dir = TRY(TRY(core.store())->containers().open(entry.id));
  const auto seen = TRY(runtime::observe(dir));
  const bool running = seen.liveness == runtime::Liveness::running || seen.liveness == runtime::Liveness::orphaned;
  const auto not_running = Error(Errc::bad_state, "top can only be used on running containers")
                               .with_hint("start it first, with `ctr start`");
  if (!running || !seen.record.init || seen.record.initialized) return not_running;
  const int init = seen.record.init->pid;
  // Held open, so that the number stays that of the container's first process.
  const auto held = runtime::open_process(*seen.record.init);
  if (!held) return not_running;
  auto view = TRY(make_view(core, dir, init));
  const auto wanted = pid_namespace(std::to_string(init));
  const auto first = read_facts(std::to_string(init));
  if (!wanted || !first) return not_running;
  view.depth = first->pids.size();
  auto processes = TRY(find_processes(*wanted, view.depth));
  view.at = now();
  view.ticks_since_boot = count_ticks(view.ticks_per_second);
  return top_rows(view, std::move(processes), descriptors);
}

}  // namespace ctr::engine
