#include "engine/unpack_worker.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/transfer.h"
#include "runtime/launch.h"
#include "runtime/seccomp.h"

namespace ctr::engine {
namespace {

// Numbers of the descriptors in the worker.
constexpr int k_request_fd = 3;
constexpr int k_blob_fd = 4;
constexpr int k_target_fd = 5;
constexpr int k_answer_fd = 6;
constexpr int k_counts_fd = 7;
constexpr size_t k_answer_limit_bytes = size_t{1} << 20;

std::vector<storage::IdSpan> spans_of(const std::vector<runtime::IdRange>& ranges) {
  std::vector<storage::IdSpan> spans;
  for (const auto& range : ranges) spans.push_back({.first = range.inside, .count = range.size});
  return spans;
}

// With a single mapped id nothing can have another owner: every file then belongs to the user, and the pull says so.
storage::OwnerRules owner_rules(const runtime::IdMap& ids) {
  storage::OwnerRules rules;
  if (ids.is_single()) {
    rules.ignore = true;
    return rules;
  }
  rules.uids = spans_of(ids.uids);
  rules.gids = spans_of(ids.gids);
  return rules;
}

// What a program that only decompresses and writes files never calls: a way to run something, to talk to somebody, to
// look at or signal other processes, to type into the user's terminal, or to change its world.
constexpr const char* k_worker_filter = R"({
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [{
    "names": ["execve", "execveat", "fork", "vfork", "clone", "clone3", "socket", "socketpair", "connect", "bind",
              "listen", "accept", "accept4", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
              "pidfd_open", "pidfd_getfd", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
              "pidfd_send_signal", "ioctl", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsmount", "fspick",
              "move_mount", "open_tree", "mount_setattr", "unshare", "setns", "bpf", "perf_event_open", "userfaultfd",
              "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key",
              "open_by_handle_at", "name_to_handle_at", "init_module", "finit_module", "delete_module", "kexec_load",
              "kexec_file_load", "reboot", "swapon", "swapoff", "setuid", "setgid", "setresuid", "setresgid",
              "setreuid", "setregid", "setgroups", "capset", "sethostname", "setdomainname", "personality"],
    "action": "SCMP_ACT_KILL_PROCESS"
  }]
})";

Result<void> load_worker_filter() {
  auto profile = TRY(parse_json(k_worker_filter, "the filter of the unpack worker"));
  auto program = TRY(runtime::compile_seccomp(profile));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs");
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.bpf.size() / sizeof(sock_filter));
  filter.filter = reinterpret_cast<sock_filter*>(program.bpf.data());
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
    return Error::from_errno("load the filter of the unpack worker");
  return ok();
}

}  // namespace

Result<UnpackWorker> UnpackWorker::start(const runtime::HostFacts& host, Fd blob, Arrival arrival, const Dir& target) {
  auto ids = host.default_map();
  auto answer = TRY(make_pipe());
  auto counts = TRY(make_pipe());
  bool growing = arrival == Arrival::growing;
  storage::UnpackRequest request;
  request.blob_fd = k_blob_fd;
  request.count_fd = growing ? k_counts_fd : -1;
  request.target_fd = k_target_fd;
  request.answer_fd = k_answer_fd;
  request.options.owners = owner_rules(ids);
  Fd request_file = TRY(make_sealed_memfd("ctr-unpack", dump_json(storage::to_json(request))));
  runtime::UsernsRequest process{.host = host,
                                 .ids = ids,
                                 .program = "/proc/self/exe",
                                 .argv = {"ctr-transfer", "unpack"},
                                 .env = {},
                                 .fds = {{2, 2},
                                         {request_file.get(), k_request_fd},
                                         {blob.get(), k_blob_fd},
                                         {target.fd(), k_target_fd},
                                         {answer.write_end.get(), k_answer_fd}},
                                 .cwd = {}};
  if (growing) process.fds.emplace_back(counts.read_end.get(), k_counts_fd);
  Child child = TRY(runtime::launch_in_userns(process).context("start the unpack worker"));
  TRY(set_nonblocking(counts.write_end.get()));
  return UnpackWorker(std::move(child), growing ? std::move(counts.write_end) : Fd(), std::move(answer.read_end));
}

void UnpackWorker::advance(uint64_t valid_bytes) {
  // A full pipe or a dead worker is fine: a later number says more, and finish() tells about the death.
  if (counts_.valid()) (void)!::write(counts_.get(), &valid_bytes, sizeof valid_bytes);
}

Result<void> UnpackWorker::end_of_blob() {
  if (!counts_.valid()) return ok();
  uint64_t mark = storage::k_stream_end;
  while (::write(counts_.get(), &mark, sizeof mark) < 0) {
    // The worker is gone: its answer says why.
    if (errno == EPIPE) break;
    if (errno != EAGAIN && errno != EINTR) return Error::from_errno("end the layer");
    pollfd room{.fd = counts_.get(), .events = POLLOUT, .revents = 0};
    (void)::poll(&room, 1, -1);
  }
  counts_.reset();
  return ok();
}

Result<storage::UnpackedLayer> UnpackWorker::finish(const CancelToken& cancel) {
  pollfd ready[2] = {{.fd = answer_.get(), .events = POLLIN, .revents = 0},
                     {.fd = cancel.fd(), .events = POLLIN, .revents = 0}};
  while (ready[0].revents == 0) {
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return Error::from_errno("wait for the unpack worker");
    TRY(cancel.check());
  }
  auto text = TRY(read_all(answer_.get(), k_answer_limit_bytes, "the answer of the unpack worker"));
  auto status = TRY(child_.wait());
  if (text.empty()) {
    return Error(Errc::internal,
                 "the unpack worker ended without an answer (exit code " + std::to_string(status.code) + ")");
  }
  return storage::unpack_answer_from_json(TRY(parse_json(text, "the answer of the unpack worker")));
}

int run_unpack_process() {
  auto run = []() -> Result<int> {
    auto text = TRY(read_all(k_request_fd, k_answer_limit_bytes, "the request of the unpack worker"));
    auto json = TRY(parse_json(text, "the request of the unpack worker"));
    auto request = TRY(storage::unpack_request_from_json(JsonReader(json, "the request of the unpack worker")));
    return storage::run_unpack_worker(request, load_worker_filter);
  };
  auto code = run();
  if (code) return *code;
  // Before the worker can answer by itself: the same form on the same descriptor.
  (void)write_all(k_answer_fd, dump_json(storage::to_json(Result<storage::UnpackedLayer>(code.error()))), "the answer");
  return 1;
}

}  // namespace ctr::engine
