// Programs of the host in a user namespace: workers on files with subordinate owners, and `ctr unshare`.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "base/random.h"
#include "runtime/compile.h"
#include "runtime/launch.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

// Until its user namespace's root: what both kinds of workers begin with.
void emit_worker_start(const IdMap& ids, ProgramBuilder* out) {
  ChildProgram& program = out->program();
  program.clone_flags = CLONE_NEWUSER | CLONE_NEWNS;
  program.first_map = ids;
  program.waits_at_start = true;
  out->act("enter a user namespace");
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  out->add({.kind = ChildOpKind::wait_go});
  out->add({.kind = ChildOpKind::set_group, .x = 0});
  out->add({.kind = ChildOpKind::set_user, .x = 0});
  out->add({.kind = ChildOpKind::set_propagation, .x = MS_REC | MS_SLAVE});
}

void emit_worker_program(const UsernsRequest& request, ProgramBuilder* out) {
  if (!request.cwd.empty()) {
    out->act(fmt::format("change to working directory '{}'", request.cwd));
    const int16_t cwd = out->take_register();
    out->add({.kind = ChildOpKind::open_path, .a = cwd, .text = out->text(request.cwd), .x = O_PATH | O_DIRECTORY});
    out->add({.kind = ChildOpKind::change_dir, .a = cwd});
    out->close_register(cwd);
  }
  out->act("connect the descriptors");
  for (int i = 0; i < 3; ++i) {
    out->add(
        {.kind = ChildOpKind::move_fd, .a = static_cast<int16_t>(k_register_stdin + i), .x = static_cast<uint64_t>(i)});
  }
  out->add({.kind = ChildOpKind::close_on_exec, .x = 3});
  int16_t next = k_register_extra;
  for (const auto& [here, there] : request.fds) {
    if (there > 2) out->add({.kind = ChildOpKind::move_fd, .a = next++, .x = static_cast<uint64_t>(there)});
  }
  out->add({.kind = ChildOpKind::reset_signals});
  out->add({.kind = ChildOpKind::set_parent_death_signal,
            .x = request.lifetime == LaunchRequest::Lifetime::with_launcher ? uint64_t{SIGKILL} : uint64_t{0}});
  for (const std::string& word : request.argv) out->program().argv.push_back(out->text(word));
  for (const std::string& entry : request.env) out->program().envp.push_back(out->text(entry));
  out->act(fmt::format("execute '{}'", request.program));
  out->add({.kind = ChildOpKind::execute, .text = out->text_list({request.program})});
}

// Directories for a trial mount, removed with the object.
class Trial {
 public:
  static Result<Trial> create(const std::string& parent) {
    Trial trial(TRY(Dir::open(parent)), ".probe-" + random_hex(8));
    TRY(trial.parent_.make_dir(trial.name_, 0700));
    const Dir dir = TRY(trial.parent_.open_dir(trial.name_));
    for (const char* name : k_names) TRY(dir.make_dir(name, 0700));
    return trial;
  }
  Trial(Trial&&) noexcept = default;
  Trial& operator=(Trial&&) noexcept = default;
  ~Trial() {
    if (!parent_.valid()) return;
    auto dir = parent_.open_dir(name_);
    if (!dir) return;
    // The kernel leaves work/work, which nobody may read, and which is empty.
    dir->remove_dir("work/work").ignore("made by the kernel only when the mount works");
    for (const char* name : k_names) dir->remove_dir(name).ignore("a trial of ours without content");
    parent_.remove_dir(name_).ignore("a trial of ours without content");
  }
  std::string path(const char* name) const { return parent_.path() + "/" + name_ + "/" + name; }

 private:
  static constexpr const char* k_names[] = {"lower", "upper", "work", "merged"};
  Trial(Dir parent, std::string name) : parent_(std::move(parent)), name_(std::move(name)) {}
  Dir parent_;
  std::string name_;
};

// Remembers that everything before the second go worked.
class ReadyFlag : public LaunchObserver {
 public:
  Result<void> on_created(const CreatedProcess&) override { return ok(); }
  Result<void> before_exec(const CreatedProcess&) override { return reached = true, ok(); }
  bool reached = false;
};

}  // namespace

Result<Child> launch_in_userns(const UsernsRequest& request) {
  TRY(check_map(request.ids));
  int places = 3;
  for (const auto& [here, there] : request.fds) places = std::max(places, there + 1);
  HighDescriptors high(places);
  std::array<int, 3> stdio = {-1, -1, -1};
  ProgramBuilder out;
  StartRequest start{.program = {}, .host = request.host};
  int next = k_register_extra;
  for (const auto& [here, there] : request.fds) {
    if (there < 3)
      stdio[static_cast<size_t>(there)] = here;
    else
      start.descriptors.emplace_back(next++, TRY(high.add(here)));
  }
  if (next - k_register_extra > k_max_extra_fds) {
    return Error(Errc::invalid, fmt::format("{} descriptors; {} can be passed", request.fds.size(), k_max_extra_fds));
  }
  for (int i = 0; i < 3; ++i) {
    start.descriptors.emplace_back(k_register_stdin + i, TRY(high.add(stdio[static_cast<size_t>(i)])));
  }
  emit_worker_start(request.ids, &out);
  emit_worker_program(request, &out);
  start.program = out.take();
  return std::move(TRY(start_program(std::move(start))).init);
}

Result<Child> launch_root_holder(const HostFacts& host, const IdMap& ids, const RootfsPlan& rootfs) {
  RuntimeSpec spec;
  spec.linux_config.ids = ids;
  spec.linux_config.namespaces = {{.type = NamespaceType::user, .path = {}},
                                  {.type = NamespaceType::mount, .path = {}}};
  StartRequest start{.program = TRY(compile_hold(spec, rootfs, host)), .host = host};
  return std::move(TRY(start_program(std::move(start))).init);
}

Result<bool> probe_native_overlay(const HostFacts& host, const std::string& directory) {
  const Trial trial = TRY(Trial::create(directory));
  // Without attributes of users there are no opaque directories (tmpfs before Linux 6.6).
  if (::setxattr(trial.path("upper").c_str(), "user.overlay.opaque", "y", 1, 0) < 0) return false;
  ProgramBuilder out;
  emit_worker_start(single_id_map(host.uid, host.gid), &out);
  const int16_t lower = out.take_registers(3);
  out.add({.kind = ChildOpKind::report_ready});
  out.add({.kind = ChildOpKind::wait_go});
  out.act("try an overlay mount");
  const char* names[] = {"lower", "upper", "work"};
  for (int i = 0; i < 3; ++i) {
    out.add({.kind = ChildOpKind::open_path,
             .a = static_cast<int16_t>(lower + i),
             .text = out.text(trial.path(names[i])),
             .x = O_PATH | O_DIRECTORY});
  }
  out.add({.kind = ChildOpKind::mount_overlay,
           .a = lower,
           .b = static_cast<int16_t>(lower + 1),
           .text = out.text(",userxattr"),
           .more = out.text(trial.path("merged")),
           .x = 1});
  out.add({.kind = ChildOpKind::finish});
  out.program().waits_before_exec = true;
  // User namespaces that do not work at all are another matter than a mount that is refused.
  ReadyFlag ready;
  StartRequest start{.program = out.take(), .host = host};
  start.observer = &ready;
  auto launched = start_program(std::move(start));
  if (!launched) return ready.reached ? Result<bool>(false) : Result<bool>(std::move(launched).error());
  return TRY(launched->init.wait()).code == 0;
}

}  // namespace ctr::runtime
