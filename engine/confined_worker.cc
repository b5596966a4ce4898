#include "engine/confined_worker.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/channel.h"
#include "engine/transfer.h"
#include "runtime/launch.h"
#include "runtime/seccomp.h"
#include "storage/archive_index.h"
#include "storage/archive_pack.h"
#include "storage/inflate.h"
#include "storage/tree_compare.h"
#include "storage/tree_worker.h"
#include "storage/unpack.h"

namespace ctr::engine {
namespace {

constexpr int k_request_fd = 3;
constexpr size_t k_request_limit_bytes = size_t{32} << 20;

// What a program that only decompresses and writes files never calls: a way to run something, to talk to somebody, to
// look at other processes, or to change its world.
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
  auto profile = TRY(parse_json(k_worker_filter, "the filter of a worker"));
  auto program = TRY(runtime::compile_seccomp(profile));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs");
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.bpf.size() / sizeof(sock_filter));
  filter.filter = reinterpret_cast<sock_filter*>(program.bpf.data());
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
    return Error::from_errno("load the filter of a worker");
  return ok();
}

Result<int> run_verb(std::string_view verb) {
  const auto text = TRY(read_all(k_request_fd, k_request_limit_bytes, "the request of a worker"));
  const auto json = TRY(parse_json(text, "the request of a worker", {.size_bytes = k_request_limit_bytes}));
  const JsonReader reader(json, "the request of a worker");
  if (verb == "index") {
    return storage::run_index_worker(TRY(storage::spool_request_from_json(reader)), load_worker_filter);
  }
  if (verb == "pack") {
    return storage::run_pack_worker(TRY(storage::pack_request_from_json(reader)), load_worker_filter);
  }
  if (verb == "archive-tree") {
    return storage::run_archive_worker(TRY(storage::archive_request_from_json(reader)), load_worker_filter);
  }
  if (verb == "extract-tree") {
    return storage::run_extract_worker(TRY(storage::extract_request_from_json(reader)), load_worker_filter);
  }
  if (verb == "compare-trees") {
    return storage::run_compare_worker(TRY(storage::compare_request_from_json(reader)), load_worker_filter);
  }
  if (verb == "inflate") {
    return storage::run_inflate_worker(TRY(storage::spool_request_from_json(reader)), load_worker_filter);
  }
  return storage::run_unpack_worker(TRY(storage::unpack_request_from_json(reader)), load_worker_filter);
}

}  // namespace

Result<ConfinedWorker> ConfinedWorker::start(const runtime::HostFacts& host, std::string_view verb, const Json& request,
                                             std::vector<std::pair<int, int>> fds) {
  return start(host, host.default_map(), verb, request, std::move(fds));
}

Result<ConfinedWorker> ConfinedWorker::start(const runtime::HostFacts& host, const runtime::IdMap& ids,
                                             std::string_view verb, const Json& request,
                                             std::vector<std::pair<int, int>> fds) {
  auto answer = TRY(make_pipe());
  Fd request_file = TRY(make_sealed_memfd("ctr-worker", dump_json(request)));
  runtime::UsernsRequest process{
      .host = host,
      .ids = ids,
      .program = "/proc/self/exe",
      .argv = {"ctr-transfer", std::string(verb)},
      .env = {},
      .fds = {{2, 2}, {request_file.get(), k_request_fd}, {answer.write_end.get(), k_worker_answer_fd}},
      .cwd = {}};
  process.fds.insert(process.fds.end(), fds.begin(), fds.end());
  Child child = TRY(runtime::launch_in_userns(process).context("start the worker '" + std::string(verb) + "'"));
  return ConfinedWorker(verb, std::move(child), std::move(answer.read_end));
}

Result<ConfinedWorker> ConfinedWorker::start_outside(std::string_view verb, const Json& request,
                                                     std::vector<std::pair<int, int>> fds) {
  auto answer = TRY(make_pipe());
  Fd request_file = TRY(make_sealed_memfd("ctr-worker", dump_json(request)));
  SpawnOptions process;
  process.program = "/proc/self/exe";
  process.argv = {"ctr-transfer", std::string(verb)};
  process.fds = {{2, 2}, {request_file.get(), k_request_fd}, {answer.write_end.get(), k_worker_answer_fd}};
  process.fds.insert(process.fds.end(), fds.begin(), fds.end());
  Child child = TRY(spawn(process).context("start the worker '" + std::string(verb) + "'"));
  return ConfinedWorker(verb, std::move(child), std::move(answer.read_end));
}

Result<Json> ConfinedWorker::finish(const CancelToken& cancel, const JsonLimits& limits) {
  pollfd ready[2] = {{.fd = answer_.get(), .events = POLLIN, .revents = 0},
                     {.fd = cancel.fd(), .events = POLLIN, .revents = 0}};
  while (ready[0].revents == 0) {
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return Error::from_errno("wait for a worker");
    TRY(cancel.check());
  }
  const auto text = TRY(read_all(answer_.get(), limits.size_bytes, "the answer of a worker"));
  const auto status = TRY(child_.wait());
  if (text.empty()) {
    return Error(Errc::internal,
                 "the worker '" + verb_ + "' ended without an answer (exit code " + std::to_string(status.code) + ")");
  }
  return parse_json(text, "the answer of a worker", limits);
}

int run_worker_process(std::string_view verb) {
  const auto code = run_verb(verb);
  if (code) return *code;
  // Before the worker can answer by itself: the same form on the same descriptor.
  const Json answer = Json::object().set("error", to_json(code.error()));
  (void)write_all(k_worker_answer_fd, dump_json(answer), "the answer");
  return 1;
}

}  // namespace ctr::engine
