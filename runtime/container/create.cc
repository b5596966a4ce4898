#include "runtime/container/create.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>

#include <algorithm>

#include "base/channel.h"
#include "base/lock.h"
#include "runtime/cgroup.h"
#include "runtime/container/descriptor_socket.h"
#include "runtime/container/pid_file.h"
#include "runtime/container/remove.h"
#include "runtime/container/status.h"

namespace ctr::runtime {
namespace {

// The terminal of the caller turns line feeds into new lines; a second one in between would do it twice.
Result<void> keep_line_ends(int master) {
  termios modes{};
  if (::tcgetattr(master, &modes) < 0) return Error::from_errno("read the modes of the terminal");
  modes.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  if (::tcsetattr(master, TCSANOW, &modes) < 0) return Error::from_errno("set the modes of the terminal");
  return ok();
}

// Records the first process as soon as there is one, so that whatever happens to us it can be found.
class Recorder final : public LaunchObserver {
 public:
  Recorder(LockedContainer& container, const CreateRequest& request) : container_(container), request_(request) {}

  Result<void> on_created(const CreatedProcess& process) override {
    container_.record.init = TRY(process_ref(process.pid));
    return write_record(container_.dir, container_.record);
  }

  Result<void> before_exec(const CreatedProcess& process) override {
    if (process.console_fd >= 0) TRY(keep_line_ends(process.console_fd));
    container_.record.ready = true;
    container_.record.later = *process.later;
    TRY(write_record(container_.dir, container_.record));
    if (!request_.pid_file.empty()) TRY(write_pid_file(request_.pid_file, process.pid));
    return ok();
  }

 private:
  LockedContainer& container_;
  const CreateRequest& request_;
};

// What sd_listen_fds(3) reads. The program is the first process of its pid namespace.
void tell_listening(size_t count, std::vector<std::string>& env) {
  if (count == 0) return;
  for (const std::string& entry : {fmt::format("LISTEN_FDS={}", count), std::string("LISTEN_PID=1")}) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    const auto same = [&](const std::string& other) { return other.starts_with(name); };
    if (std::none_of(env.begin(), env.end(), same)) env.push_back(entry);
  }
}

// One container in the making: what is made so far goes with this object until commit().
class Creation {
 public:
  Creation(const CreateRequest& request, LockedContainer container)
      : request_(request), container_(std::move(container)) {}
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;
  ~Creation() {
    if (container_)
      discard_container(request_.root, std::move(*container_), request_.host).ignore("the first error counts");
  }

  Result<CreatedContainer> run(const PreparedBundle& bundle) {
    ContainerRecord& record = container_->record;
    record.oci_version = bundle.spec.oci_version;
    record.bundle = bundle.bundle;
    record.rootfs = bundle.rootfs.directory;
    record.created = now();
    record.uid = request_.host.uid;
    record.annotations = bundle.spec.annotations;
    record.boot_id = TRY(read_boot_id());
    TRY(container_->dir.write_file(k_config_file, bundle.config_text, Sync::no));
    TRY(connect_sockets(*bundle.spec.process));
    Launched launched = TRY(launch_bundle(bundle));
    TRY(hand_out(launched));
    CreatedContainer out{.container = std::move(*container_), .launched = std::move(launched)};
    container_.reset();
    return out;
  }

 private:
  // Before anything is made: a caller that does not listen gets no container.
  Result<void> connect_sockets(const SpecProcess& process) {
    const bool wanted = !request_.console_socket.empty();
    if (process.terminal && !wanted && request_.terminal == CreateRequest::Terminal::socket) {
      return Error(Errc::invalid, "use --console-socket with --detach when a terminal is used");
    }
    if (wanted && !process.terminal) {
      return Error(Errc::invalid, "--console-socket is for containers with a terminal; process.terminal is false");
    }
    if (wanted) console_ = TRY(connect_descriptor_socket(request_.console_socket));
    if (!request_.pidfd_socket.empty()) pidfd_ = TRY(connect_descriptor_socket(request_.pidfd_socket));
    return ok();
  }

  Result<void> hand_out(Launched& launched) {
    if (console_.valid()) {
      TRY(send_descriptor(console_.get(), launched.console_master.get(), "/dev/ptmx"));
      launched.console_master.reset();
    }
    if (pidfd_.valid()) TRY(send_descriptor(pidfd_.get(), launched.init.pidfd(), "pidfd"));
    return ok();
  }

  Result<Launched> launch_bundle(const PreparedBundle& bundle) {
    const SpecResources resources = bundle.spec.linux_config.resources.value_or(SpecResources());
    auto cgroup = TRY(Cgroup::create(request_.id, resources, request_.host));
    if (cgroup) container_->record.cgroup_path = cgroup->path();
    TRY(write_record(container_->dir, container_->record));
    auto waiting = TRY(FileLock::try_acquire(container_->dir, k_waiting_lock, LockMode::exclusive));
    if (!waiting) return Error(Errc::in_use, fmt::format("container '{}' is being made by somebody else", request_.id));
    Fd socket;
    if (request_.start == CreateRequest::Start::by_command) {
      socket = TRY(Channel::listen(container_->dir, k_start_socket));
    }
    Recorder recorder(*container_, request_);
    LaunchRequest launch_request{.spec = bundle.spec, .rootfs = bundle.rootfs, .host = request_.host};
    launch_request.stdio = {0, 1, 2};
    launch_request.extra_fds = request_.extra_fds;
    launch_request.seccomp = bundle.seccomp ? &*bundle.seccomp : nullptr;
    launch_request.cgroup_fd = cgroup ? cgroup->fd() : -1;
    launch_request.habits.keyring = request_.keyring;
    launch_request.observer = &recorder;
    launch_request.waiting = LaunchRequest::Waiting{.lock_fd = waiting->fd(), .start_socket = socket.get()};
    launch_request.private_fds = {container_->lock.fd()};
    return launch(launch_request);
  }

  const CreateRequest& request_;
  std::optional<LockedContainer> container_;
  Fd console_;
  Fd pidfd_;
};

}  // namespace

Result<CreatedContainer> create_container(const CreateRequest& request) {
  TRY(check_container_id(request.id));
  PreparedBundle bundle = TRY(prepare_bundle(request.bundle, request.config_path, request.host));
  tell_listening(request.listening_fds, bundle.spec.process->env);
  Creation creation(request, TRY(request.root.reserve(request.id)));
  return creation.run(bundle);
}

}  // namespace ctr::runtime
