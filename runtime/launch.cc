#include "runtime/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "base/file.h"
#include "runtime/common_memory.h"
#include "runtime/compile.h"
#include "runtime/handover.h"
#include "runtime/host_mounts.h"
#include "runtime/launch_core.h"
#include "runtime/launch_facts.h"
#include "runtime/net_devices.h"
#include "runtime/number_list.h"

namespace ctr::runtime {

// That of runtime/entry.cc takes its place.
__attribute__((weak)) CommonMemory ctr_common_memory;

namespace {

// Of the stack below the call that makes it, what a child uses: paths of PATH_MAX bytes.
constexpr uintptr_t k_child_stack_bytes = uintptr_t{24} << 10;

// What connects us and the child; see the picture in launch.h.
struct Wires {
  Pipe go;
  Pipe report;
  SocketPair hand;
};

// One report; nullopt at the end of the pipe.
Result<std::optional<ChildReport>> read_report(int pipe) {
  ChildReport report;
  ssize_t size = -1;
  do size = ::read(pipe, &report, sizeof report);
  while (size < 0 && errno == EINTR);
  if (size < 0) return Error::from_errno("hear from the container's first process");
  // A report is smaller than PIPE_BUF and so comes whole.
  if (size == 0) return std::optional<ChildReport>();
  return std::optional<ChildReport>(report);
}

Error clone_error(const ChildProgram& program) {
  Error error = Error::from_errno("create the container's namespaces");
  if ((program.clone_flags & CLONE_NEWUSER) == 0) return error;
  if (error.sys() == EPERM || error.sys() == ENOSPC || error.sys() == EUSERS) {
    return std::move(error).with_hint("see `ctr doctor`: this user may not create (more) user namespaces");
  }
  return error;
}

// One launch in progress.
class Launch {
 public:
  explicit Launch(StartRequest request) : request_(std::move(request)) {}

  Result<Launched> run() {
    wires_ = Wires{.go = TRY(make_pipe()), .report = TRY(make_pipe()), .hand = TRY(make_socket_pair())};
    Child child = TRY(clone_child());
    close_child_ends();
    if (!program().first_map.empty()) TRY(write_id_maps(child.pid(), program().first_map, request_.host));
    if (program().clones_again) child = TRY(replace_child(std::move(child)));
    if (!program().joined_map.empty()) TRY(check_id_maps(child.pid(), program().joined_map));
    TRY(take_namespaces());
    if (!program().net_devices.empty()) {
      TRY(move_net_devices(program().net_devices, netlink_.get(), network_.get()));
    }
    const LaterSteps later = later_steps(program());
    CreatedProcess created{.pid = child.pid(),
                           .pidfd = child.pidfd(),
                           .netlink_fd = netlink_.get(),
                           .netns_fd = network_.get(),
                           .userns_fd = user_.get(),
                           .sockets = sockets_,
                           .later = &later};
    if (request_.observer != nullptr) TRY(request_.observer->on_created(created));
    if (program().waits_at_start) TRY(go());
    if (request_.observer != nullptr) TRY(request_.observer->beside_mounts(created));
    Fd master = TRY(take_console());
    created.console_fd = master.get();
    if (program().waits_for_hooks) {
      TRY(wait_ready());
      if (request_.observer != nullptr) TRY(request_.observer->on_mounted(created));
      TRY(go());
    }
    if (program().waits_for_outside) {
      TRY(wait_ready());
      TRY(apply_outside(program(), child.pid()));
      TRY(go());
    }
    if (program().waits_before_exec) {
      TRY(wait_ready());
      if (!program().waits_for_outside) TRY(apply_outside(program(), child.pid()));
      if (request_.observer != nullptr) TRY(request_.observer->before_exec(created));
      TRY(go());
    }
    if (program().first_later_step == 0) {
      if (program().hands_over_listener) TRY(forward_listener(child.pid()));
      const auto report = TRY(read_report(wires_.report.read_end.get()));
      if (report) return step_error(program(), *report);
    }
    return Launched{.init = std::move(child), .console_master = std::move(master), .notices = program().notices};
  }

 private:
  const ChildProgram& program() const { return request_.program; }

  Result<Child> clone_child() {
    registers_.assign(k_max_registers, -1);
    registers_[k_register_go] = wires_.go.read_end.get();
    registers_[k_register_report] = wires_.report.write_end.get();
    registers_[k_register_hand] = wires_.hand.theirs.get();
    for (const auto& [number, fd] : request_.descriptors) registers_[static_cast<size_t>(number)] = fd;
    const std::vector<char*> argv = pointers(program().argv);
    const std::vector<char*> envp = pointers(program().envp);
    std::vector<int> ours = request_.private_fds;
    for (const Fd* fd : {&wires_.go.write_end, &wires_.report.read_end, &wires_.hand.ours}) ours.push_back(fd->get());
    const auto common = ctr_common_memory;
    const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    const auto arena = reinterpret_cast<uintptr_t>(program().arena.data());
    const std::array memory = {
        ChildImage::Memory{.begin = common.code_begin, .end = common.code_end},
        ChildImage::Memory{.begin = common.constants_begin, .end = common.constants_end},
        ChildImage::Memory{.begin = here - k_child_stack_bytes, .end = here, .written = true},
        ChildImage::Memory{.begin = arena, .end = arena + program().arena.size(), .written = true},
    };
    const ChildImage image{.ops = program().ops.data(),
                           .op_count = program().ops.size(),
                           .arena = program().arena.data(),
                           .argv = argv.data(),
                           .envp = envp.data(),
                           .registers = registers_.data(),
                           .launcher_fds = ours.data(),
                           .launcher_fd_count = ours.size(),
                           .memory = memory.data(),
                           .memory_count = memory.size()};
    int pidfd = -1;
    clone_args args{};
    args.flags = program().clone_flags | CLONE_PIDFD;
    args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    args.exit_signal = SIGCHLD;
    if (request_.cgroup_fd >= 0) {
      args.flags |= CLONE_INTO_CGROUP;
      args.cgroup = static_cast<uint64_t>(request_.cgroup_fd);
    }
    const long pid = clone_to_run(image, &args, sizeof args);
    if (pid < 0) return clone_error(program());
    return Child::adopt(static_cast<pid_t>(pid), Fd(pidfd));
  }

  std::vector<char*> pointers(const std::vector<uint32_t>& offsets) {
    std::vector<char*> out;
    for (const uint32_t offset : offsets) out.push_back(request_.program.arena.data() + offset);
    out.push_back(nullptr);
    return out;
  }

  // The read end of the go pipe stays: writing to a child that has died must not raise SIGPIPE.
  void close_child_ends() {
    wires_.report.write_end.reset();
    wires_.hand.theirs.reset();
  }

  Result<void> go() { return write_all(wires_.go.write_end.get(), "g", "the start of the container"); }

  // Why the child is silent.
  Error failure() {
    const auto report = read_report(wires_.report.read_end.get());
    if (!report) return report.error();
    if (*report && (*report)->step != ChildReport::k_ready) return step_error(program(), **report);
    return Error(Errc::internal, "the container's first process was killed while it was being set up");
  }

  Result<Handover> expect(uint64_t tag) {
    auto handover = TRY(receive_handover(wires_.hand.ours.get()));
    if (!handover) return failure();
    CTR_ASSERT(handover->tag == tag);
    return std::move(*handover);
  }

  // The first process has cloned the container's and is done.
  Result<Child> replace_child(Child first) {
    if (!program().first_map.empty()) TRY(go());
    Handover handover = TRY(expect(k_tag_pid));
    if (handover.fds.size() != 1) return Error(Errc::internal, "the container's first process came without a pidfd");
    Child child = Child::adopt(static_cast<pid_t>(handover.value), std::move(handover.fds[0]));
    (void)TRY(first.wait());
    return child;
  }

  Result<void> take_namespaces() {
    if (!program().hands_over_namespaces) return ok();
    Handover handover = TRY(expect(k_tag_namespaces));
    if (handover.fds.size() < 3) return Error(Errc::internal, "the namespaces of the container came incomplete");
    netlink_ = std::move(handover.fds[0]);
    network_ = std::move(handover.fds[1]);
    user_ = std::move(handover.fds[2]);
    for (size_t i = 3; i < handover.fds.size(); ++i) sockets_.push_back(std::move(handover.fds[i]));
    return ok();
  }

  Result<Fd> take_console() {
    if (!program().hands_over_console) return Fd();
    Handover handover = TRY(expect(k_tag_console));
    if (handover.fds.size() != 1) return Error(Errc::internal, "the terminal of the container did not come");
    return std::move(handover.fds[0]);
  }

  Result<void> forward_listener(pid_t pid) {
    CTR_ASSERT(request_.agent.has_value());
    const Handover handover = TRY(expect(k_tag_listener));
    if (handover.fds.size() != 1) return Error(Errc::internal, "the listener of the seccomp filter did not come");
    const pid_t container = request_.container_pid != 0 ? request_.container_pid : pid;
    return std::move(*request_.agent).send(request_.subject, container, pid, handover.fds[0].get());
  }

  Result<void> wait_ready() {
    const auto report = TRY(read_report(wires_.report.read_end.get()));
    if (!report) return Error(Errc::internal, "the container's first process was killed while it was being set up");
    if (report->step != ChildReport::k_ready) return step_error(program(), *report);
    return ok();
  }

  StartRequest request_;
  Wires wires_;
  std::vector<int> registers_;
  Fd netlink_;
  Fd network_;
  Fd user_;
  std::vector<Fd> sockets_;
};

std::vector<std::pair<int, int>> to_registers(const std::vector<int>& extra, int first) {
  std::vector<std::pair<int, int>> out;
  for (size_t i = 0; i < extra.size(); ++i) out.emplace_back(first + static_cast<int>(i), extra[i]);
  return out;
}

// One bit for each that is left free.
uint64_t absent(const std::vector<int>& extra) {
  static_assert(k_max_extra_fds <= 64);
  uint64_t bits = 0;
  for (size_t i = 0; i < std::min(extra.size(), size_t{k_max_extra_fds}); ++i) {
    if (extra[i] < 0) bits |= uint64_t{1} << i;
  }
  return bits;
}

// Streams and extra descriptors in the registers the compiler expects them in.
Result<std::vector<std::pair<int, int>>> place_descriptors(const std::array<int, 3>& stdio,
                                                           const std::vector<int>& extra, HighDescriptors* high) {
  if (extra.size() > k_max_extra_fds) {
    return Error(Errc::invalid, fmt::format("{} extra descriptors; {} can be passed", extra.size(), k_max_extra_fds));
  }
  std::vector<int> all;
  for (const int fd : stdio) all.push_back(TRY(high->add(fd)));
  std::vector<std::pair<int, int>> out = to_registers(all, k_register_stdin);
  for (size_t i = 0; i < extra.size(); ++i) {
    if (extra[i] < 0) continue;
    out.emplace_back(k_register_extra + static_cast<int>(i), TRY(high->add(extra[i])));
  }
  return out;
}

// The agent the filter needs; nullopt: it needs none.
Result<std::optional<SeccompAgent>> find_agent(const RuntimeSpec& spec, const SeccompProgram* program) {
  if (program == nullptr || (program->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) {
    return std::optional<SeccompAgent>();
  }
  if (!spec.linux_config.seccomp) return Error(Errc::internal, "the seccomp filter came without its profile");
  return std::optional<SeccompAgent>(TRY(SeccompAgent::connect(*spec.linux_config.seccomp)));
}

Result<void> check_seccomp(const RuntimeSpec& spec, const SeccompProgram* program) {
  if (spec.linux_config.seccomp && program == nullptr) {
    return Error(Errc::internal, "the container's seccomp filter is missing");
  }
  return ok();
}

CompileOptions::Start start_of(const LaunchRequest& request) {
  if (!request.waiting) return CompileOptions::Start::at_go;
  return request.waiting->start_socket < 0 ? CompileOptions::Start::ready_last : CompileOptions::Start::by_socket;
}

// The CPUs the launcher of an exec runs on until the process is in the container's cgroup, and so the process too.
Result<void> limit_own_cpus(const std::string& list) {
  if (list.empty()) return ok();
  const auto mask = parse_number_list(list, k_highest_cpu);
  if (!mask) return Error(Errc::invalid, fmt::format("'{}' is no list of CPUs", list));
  if (::syscall(SYS_sched_setaffinity, 0, mask->size(), mask->data()) < 0) {
    return Error::from_errno(fmt::format("run on CPUs {}", list));
  }
  return ok();
}

}  // namespace

Result<int> HighDescriptors::add(int fd) {
  Fd null_device;
  if (fd < 0) {
    null_device = TRY(open_path("/dev/null", O_RDWR));
    fd = null_device.get();
    if (fd >= places_) {
      copies_.push_back(std::move(null_device));
      return fd;
    }
  } else if (fd >= places_) {
    return fd;
  }
  copies_.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, places_));
  if (!copies_.back().valid()) return Error::from_errno("duplicate a file descriptor");
  return copies_.back().get();
}

std::vector<int> numbered_fds(const std::vector<int>& fds, const std::vector<int>& numbers) {
  std::vector<int> out;
  for (size_t i = 0; i < numbers.size(); ++i) {
    CTR_ASSERT(numbers[i] >= 3 && i < fds.size());
    out.resize(static_cast<size_t>(numbers[i]) - 2, -1);
    out.back() = fds[i];
  }
  return out;
}

Result<Launched> start_program(StartRequest request) { return Launch(std::move(request)).run(); }

Result<Launched> launch(const LaunchRequest& request) {
  TRY(check_seccomp(request.spec, request.seccomp));
  if (!request.spec.process) return Error(Errc::invalid, "the runtime spec has no process");
  CompileOptions options{.seccomp = request.seccomp,
                         .extra_fds = request.extra_fds.size(),
                         .absent_extra_fds = absent(request.extra_fds),
                         .with_launcher = request.lifetime == LaunchRequest::Lifetime::with_launcher,
                         .make_cwd = request.missing_cwd == LaunchRequest::MissingCwd::make,
                         .init_program = request.init_program,
                         .start = start_of(request)};
  options.secrets = request.secrets;
  options.bundle = request.bundle;
  options.unattended = request.unattended;
  options.habits = request.habits;
  options.hook_state = request.hook_state;
  options.hook_stdout = request.hook_output[0] >= 0;
  options.hook_stderr = request.hook_output[1] >= 0;
  options.facts = probe_launch_facts(request.spec, *request.spec.process);
  if (request.root_entry == LaunchRequest::RootEntry::move) {
    options.no_pivot = true;
    const std::string mounts = TRY(read_kernel_file("/proc/self/mountinfo"));
    const bool directory = request.rootfs.kind == RootfsPlan::Kind::directory;
    options.kernel_mounts = kernel_mounts(mounts, directory ? request.rootfs.directory : request.rootfs.mount_point);
  }
  ChildProgram program = TRY(compile_run(request.spec, request.rootfs, request.host, options));
  if (const std::string notice = request.host.single_id_notice();
      !notice.empty() && request.spec.linux_config.ids.is_single()) {
    program.notices.push_back(notice);
  }
  const auto mapped = TRY(make_id_mapped_mounts(program.id_mapped_mounts, request.host));
  HighDescriptors high(3 + static_cast<int>(request.extra_fds.size()));
  StartRequest start{.program = std::move(program), .host = request.host};
  start.descriptors = TRY(place_descriptors(request.stdio, request.extra_fds, &high));
  if (request.waiting) {
    start.descriptors.emplace_back(k_register_waiting, TRY(high.add(request.waiting->lock_fd)));
    if (request.waiting->start_socket >= 0) {
      start.descriptors.emplace_back(k_register_start, TRY(high.add(request.waiting->start_socket)));
    }
  }
  for (size_t i = 0; i < request.hook_output.size(); ++i) {
    if (request.hook_output[i] < 0) continue;
    start.descriptors.emplace_back(k_register_hook_output + static_cast<int>(i), TRY(high.add(request.hook_output[i])));
  }
  for (const auto& [place, mount] : mapped) start.descriptors.emplace_back(place, TRY(high.add(mount.get())));
  if (request.secrets_fd >= 0) start.descriptors.emplace_back(k_register_secrets, TRY(high.add(request.secrets_fd)));
  start.cgroup_fd = request.cgroup_fd;
  start.observer = request.observer;
  start.private_fds = request.private_fds;
  // Whoever starts a program that waits takes the listener.
  if (options.start != CompileOptions::Start::by_socket) start.agent = TRY(find_agent(request.spec, request.seccomp));
  start.subject = request.subject;
  return start_program(std::move(start));
}

Result<Launched> launch_exec(const ExecRequest& request) {
  TRY(check_seccomp(request.spec, request.seccomp));
  pollfd entry{.fd = request.init_pidfd, .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, 0) > 0) return Error(Errc::bad_state, "the container is not running");
  const CompileOptions options{.seccomp = request.seccomp,
                               .extra_fds = request.extra_fds.size(),
                               .absent_extra_fds = absent(request.extra_fds),
                               .with_launcher = request.lifetime == LaunchRequest::Lifetime::with_launcher,
                               .make_cwd = false,
                               .init_program = {},
                               .habits = request.habits,
                               .facts = probe_launch_facts(request.spec, request.process),
                               .by_namespaces = !request.namespaces.empty()};
  ChildProgram program = TRY(compile_exec(request.spec, request.process, request.host, options));
  HighDescriptors high(3 + static_cast<int>(request.extra_fds.size()));
  StartRequest start{.program = std::move(program), .host = request.host};
  start.descriptors = TRY(place_descriptors(request.stdio, request.extra_fds, &high));
  start.descriptors.emplace_back(k_register_init, request.init_pidfd);
  const std::vector<int16_t>& places = start.program.namespace_registers;
  CTR_ASSERT(places.size() == request.namespaces.size());
  for (size_t i = 0; i < places.size(); ++i) {
    start.descriptors.emplace_back(places[i], TRY(high.add(request.namespaces[i])));
  }
  start.cgroup_fd = request.cgroup_fd;
  start.agent = TRY(find_agent(request.spec, request.seccomp));
  start.subject = request.subject;
  start.container_pid = request.init_pid;
  TRY(limit_own_cpus(request.process.cpu_affinity.initial));
  return start_program(std::move(start));
}

Result<std::vector<std::string>> explain_launch(const RuntimeSpec& spec, const RootfsPlan& rootfs,
                                                const HostFacts& host, const std::vector<SecretFile>& secrets) {
  const SeccompProgram placeholder;
  const CompileOptions options{.seccomp = spec.linux_config.seccomp ? &placeholder : nullptr,
                               .extra_fds = 0,
                               .with_launcher = false,
                               .make_cwd = true,
                               .secrets = secrets,
                               .init_program = {}};
  const ChildProgram program = TRY(compile_run(spec, rootfs, host, options));
  std::vector<std::string> lines;
  for (const auto* list : {&program.words, &program.outside_words}) {
    for (const std::string& words : *list) {
      if (lines.empty() || lines.back() != words) lines.push_back(words);
    }
  }
  return lines;
}

}  // namespace ctr::runtime
