#include "runtime/container/create.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/channel.h"
#include "base/lock.h"
#include "runtime/cgroup.h"
#include "runtime/container/pid_file.h"
#include "runtime/container/remove.h"
#include "runtime/container/status.h"

namespace ctr::runtime {
namespace {

// Records the first process as soon as there is one, so that whatever happens to us it can be found.
class Recorder final : public LaunchObserver {
 public:
  Recorder(LockedContainer& container, const CreateRequest& request) : container_(container), request_(request) {}

  Result<void> on_created(const CreatedProcess& process) override {
    container_.record.init = TRY(process_ref(process.pid));
    return write_record(container_.dir, container_.record);
  }

  Result<void> before_exec(const CreatedProcess& process) override {
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
    Launched launched = TRY(launch_bundle(bundle));
    CreatedContainer out{.container = std::move(*container_), .launched = std::move(launched)};
    container_.reset();
    return out;
  }

 private:
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
    launch_request.observer = &recorder;
    launch_request.waiting = LaunchRequest::Waiting{.lock_fd = waiting->fd(), .start_socket = socket.get()};
    launch_request.private_fds = {container_->lock.fd()};
    return launch(launch_request);
  }

  const CreateRequest& request_;
  std::optional<LockedContainer> container_;
};

}  // namespace

Result<CreatedContainer> create_container(const CreateRequest& request) {
  TRY(check_container_id(request.id));
  const PreparedBundle bundle = TRY(prepare_bundle(request.bundle, request.config_path, request.host));
  Creation creation(request, TRY(request.root.reserve(request.id)));
  return creation.run(bundle);
}

}  // namespace ctr::runtime
