// The steps of a launch, as golden files: what the kernel is asked for, in which order, for which spec.
#include "runtime/compile.h"

#include <functional>

#include "runtime/launch.h"
#include "tests/catch.h"
#include "tests/unit/runtime/plans.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::compare_golden;
using ctr::test::compiled;
using ctr::test::compiled_on;
using ctr::test::plain_host;
using ctr::test::plain_rootfs;
using ctr::test::plain_spec;
using ctr::test::steps_about;

TEST_CASE("the steps of a plain container") { compare_golden("plain.steps", compiled(plain_spec(), plain_rootfs())); }

TEST_CASE("the steps of a container with a terminal, a filter, volumes and its root read-only") {
  RuntimeSpec spec = plain_spec();
  spec.root.readonly = true;
  spec.process->terminal = true;
  spec.process->console_size = ConsoleSize{.height = 24, .width = 80};
  spec.process->no_new_privileges = true;
  spec.process->user = {.uid = 7, .gid = 8, .additional_gids = {9}, .umask = 027};
  spec.process->rlimits = {{.type = "RLIMIT_CORE", .soft = 0, .hard = 0}};
  spec.process->oom_score_adj = 5;
  spec.linux_config.sysctl = {{"net.ipv4.ip_forward", "1"}};
  spec.mounts.push_back({.destination = "/data", .type = "bind", .source = "/host/data", .options = {"rbind", "ro"}});
  spec.mounts.push_back(
      {.destination = "/slave", .type = "bind", .source = "/host/slave", .options = {"rbind", "rslave"}});
  spec.mounts.push_back({.destination = "/run/", .type = "tmpfs", .source = {}, .options = {"tmpcopyup", "ro"}});
  const SeccompProgram filter{.bpf = std::string(16, 'x'), .flags = 4};
  CompileOptions options;
  options.seccomp = &filter;
  options.extra_fds = 2;
  options.init_program = "/libexec/ctr-init";
  options.make_cwd = true;
  compare_golden("everything.steps", compiled(spec, plain_rootfs(), options));
}

TEST_CASE("the steps with the host's network, and with the namespaces of another container") {
  RuntimeSpec spec = plain_spec();
  std::erase_if(spec.linux_config.namespaces, [](const auto& entry) { return entry.type == NamespaceType::network; });
  compare_golden("host-network.steps", compiled(spec, plain_rootfs()));
  for (SpecNamespace& entry : spec.linux_config.namespaces) {
    if (entry.type == NamespaceType::user || entry.type == NamespaceType::pid) {
      entry.path = "/proc/42/ns/" + std::string(namespace_name(entry.type));
    }
  }
  compare_golden("joined.steps", compiled(spec, plain_rootfs()));
}

TEST_CASE("the steps of the holder of what another runtime finds") {
  RuntimeSpec spec;
  spec.linux_config.namespaces = {{.type = NamespaceType::user, .path = {}},
                                  {.type = NamespaceType::mount, .path = {}},
                                  {.type = NamespaceType::network, .path = {}}};
  spec.linux_config.ids = plain_host().default_map();
  const auto program = compile_hold(spec, plain_rootfs(), plain_host());
  REQUIRE(program);
  compare_golden("holder.steps", format_program(*program));
}

TEST_CASE("the steps of keep-id on fuse-overlayfs") {
  RuntimeSpec spec = plain_spec();
  spec.linux_config.ids = keep_id_map(plain_host().default_map(), 1000, 1000);
  RootfsPlan plan = plain_rootfs();
  plan.kind = RootfsPlan::Kind::fuse;
  plan.shift_ids = true;
  compare_golden("keep-id.steps", compiled(spec, plan));
}

TEST_CASE("paths that fuse-overlayfs would read as options are escaped, or refused") {
  RootfsPlan plan;
  plan.lower_dirs = {"/a,b/1", "/c\\d/2"};
  CHECK(fuse_directories(plan).value() == "lowerdir=/a\\,b/1:/c\\\\d/2");
  plan.upper_dir = "/u,v";
  plan.work_dir = "/w";
  CHECK(fuse_directories(plan).value() == "lowerdir=/a\\,b/1:/c\\\\d/2,upperdir=/u\\,v,workdir=/w");
  plan.lower_dirs.push_back("/e:f/3");
  const auto refused = fuse_directories(plan);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::unsupported);
}

TEST_CASE("fuse-overlayfs for a user namespace that is joined runs in the one around it") {
  RuntimeSpec spec = plain_spec();
  spec.linux_config.ids = keep_id_map(plain_host().default_map(), 1000, 1000);
  for (auto& entry : spec.linux_config.namespaces) {
    if (entry.type == NamespaceType::user) entry.path = "/inner";
  }
  RootfsPlan plan = plain_rootfs();
  plan.kind = RootfsPlan::Kind::fuse;
  plan.shift_ids = true;
  CHECK(compiled(spec, plan).find("needs the user namespace around the joined one") != std::string::npos);
  plan.outer_namespace = "/outer";
  const Json json = to_json(plan);
  CHECK(rootfs_plan_from_json(JsonReader(json, "plan")).value() == plan);
  const std::string text = compiled(spec, plan);
  compare_golden("joined-fuse.steps", text.substr(0, text.find("# hand the network namespace")));
}

TEST_CASE("the /dev/shm of another container is copied where it is, and found at a place of the caller's") {
  RuntimeSpec spec = plain_spec();
  for (auto& entry : spec.linux_config.namespaces) {
    if (entry.type == NamespaceType::user) entry.path = "/inner";
  }
  RootfsPlan plan = plain_rootfs();
  plan.shm_namespace = "/mounts";
  plan.shm_place = "/bundle/shared-shm";
  const Json json = to_json(plan);
  CHECK(rootfs_plan_from_json(JsonReader(json, "plan")).value() == plan);
  const std::string text = compiled(spec, plan);
  size_t at = 0;
  for (const char* step : {"# share /dev/shm of '/mounts'", "\n   unshare", "\n   set_propagation", "/proc/self/ns/mnt",
                           "\n   set_namespace", "/dev/shm", "\n   clone_tree", "\n   set_namespace",
                           "/bundle/shared-shm", "\n   attach_mount", "# clone the container's first process"}) {
    at = text.find(step, at);
    INFO(step);
    CHECK(at != std::string::npos);
  }
}

TEST_CASE("the steps of a container that waits to be started") {
  RuntimeSpec spec = plain_spec();
  const SeccompProgram filter{.bpf = std::string(16, 'x'), .flags = 0};
  CompileOptions options;
  options.seccomp = &filter;
  options.start = CompileOptions::Start::by_socket;
  const auto last_steps = [](const std::string& text) { return text.substr(text.find("# hide from the container")); };
  compare_golden("created.steps", last_steps(compiled(spec, plain_rootfs(), options)));
  spec.process->no_new_privileges = true;
  compare_golden("created-no-new-privileges.steps", last_steps(compiled(spec, plain_rootfs(), options)));
}

TEST_CASE("the steps of hooks, of the runtime's and of the container's own") {
  RuntimeSpec spec = plain_spec();
  const SpecHook hook{.path = "/host/hook", .args = {"hook"}, .env = {}, .timeout = {}};
  spec.hooks.prestart = {hook};
  spec.hooks.create_container = {hook};
  spec.hooks.start_container = {hook};
  CompileOptions options;
  options.start = CompileOptions::Start::by_socket;
  options.hook_state = {.before_pid = "{\"pid\":", .behind_pid = "}", .directory = "/bundle"};
  options.hook_stderr = true;
  const std::string text = compiled(spec, plain_rootfs(), options);
  compare_golden("hooks.steps", text.substr(text.find("# open the container's namespaces")));
}

TEST_CASE("the steps of putting files into the root") {
  RootfsPlan plan = plain_rootfs();
  plan.edits = {{RootEdit::Kind::append, "/etc/passwd", "/store/c/passwd"},
                {RootEdit::Kind::replace, "/etc/localtime", "/usr/share/zoneinfo/UTC"},
                {RootEdit::Kind::link, "/here", "there"}};
  compare_golden("edits.steps", compiled(plain_spec(), plan));
  const Json json = to_json(plan);
  CHECK(rootfs_plan_from_json(JsonReader(json, "plan")).value() == plan);
}

TEST_CASE("the steps of secrets, side by side in memory and at places of their own") {
  CompileOptions options;
  options.secrets = {{.target = "key", .uid = 7, .gid = 8, .mode = 0400, .size_bytes = 6},
                     {.target = "/etc/app/key", .size_bytes = 5000}};
  compare_golden("secrets.steps", compiled(plain_spec(), plain_rootfs(), options));
}

TEST_CASE("the steps of exec") {
  const RuntimeSpec spec = plain_spec();
  const auto program = compile_exec(spec, *spec.process, plain_host(), {});
  REQUIRE(program);
  compare_golden("exec.steps", format_program(*program));
  CompileOptions options;
  options.by_namespaces = true;
  options.habits.line_feeds = ProcessHabits::LineFeeds::kept;
  SpecProcess process = *spec.process;
  process.terminal = true;
  const auto waiting = compile_exec(spec, process, plain_host(), options);
  REQUIRE(waiting);
  compare_golden("exec-waiting.steps", format_program(*waiting));
}

TEST_CASE("the steps of a process with a scheduler, priorities, a personality and an agent") {
  RuntimeSpec spec = plain_spec();
  SpecProcess& process = *spec.process;
  process.env.push_back("HOME=/root");
  process.scheduler = SpecScheduler{.policy = "SCHED_BATCH", .nice = 3, .flags = {"SCHED_FLAG_RESET_ON_FORK"}};
  process.io_priority = SpecIoPriority{.io_class = "IOPRIO_CLASS_BE", .priority = 6};
  process.cpu_affinity = {.initial = "0", .final_cpus = "0-1"};
  process.apparmor_profile = "profile";
  process.selinux_label = "label";
  process.oom_score_adj = 5;
  process.rlimits = {{.type = "RLIMIT_CORE", .soft = 0, .hard = 0}};
  spec.linux_config.personality = "LINUX32";
  spec.linux_config.memory_policy =
      SpecMemoryPolicy{.mode = "MPOL_BIND", .nodes = "0-1", .flags = {"MPOL_F_STATIC_NODES"}};
  const SeccompProgram filter{.bpf = std::string(16, 'x'), .flags = 8};  // NEW_LISTENER
  CompileOptions options;
  options.seccomp = &filter;
  options.habits.cpus = ProcessHabits::Cpus::all;
  HostFacts host = plain_host();
  host.apparmor = true;
  host.selinux = true;
  const auto run = compile_run(spec, plain_rootfs(), host, options);
  REQUIRE(run);
  compare_golden("process.steps", format_program(*run));
  options.habits.keyring = ProcessHabits::Keyring::inherited;
  const auto exec = compile_exec(spec, process, host, options);
  REQUIRE(exec);
  compare_golden("process-exec.steps", format_program(*exec));
  // Root on the host does from outside what root of a user namespace has no right to.
  host.uid = host.gid = 0;
  const auto by_root = compile_run(spec, plain_rootfs(), host, options);
  REQUIRE(by_root);
  compare_golden("process-by-root.steps", format_program(*by_root));
  const auto exec_by_root = compile_exec(spec, process, host, options);
  REQUIRE(exec_by_root);
  compare_golden("process-exec-by-root.steps", format_program(*exec_by_root));
}

TEST_CASE("the words of the steps are what --explain prints") {
  const auto lines = explain_launch(plain_spec(), plain_rootfs(), plain_host());
  REQUIRE(lines);
  std::string text;
  for (const std::string& line : *lines) text += line + "\n";
  compare_golden("explain.txt", text);
}

TEST_CASE("what contradicts itself is refused before anything starts") {
  const auto refused = [](const std::function<void(RuntimeSpec*)>& spoil) {
    RuntimeSpec spec = plain_spec();
    spoil(&spec);
    return compiled(spec, plain_rootfs());
  };
  CHECK(refused([](RuntimeSpec* spec) { spec->process->args.clear(); }) == "ERROR no command is given");
  CHECK(refused([](RuntimeSpec* spec) { spec->process.reset(); }) == "ERROR the runtime spec has no process");
  CHECK(refused([](RuntimeSpec* spec) { spec->process->cwd = "relative"; }) ==
        "ERROR working directory 'relative' is not an absolute path");
  CHECK(refused([](RuntimeSpec* spec) { spec->process->env = {std::string("A=\0b", 4)}; }) ==
        "ERROR an environment variable contains a NUL byte");
  CHECK(refused([](RuntimeSpec* spec) {
          spec->linux_config.namespaces.push_back({.type = NamespaceType::pid, .path = {}});
        }) == "ERROR namespace 'pid' is listed twice");
  CHECK(refused([](RuntimeSpec* spec) { spec->process->rlimits = {{.type = "RLIMIT_X", .soft = 1, .hard = 1}}; }) ==
        "ERROR 'RLIMIT_X' is no resource limit");
  CHECK(refused([](RuntimeSpec* spec) {
          spec->process->rlimits = {{.type = "RLIMIT_CORE", .soft = 1, .hard = 1},
                                    {.type = "RLIMIT_CORE", .soft = 1, .hard = 1}};
        }) == "ERROR resource limit 'RLIMIT_CORE' is given twice");
  CHECK(refused([](RuntimeSpec* spec) {
          spec->mounts.push_back({.destination = "/proc/self/x", .type = "tmpfs", .source = {}, .options = {}});
        }) == "ERROR mount at '/proc/self/x': inside '/proc', only some files can be mounted on");
  CHECK(refused([](RuntimeSpec* spec) {
          spec->mounts.push_back({.destination = "//.", .type = "tmpfs", .source = {}, .options = {}});
        }) == "ERROR mount at '/': it cannot replace the root directory");
  CHECK(refused([](RuntimeSpec* spec) { spec->linux_config.rootfs_propagation = "loud"; }) ==
        "ERROR rootfsPropagation 'loud' is not known");
  CHECK(refused([](RuntimeSpec* spec) { spec->linux_config.ids = {}; }) ==
        "ERROR the uid map of the user namespace is empty");
}

TEST_CASE("a user with one id has the primary group alone") {
  HostFacts host = plain_host();
  host.subuids = host.subgids = {};
  RuntimeSpec spec = plain_spec();
  spec.linux_config.ids = host.default_map();
  spec.process->args = {"program"};
  spec.process->user.additional_gids = {0};
  CHECK(steps_about(compiled_on(host, spec), "become user|set the additional groups").find("set_groups") ==
        std::string::npos);
  CHECK_FALSE(compiled_on(host, spec).starts_with("ERROR"));
  spec.process->user.additional_gids = {0, 5};
  CHECK(compiled_on(host, spec).starts_with("ERROR additional groups need subordinate ids"));
}

TEST_CASE("a label of a module that does not run is refused") {
  RuntimeSpec spec = plain_spec();
  spec.process->selinux_label = "label";
  CHECK(compiled(spec, plain_rootfs()) ==
        "ERROR SELinux label 'label' cannot be applied: this kernel does not run SELinux");
}

TEST_CASE("unknown capabilities are left out with a notice") {
  RuntimeSpec spec = plain_spec();
  spec.process->capabilities->bounding.push_back("CAP_FUTURE");
  const auto program = compile_run(spec, plain_rootfs(), plain_host(), {});
  REQUIRE(program);
  CHECK(program->notices == std::vector<std::string>{"capability 'CAP_FUTURE' is not known and is left out"});
}
