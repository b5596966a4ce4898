#include "tests/unit/runtime/support.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "base/fd.h"
#include "base/file.h"

extern char** environ;

namespace ctr::test {
namespace {

using namespace ctr::runtime;

void must(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what);
}

// Until the last writer is gone; a terminal's end is EIO.
std::string drain(int fd) {
  std::string out;
  std::array<char, 4096> chunk;
  for (;;) {
    const ssize_t size = ::read(fd, chunk.data(), chunk.size());
    if (size <= 0) return out;
    out.append(chunk.data(), static_cast<size_t>(size));
  }
}

Result<Ran> finish(Child process, Fd output) {
  Ran ran;
  ran.out = drain(output.get());
  ran.code = TRY(process.wait()).code;
  return ran;
}

SpecMount mount(const char* destination, const char* type, std::vector<std::string> options) {
  return {.destination = destination, .type = type, .source = type, .options = std::move(options)};
}

std::vector<SpecMount> default_mounts() {
  return {
      mount("/proc", "proc", {"nosuid", "noexec", "nodev"}),
      mount("/dev", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mount("/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mount("/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      mount("/sys/fs/cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"}),
  };
}

}  // namespace

TemporaryDirectory::TemporaryDirectory()
    : path_(std::filesystem::temp_directory_path().string() + "/ctr-runtime-test-XXXXXX") {
  must(::mkdtemp(path_.data()) != nullptr, "mkdtemp");
}

// What a container made belongs to subordinate ids: it is removed by their root.
TemporaryDirectory::~TemporaryDirectory() {
  const HostFacts host = host_facts();
  const UsernsRequest request{.host = host,
                              .ids = host.default_map(),
                              .program = "/bin/busybox",
                              .argv = {"busybox", "rm", "-rf", path_},
                              .env = {},
                              .fds = {},
                              .cwd = {}};
  if (auto worker = launch_in_userns(request)) worker->wait().ignore("the directory is temporary");
}

void make_directory(const std::string& path, mode_t mode) {
  std::filesystem::create_directories(path);
  must(::chmod(path.c_str(), mode) == 0, "chmod " + path);
}

void make_file(const std::string& path, const std::string& content, mode_t mode) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  must(static_cast<bool>(create_file(path, content, mode)), "create " + path);
  must(::chmod(path.c_str(), mode) == 0, "chmod " + path);
}

void make_link(const std::string& target, const std::string& path) {
  must(::symlink(target.c_str(), path.c_str()) == 0, "symlink " + path);
}

HostFacts host_facts() {
  auto facts = probe_host_facts(read_environment(environ));
  must(static_cast<bool>(facts), facts ? "" : facts.error().text());
  return *facts;
}

RuntimeSpec default_spec(const IdMap& ids) {
  RuntimeSpec spec;
  SpecProcess process;
  process.env = {"PATH=/bin", "TERM=dumb"};
  const std::vector<std::string> caps = {"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",
                                         "CAP_SETGID", "CAP_SETUID",       "CAP_KILL"};
  process.capabilities =
      SpecCapabilities{.bounding = caps, .effective = caps, .inheritable = {}, .permitted = caps, .ambient = {}};
  spec.process = std::move(process);
  spec.hostname = "sandbox";
  spec.mounts = default_mounts();
  for (const NamespaceType type : {NamespaceType::pid, NamespaceType::network, NamespaceType::ipc, NamespaceType::uts,
                                   NamespaceType::mount, NamespaceType::user, NamespaceType::cgroup}) {
    spec.linux_config.namespaces.push_back({.type = type, .path = {}});
  }
  spec.linux_config.ids = ids;
  spec.linux_config.masked_paths = {"/proc/keys", "/proc/acpi", "/sys/firmware", "/proc/not-there"};
  spec.linux_config.readonly_paths = {"/proc/sys", "/proc/bus"};
  return spec;
}

uint32_t run_filter(const std::string& bpf, const seccomp_data& call) {
  std::vector<sock_filter> program(bpf.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bpf.data(), bpf.size());
  uint32_t accumulator = 0;
  for (size_t at = 0;; ++at) {
    must(at < program.size(), "a filter runs past its end");
    const sock_filter& step = program[at];
    bool taken = false;
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + step.k, sizeof accumulator);
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        continue;
      case BPF_RET | BPF_K:
        return step.k;
      case BPF_JMP | BPF_JA:
        at += step.k;
        continue;
      case BPF_JMP | BPF_JEQ | BPF_K:
        taken = accumulator == step.k;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        taken = accumulator > step.k;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        taken = accumulator >= step.k;
        break;
      default:
        must(false, "a filter has an instruction that seccomp does not take");
    }
    at += taken ? step.jt : step.jf;
  }
}

std::string output(const Result<Ran>& ran) { return ran ? ran->out : "ERROR " + ran.error().text(); }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Sandbox::Sandbox() : host(host_facts()), spec(default_spec(host.default_map())) {
  for (const char* name : {"upper", "work", "merged", "layer/bin", "layer/etc", "layer/tmp"}) {
    make_directory(directory_ / name);
  }
  std::filesystem::copy_file("/bin/busybox", layer("bin/busybox"));
  for (const char* applet :
       {"sh",    "cat",  "ls",       "id",   "grep", "stat", "touch",  "mount",   "cut",     "ip",
        "true",  "tty",  "readlink", "wc",   "kill", "env",  "ps",     "chown",   "mkdir",   "echo",
        "sleep", "stty", "hostname", "head", "dd",   "tr",   "ionice", "linux32", "linux64", "uname"}) {
    make_link("busybox", layer(std::string("bin/") + applet));
  }
  plan.kind = RootfsPlan::Kind::overlay;
  plan.mount_point = directory_ / "merged";
  plan.lower_dirs = {directory_ / "layer"};
  plan.upper_dir = directory_ / "upper";
  plan.work_dir = directory_ / "work";
}

LaunchRequest Sandbox::request() const {
  LaunchRequest out{.spec = spec, .rootfs = plan, .host = host};
  out.extra_fds = extra_fds;
  out.init_program = init_program;
  out.bundle = bundle;
  out.root_entry = root_entry;
  out.habits = habits;
  out.subject = {.id = "box", .bundle = directory_.path(), .status = "creating", .annotations = {}};
  if (spec.linux_config.seccomp) out.seccomp = &seccomp;
  out.lifetime = LaunchRequest::Lifetime::with_launcher;
  return out;
}

Result<Ran> Sandbox::run(const std::vector<std::string>& words) {
  spec.process->args = words;
  Pipe output = TRY(make_pipe());
  LaunchRequest launch_request = request();
  launch_request.stdio = {-1, output.write_end.get(), output.write_end.get()};
  Launched launched = TRY(launch(launch_request));
  output.write_end.reset();
  return finish(std::move(launched.init), std::move(output.read_end));
}

Result<Ran> Sandbox::run_on_terminal(const std::vector<std::string>& words) {
  spec.process->args = words;
  spec.process->terminal = true;
  spec.process->console_size = ConsoleSize{.height = 33, .width = 77};
  Launched launched = TRY(launch(request()));
  return finish(std::move(launched.init), std::move(launched.console_master));
}

Result<Launched> Sandbox::start(const std::vector<std::string>& words) {
  spec.process->args = words;
  return launch(request());
}

Result<Ran> Sandbox::exec(const Launched& container, const std::vector<std::string>& words) {
  SpecProcess process = *spec.process;
  process.args = words;
  Pipe output = TRY(make_pipe());
  ExecRequest exec_request{.spec = spec, .process = process, .host = host};
  exec_request.init_pidfd = container.init.pidfd();
  exec_request.init_pid = container.init.pid();
  exec_request.stdio = {-1, output.write_end.get(), output.write_end.get()};
  if (spec.linux_config.seccomp) exec_request.seccomp = &seccomp;
  exec_request.habits = habits;
  exec_request.subject = {.id = "box", .bundle = directory_.path(), .status = "running", .annotations = {}};
  exec_request.lifetime = LaunchRequest::Lifetime::with_launcher;
  Launched launched = TRY(launch_exec(exec_request));
  output.write_end.reset();
  Fd stream = process.terminal ? std::move(launched.console_master) : std::move(output.read_end);
  return finish(std::move(launched.init), std::move(stream));
}

}  // namespace ctr::test
