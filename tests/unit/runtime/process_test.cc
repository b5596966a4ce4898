// What a process has and is, in containers for real: its home, directory, capabilities, limits, priorities, CPUs.
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/launch.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::has;
using ctr::test::output;
using ctr::test::Sandbox;

namespace {

// The line of /proc/self/status that begins so.
std::string status_line(const std::string& status, const std::string& name) {
  for (const std::string& line : split(status, '\n')) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "no " + name + " in " + status;
}

// Of this process; root of a machine within a machine often lacks some.
bool has_capability(unsigned number) {
  const std::string status = read_kernel_file("/proc/self/status").value();
  return (std::stoull(status_line(status, "CapEff"), nullptr, 16) >> number & 1U) != 0;
}

// What `check` finds, in a process of its own: what it does to itself cannot be undone.
bool holds_apart(const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check() ? 0 : 1);
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

void use_no_user_namespace(Sandbox* box) {
  std::erase_if(box->spec.linux_config.namespaces,
                [](const SpecNamespace& entry) { return entry.type == NamespaceType::user; });
  box->spec.linux_config.ids = {};
}

SpecCapabilities same_in_all(const std::vector<std::string>& names) {
  return {.bounding = names, .effective = names, .inheritable = names, .permitted = names, .ambient = names};
}

}  // namespace

TEST_CASE("HOME comes from the container's accounts when the spec has none or an empty one") {
  Sandbox box;
  test::make_file(box.layer("etc/passwd"),
                  "root:x:0:0::/root:/bin/sh\nbroken:x:7x:0::/no:/\nshort:x:7\njo:x:7:7:Jo:/home/jo:/bin/sh\n"
                  "again:x:7:7::/other:/\nnone:x:8:8:::/bin/sh\nlast:x:9:9::/at/the/end");
  const std::vector<std::string> print = {"sh", "-c", "echo $HOME"};
  CHECK(output(box.run(print)) == "/root\n");
  if (box.host.default_map().is_single()) FAIL("this test needs subordinate ids");
  box.spec.process->env.push_back("HOME=");
  for (const auto& [uid, home] : {std::pair(7U, "/home/jo\n"), {8U, "/\n"}, {9U, "/at/the/end\n"}, {10U, "/\n"}}) {
    box.spec.process->user.uid = uid;
    CHECK(output(box.run(print)) == home);
  }
  box.spec.process->env.back() = "HOME=/given";
  CHECK(output(box.run(print)) == "/given\n");
}

TEST_CASE("accounts that are no plain file, or long lines in them, give no home and stop nothing") {
  for (const char* kind : {"link", "fifo", "directory", "long", "absent"}) {
    Sandbox box;
    CAPTURE(kind);
    const std::string path = box.layer("etc/passwd");
    if (kind == std::string("link")) test::make_link("/proc/self/environ", path);
    if (kind == std::string("fifo")) REQUIRE(::mkfifo(path.c_str(), 0644) == 0);
    if (kind == std::string("directory")) test::make_directory(path);
    if (kind == std::string("long")) test::make_file(path, "root:x:0:0::/" + std::string(5000, 'h') + ":/bin/sh\n");
    CHECK(output(box.sh("echo $HOME")) == "/\n");
  }
}

TEST_CASE("an empty name is no command, whatever PATH says") {
  Sandbox box;
  const auto ran = box.run({""});
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code() == Errc::command_not_found);
}

TEST_CASE("a working directory below proc or behind links of the image is entered") {
  Sandbox box;
  box.spec.process->cwd = "/proc/sys/kernel";
  CHECK(output(box.sh("pwd -P")) == "/proc/sys/kernel\n");
}

TEST_CASE("a directory that only the user may enter is entered as the user") {
  Sandbox box;
  if (box.host.uid != 0) return;  // only host root can be shut out of a file system of another user's
  // A FUSE file system without allow_other, as a user's sshfs is.
  const std::string base = box.path() + "/fuse";
  for (const char* name : {"/lower", "/upper", "/work", "/merged"}) {
    test::make_directory(base + name, 0755);
    REQUIRE(::chown((base + name).c_str(), 65534, 65534) == 0);
  }
  REQUIRE(::chmod(box.path().c_str(), 0755) == 0);
  test::make_directory(base + "/lower/inside", 0755);
  const auto mounted = run_program(
      {.program = "/usr/bin/setpriv",
       .argv = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "fuse-overlayfs", "-o",
                "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work", base + "/merged"},
       .env = {"PATH=/usr/bin:/bin"}},
      "", std::chrono::seconds(10));
  REQUIRE(mounted);
  if (mounted->status.code != 0) FAIL(mounted->err);
  use_no_user_namespace(&box);
  box.spec.mounts.push_back({.destination = "/data", .type = "bind", .source = base, .options = {"rbind", "rslave"}});
  box.spec.process->cwd = "/data/merged/inside";
  box.spec.process->user = {.uid = 65534, .gid = 65534, .additional_gids = {}, .umask = {}};
  CHECK(output(box.sh("pwd; id -u")) == "/data/merged/inside\n65534\n");
  box.spec.process->user = {.uid = 65533, .gid = 65533, .additional_gids = {}, .umask = {}};
  CHECK(has(output(box.sh("pwd")), "change to working directory '/data/merged/inside': Permission denied"));
  REQUIRE(::umount2((base + "/merged").c_str(), MNT_DETACH) == 0);
}

TEST_CASE("ambient and inheritable capabilities are raised, and a user that is not root has them") {
  Sandbox box;
  box.spec.process->capabilities = same_in_all({"CAP_KILL", "CAP_NET_BIND_SERVICE"});
  if (!box.host.default_map().is_single())
    box.spec.process->user = {.uid = 9, .gid = 9, .additional_gids = {}, .umask = {}};
  const std::string status = output(box.run({"cat", "/proc/self/status"}));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    CAPTURE(set);
    CHECK(status_line(status, set) == "0000000000000420");
  }
}

TEST_CASE("capabilities that contradict each other are left out with a notice, and the container starts") {
  Sandbox box;
  box.spec.process->capabilities = SpecCapabilities{.bounding = {"CAP_KILL"},
                                                    .effective = {"CAP_KILL", "CAP_FOWNER"},
                                                    .inheritable = {"CAP_CHOWN", "CAP_KILL"},
                                                    .permitted = {"CAP_KILL"},
                                                    .ambient = {"CAP_CHOWN", "CAP_KILL", "CAP_SECRET"}};
  const auto launched = box.start({"true"});
  REQUIRE(launched);
  CHECK(launched->notices.size() >= 4);
  const std::string all = join(launched->notices, "\n");
  CHECK(has(all, "capability 'CAP_FOWNER' is not in the permitted set and is left out"));
  CHECK(has(all, "capability 'CAP_CHOWN' is not in the bounding set and is left out"));
  CHECK(has(all, "capability 'CAP_CHOWN' is not in both the permitted and the inheritable set and is left out"));
  CHECK(has(all, "capability 'CAP_SECRET' is not known and is left out"));
  CHECK(status_line(output(box.run({"cat", "/proc/self/status"})), "CapAmb") == "0000000000000020");
}

TEST_CASE("without a user namespace, what the launcher lacks is left out with a notice") {
  Sandbox box;
  if (box.host.uid != 0) return;  // it takes root to start such a container at all
  use_no_user_namespace(&box);
  box.spec.process->capabilities->bounding.push_back("CAP_SYS_BOOT");
  box.spec.process->capabilities->permitted.push_back("CAP_SYS_BOOT");
  CHECK(holds_apart([&] {
    if (::prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0) < 0) return false;
    const auto launched = box.start({"true"});
    return launched &&
           join(launched->notices, "\n") == "capability 'CAP_SYS_BOOT' cannot be granted here and is left out";
  }));
}

TEST_CASE("niceness, I/O priority, personality and memory policy are those of the spec, for exec too") {
  Sandbox box;
  box.spec.process->scheduler = SpecScheduler{.policy = "SCHED_BATCH", .nice = 5, .flags = {}};
  box.spec.process->io_priority = SpecIoPriority{.io_class = "IOPRIO_CLASS_BE", .priority = 6};
  box.spec.linux_config.personality = "LINUX32";
  box.spec.linux_config.memory_policy =
      SpecMemoryPolicy{.mode = "MPOL_BIND", .nodes = "0", .flags = {"MPOL_F_STATIC_NODES"}};
  // Fields of proc(5), "/proc/PID/stat": 19 nice, 41 policy (3: SCHED_BATCH).
  const std::string script =
      "cut -d' ' -f19,41 /proc/self/stat; ionice -p $$; uname -m; head -n1 /proc/self/numa_maps | cut -d' ' -f2";
  const std::string expected = "5 3\nbest-effort: prio 6\ni686\nbind=static:0\n";
  CHECK(output(box.sh(script)) == expected);
  const auto container = box.start({"sleep", "100"});
  REQUIRE(container);
  CHECK(output(box.exec(*container, {"sh", "-c", script})) == expected);
}

TEST_CASE("a memory policy the kernel refuses stops the start") {
  Sandbox box;
  box.spec.linux_config.memory_policy = SpecMemoryPolicy{.mode = "MPOL_DEFAULT", .nodes = "0-7", .flags = {}};
  CHECK(output(box.run({"true"})) == "ERROR set_mempolicy MPOL_DEFAULT of nodes 0-7: Invalid argument");
}

TEST_CASE("real-time scheduling takes rights on the host") {
  Sandbox box;
  box.spec.process->scheduler = SpecScheduler{.policy = "SCHED_FIFO", .priority = 7, .flags = {}};
  const std::string out = output(box.run({"sh", "-c", "cut -d' ' -f40,41 /proc/self/stat"}));
  // 40: real-time priority, 41: policy (1: SCHED_FIFO).
  CHECK(out ==
        (has_capability(CAP_SYS_NICE) ? "7 1\n" : "ERROR set the scheduler to SCHED_FIFO: Operation not permitted"));
  box.spec.process->scheduler = SpecScheduler{
      .policy = "SCHED_DEADLINE", .flags = {"SCHED_FLAG_RESET_ON_FORK"}, .runtime = 42000, .deadline = 100000};
  const std::string deadline = output(box.run({"cut", "-d ", "-f41", "/proc/self/stat"}));
  CHECK(deadline ==
        (has_capability(CAP_SYS_NICE) ? "6\n" : "ERROR set the scheduler to SCHED_DEADLINE: Operation not permitted"));
  box.spec.process->scheduler = SpecScheduler{.policy = "SCHED_ISO", .flags = {}};
  CHECK(output(box.run({"true"})) == "ERROR set the scheduler to SCHED_ISO: Invalid argument");
}

TEST_CASE(
    "raising limits above the launcher's and lowering the OOM killer's score takes CAP_SYS_RESOURCE on the host") {
  Sandbox box;
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_MSGQUEUE, &own) == 0);
  box.spec.process->rlimits = {{.type = "RLIMIT_MSGQUEUE", .soft = own.rlim_max + 1, .hard = own.rlim_max + 2}};
  const std::string numbers = std::to_string(own.rlim_max + 1) + ":" + std::to_string(own.rlim_max + 2);
  const std::string raised = output(box.sh("grep 'Max msgqueue' /proc/self/limits | tr -s ' ' | cut -d' ' -f4,5"));
  CHECK(raised == (has_capability(CAP_SYS_RESOURCE)
                       ? std::to_string(own.rlim_max + 1) + " " + std::to_string(own.rlim_max + 2) + "\n"
                       : "ERROR set RLIMIT_MSGQUEUE to " + numbers + ": Operation not permitted"));
  rlimit now{};
  REQUIRE(::getrlimit(RLIMIT_MSGQUEUE, &now) == 0);
  CHECK(now.rlim_max == own.rlim_max);
  box.spec.process->rlimits.clear();
  box.spec.process->oom_score_adj = -7;
  const std::string score = output(box.run({"cat", "/proc/self/oom_score_adj"}));
  CHECK(score == (has_capability(CAP_SYS_RESOURCE) ? "-7\n" : "ERROR set oom_score_adj to -7: Permission denied"));
}

TEST_CASE("exec runs on the CPUs it is told to, and run on those of the launcher or on all") {
  Sandbox box;
  const std::string script = "grep Cpus_allowed_list /proc/self/status | cut -f2";
  const std::string all = output(box.sh(script));
  if (all == "0\n") return;  // one CPU leaves no choice
  const auto container = box.start({"sleep", "100"});
  REQUIRE(container);
  const auto cpus_of_exec = [&](const std::string& initial, const std::string& last) {
    box.spec.process->cpu_affinity = {.initial = initial, .final_cpus = last};
    return output(box.exec(*container, {"sh", "-c", script}));
  };
  // The launcher of an exec stays on its initial CPUs.
  CHECK(holds_apart([&] { return cpus_of_exec("0", "1") == "1\n"; }));
  CHECK(holds_apart([&] { return cpus_of_exec("0", "") == all; }));
  CHECK(holds_apart([&] {
    return cpus_of_exec("0", "") == all && cpus_of_exec("", "") == "0\n" && output(box.sh(script)) == "0\n";
  }));
  CHECK(holds_apart([&] {
    box.habits.cpus = ProcessHabits::Cpus::all;
    return cpus_of_exec("0", "1") == "1\n" && cpus_of_exec("", "") == all && output(box.sh(script)) == all;
  }));
  box.spec.process->cpu_affinity.final_cpus = "8000";
  CHECK(has(output(box.exec(*container, {"true"})), "run on CPUs 8000: Invalid argument"));
}

TEST_CASE("the session keyring is fresh, or the caller's when asked for") {
  Sandbox box;
  box.spec.linux_config.masked_paths.clear();
  const std::string name = "ctr-test-" + std::to_string(::getpid());
  CHECK(holds_apart([&] {
    // A key that only who holds its keyring can see.
    constexpr unsigned k_possessor_only = 0x3f000000;  // KEY_POS_ALL, linux/keyctl.h
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) return false;
    const long key = ::syscall(SYS_add_key, "user", name.c_str(), "x", 1, KEY_SPEC_SESSION_KEYRING);
    if (key < 0 || ::syscall(SYS_keyctl, KEYCTL_SETPERM, key, k_possessor_only, 0, 0) < 0) return false;
    const auto sees_key = [&] { return has(output(box.run({"cat", "/proc/keys"})), name); };
    const bool when_fresh = sees_key();
    box.habits.keyring = ProcessHabits::Keyring::inherited;
    return !when_fresh && sees_key();
  }));
}

TEST_CASE("labels of security modules that do not run are refused") {
  Sandbox box;
  if (!box.host.apparmor) {
    box.spec.process->apparmor_profile = "some-profile";
    CHECK(output(box.run({"true"})) ==
          "ERROR AppArmor profile 'some-profile' cannot be applied: this kernel does not run AppArmor");
    box.spec.process->apparmor_profile = "unconfined";
    CHECK(output(box.run({"true"})).empty());
    box.spec.process->apparmor_profile.clear();
  }
  if (!path_exists("/sys/fs/selinux/enforce")) {
    box.spec.process->selinux_label = "a:b:c:s0";
    CHECK(output(box.run({"true"})) ==
          "ERROR SELinux label 'a:b:c:s0' cannot be applied: this kernel does not run SELinux");
    box.spec.process->selinux_label.clear();
    box.spec.linux_config.mount_label = "a:b:c:s1";
    CHECK(output(box.run({"true"})) ==
          "ERROR mountLabel 'a:b:c:s1' cannot be applied: this kernel does not run SELinux");
  }
}
