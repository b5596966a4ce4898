#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <set>

#include "base/wait.h"

namespace ctr {
namespace {

using std::chrono::steady_clock;

constexpr size_t k_output_limit_bytes = size_t{1} << 20;

// The two descriptors of posix_spawn(3), destroyed with the object.
class SpawnPlan {
 public:
  SpawnPlan() {
    CTR_ASSERT(::posix_spawn_file_actions_init(&actions) == 0);
    CTR_ASSERT(::posix_spawnattr_init(&attributes) == 0);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

Result<void> check(int status, const char* act) {
  if (status != 0) return Error::from_errno(act, status);
  return ok();
}

// The child starts as any program expects: no signal blocked, none ignored.
Result<void> plan_attributes(SpawnPlan& plan, SpawnOptions::Session session) {
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  // Every bit: sigfillset(3) of glibc leaves out 32 and 33, which posix_spawn would then set to ignored.
  std::memset(&all, 0xFF, sizeof all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (session == SpawnOptions::Session::fresh) flags |= POSIX_SPAWN_SETSID;
  TRY(check(::posix_spawnattr_setsigmask(&plan.attributes, &none), "set the signal mask of a program"));
  TRY(check(::posix_spawnattr_setsigdefault(&plan.attributes, &all), "set the signals of a program"));
  return check(::posix_spawnattr_setflags(&plan.attributes, static_cast<short>(flags)), "start a program");
}

// Puts the descriptors in their places. `copies` holds duplicates of those whose own number is the place of another:
// the child must not lose them before it comes to them.
Result<void> plan_descriptors(SpawnPlan& plan, std::vector<std::pair<int, int>> fds, std::vector<Fd>& copies) {
  constexpr const char* k_act = "place the descriptors of a program";
  std::set<int> places = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  for (const auto& [here, there] : fds) places.insert(there);
  int last = *places.rbegin();
  for (auto& [here, there] : fds) {
    if (here == there || !places.contains(here)) continue;
    copies.emplace_back(::fcntl(here, F_DUPFD_CLOEXEC, last + 1));
    if (!copies.back().valid()) return Error::from_errno("duplicate a file descriptor");
    here = copies.back().get();
  }
  std::set<int> filled;
  for (const auto& [here, there] : fds) {
    // glibc clears CLOEXEC when both are the same.
    TRY(check(::posix_spawn_file_actions_adddup2(&plan.actions, here, there), k_act));
    filled.insert(there);
  }
  for (int place : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (filled.contains(place)) continue;
    TRY(check(::posix_spawn_file_actions_addopen(&plan.actions, place, "/dev/null", O_RDWR, 0), k_act));
  }
  // What we inherited without CLOEXEC must not go on to the child.
  for (int number = STDERR_FILENO + 1; number < last; ++number) {
    if (!places.contains(number)) TRY(check(::posix_spawn_file_actions_addclose(&plan.actions, number), k_act));
  }
  return check(::posix_spawn_file_actions_addclosefrom_np(&plan.actions, last + 1), k_act);
}

std::vector<char*> to_pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  // execve(2) takes char* const[] for historical reasons and does not write.
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<void> check_texts(const SpawnOptions& options) {
  auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (options.program.empty() || options.program.front() != '/' || has_nul(options.program)) {
    return Error(Errc::invalid, "'" + options.program + "' is not the absolute path of a program");
  }
  if (options.argv.empty() || std::any_of(options.argv.begin(), options.argv.end(), has_nul) ||
      std::any_of(options.env.begin(), options.env.end(), has_nul) || has_nul(options.cwd)) {
    return Error(Errc::invalid, "no arguments, or a NUL byte in those of '" + options.program + "'");
  }
  return ok();
}

// Reads what has come, 1 MiB at most, so that a program that never stops writing does not hold us. False at the end of
// the stream. Bytes over the limit are read and dropped: a program that is blocked on a full pipe would never end.
bool drain(int fd, std::string& into) {
  std::array<char, 65536> chunk;
  for (int turn = 0; turn < 16; ++turn) {
    ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    into.append(chunk.data(), std::min(static_cast<size_t>(count), k_output_limit_bytes - into.size()));
  }
  return true;
}

// One output stream of a program: our end of its pipe, and what came out of it.
struct Stream {
  Fd fd;
  std::string* text;
  void collect() {
    if (fd.valid() && !drain(fd.get(), *text)) fd.reset();
  }
};

// Collects both streams until the program has ended. A grandchild may hold the pipes open for ever, so what has come at
// that moment is all.
Result<void> collect_output(Child& child, std::array<Stream, 2>& streams, const CancelToken& cancel,
                            steady_clock::time_point deadline) {
  while (true) {
    std::array<pollfd, 4> entries = {pollfd{.fd = streams[0].fd.get(), .events = POLLIN, .revents = 0},
                                     pollfd{.fd = streams[1].fd.get(), .events = POLLIN, .revents = 0},
                                     pollfd{.fd = child.pidfd(), .events = POLLIN, .revents = 0},
                                     pollfd{.fd = cancel.fd(), .events = POLLIN, .revents = 0}};
    int count = ::poll(entries.data(), entries.size(), poll_timeout(deadline));
    if (count < 0 && errno != EINTR) return Error::from_errno("wait for a program");
    for (auto& stream : streams) stream.collect();
    if (count > 0 && entries[2].revents != 0) return ok();
    if (count > 0 && entries[3].revents != 0) return Error(Errc::interrupted, "interrupted");
    if (steady_clock::now() >= deadline) return Error(Errc::timed_out, "the program does not end");
  }
}

}  // namespace

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0) return;
  (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

Result<void> Child::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) < 0) {
    return Error::from_errno("send signal " + std::to_string(number) + " to process " + std::to_string(pid_));
  }
  return ok();
}

Result<ExitStatus> Child::wait(const CancelToken& cancel, std::optional<std::chrono::milliseconds> timeout) {
  CTR_ASSERT(pid_ >= 0);
  TRY(wait_for(pidfd_.get(), POLLIN, cancel, timeout));
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0) {
    if (errno != EINTR) return Error::from_errno("wait for process " + std::to_string(pid_));
  }
  pid_ = -1;
  if (info.si_code == CLD_EXITED) return ExitStatus{.code = info.si_status, .signal = 0};
  return ExitStatus{.code = 128 + info.si_status, .signal = info.si_status};
}

Fd Child::release() {
  pid_ = -1;
  return std::move(pidfd_);
}

Result<Child> spawn(const SpawnOptions& options) {
  TRY(check_texts(options));
  SpawnPlan plan;
  std::vector<Fd> copies;
  TRY(plan_attributes(plan, options.session));
  TRY(plan_descriptors(plan, options.fds, copies));
  if (!options.cwd.empty()) {
    TRY(check(::posix_spawn_file_actions_addchdir_np(&plan.actions, options.cwd.c_str()), "start a program"));
  }
  pid_t pid = -1;
  int status = ::posix_spawn(&pid, options.program.c_str(), &plan.actions, &plan.attributes,
                             to_pointers(options.argv).data(), to_pointers(options.env).data());
  if (status != 0) return Error::from_errno("start '" + options.program + "'", status);
  // The number stays ours until we wait for it, even when the process has ended.
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    auto problem = Error::from_errno("open a descriptor of process " + std::to_string(pid));
    (void)::kill(pid, SIGKILL);
    (void)::waitpid(pid, nullptr, 0);
    return problem;
  }
  return Child(pid, std::move(pidfd));
}

Result<Output> run_program(SpawnOptions options, std::string_view input, std::chrono::milliseconds timeout,
                           const CancelToken& cancel) {
  auto deadline = steady_clock::now() + timeout;
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  TRY(set_nonblocking(out.read_end.get()));
  TRY(set_nonblocking(err.read_end.get()));
  Fd memory;
  // A memory file instead of a pipe: the program may read as much of it as it likes, when it likes, and we never block.
  if (!input.empty()) {
    memory = TRY(make_sealed_memfd("input", input));
    options.fds.emplace_back(memory.get(), STDIN_FILENO);
  }
  const auto is_named = [&](int number) {
    return std::any_of(options.fds.begin(), options.fds.end(), [&](const auto& pair) { return pair.second == number; });
  };
  for (const auto& [end, number] :
       {std::pair(out.write_end.get(), STDOUT_FILENO), {err.write_end.get(), STDERR_FILENO}}) {
    if (!is_named(number)) options.fds.emplace_back(end, number);
  }
  Child child = TRY(spawn(options));
  out.write_end.reset();
  err.write_end.reset();

  Output output;
  std::array<Stream, 2> streams = {Stream{.fd = std::move(out.read_end), .text = &output.out},
                                   Stream{.fd = std::move(err.read_end), .text = &output.err}};
  TRY(collect_output(child, streams, cancel, deadline).context("run '" + options.program + "'"));
  for (auto& stream : streams) stream.collect();
  output.status = TRY(child.wait());
  return output;
}

}  // namespace ctr
