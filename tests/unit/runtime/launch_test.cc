// Containers for real: each case starts processes in namespaces of their own.
#include "runtime/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/wait.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::has;
using ctr::test::output;
using ctr::test::Sandbox;

TEST_CASE("a container runs as root of its own namespaces") {
  Sandbox box;
  // The shell itself looks into /proc: how many programs of a pipe run at a moment nobody knows.
  CHECK(output(box.sh("id -u; hostname; echo $$; echo /proc/[0-9]*")) == "0\nsandbox\n1\n/proc/1\n");
}

TEST_CASE("the program's exit code and the signal that killed it come back") {
  Sandbox box;
  const auto ran = box.sh("exit 7");
  REQUIRE(ran);
  CHECK(ran->code == 7);
  const auto killed = box.sh("kill -9 $$ ; sleep 1");
  REQUIRE(killed);
  // Pid 1 is protected from its own signals: it goes on.
  CHECK(killed->code == 0);
}

TEST_CASE("what a container writes lands in its upper directory") {
  Sandbox box;
  CHECK(output(box.sh("echo kept > /etc/new && cat /etc/new")) == "kept\n");
  CHECK(path_exists(box.plan.upper_dir + "/etc/new"));
  CHECK_FALSE(path_exists(box.layer("etc/new")));
}

TEST_CASE("files that ctr puts into the root belong to the container's root, and lie in its upper directory") {
  Sandbox box;
  test::make_file(box.layer("etc/passwd"), "root:x:0:0::/:/bin/sh\n");
  test::make_link("/no/such/zone", box.layer("etc/localtime"));
  test::make_file(box.path() + "/lines", "x:*:5:5::/:/bin/sh\n");
  box.plan.edits = {{RootEdit::Kind::append, "/etc/passwd", box.path() + "/lines"},
                    {RootEdit::Kind::append, "/etc/group", box.path() + "/lines"},
                    {RootEdit::Kind::replace, "/etc/localtime", box.path() + "/lines"},
                    {RootEdit::Kind::link, "/new/link", "/etc/group"}};
  CHECK(output(box.sh("cat /etc/passwd /etc/localtime /new/link; stat -c '%a %u %F' /etc/group /etc/localtime")) ==
        "root:x:0:0::/:/bin/sh\nx:*:5:5::/:/bin/sh\nx:*:5:5::/:/bin/sh\nx:*:5:5::/:/bin/sh\n"
        "644 0 regular file\n644 0 regular file\n");
  CHECK(read_file(box.layer("etc/passwd")).value() == "root:x:0:0::/:/bin/sh\n");
}

TEST_CASE("a file that is put into the root never leaves it, and nothing but a regular file is written to") {
  Sandbox box;
  const std::string outside = box.path() + "/outside";
  test::make_file(outside, "mine\n");
  test::make_file(box.path() + "/lines", "line\n");
  box.plan.edits = {{RootEdit::Kind::append, "/etc/passwd", box.path() + "/lines"}};
  test::make_link(outside, box.layer("etc/passwd"));
  // In the container the link leads to a directory that it does not have.
  CHECK(has(output(box.sh("true")), "append to '/etc/passwd': No such file or directory"));
  CHECK(read_file(outside).value() == "mine\n");
  REQUIRE(::unlink(box.layer("etc/passwd").c_str()) == 0);
  REQUIRE(::mkfifo(box.layer("etc/passwd").c_str(), 0644) == 0);
  CHECK(has(output(box.sh("true")), "append to '/etc/passwd': "));
}

TEST_CASE("a missing command is told from one that cannot be executed and from a missing mount source") {
  Sandbox box;
  const auto missing = box.run({"no-such-program"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == Errc::command_not_found);
  CHECK(missing.error().text() == "executable file `no-such-program` not found in $PATH: No such file or directory");
  const auto directory = box.run({"/etc"});
  REQUIRE_FALSE(directory);
  CHECK(directory.error().code() == Errc::command_not_executable);
  test::make_file(box.layer("bin/plain"), "text");
  const auto plain = box.run({"plain"});
  REQUIRE_FALSE(plain);
  CHECK(plain.error().code() == Errc::command_not_executable);
  CHECK(has(plain.error().text(), "Permission denied"));
  box.spec.mounts.push_back({.destination = "/x", .type = "bind", .source = "/no/such/source", .options = {"rbind"}});
  const auto source = box.run({"true"});
  REQUIRE_FALSE(source);
  CHECK(source.error().code() == Errc::not_found);
  CHECK(has(source.error().text(), "bind '/no/such/source' at '/x': No such file or directory"));
}

TEST_CASE("a script whose interpreter is missing says so") {
  Sandbox box;
  test::make_file(box.layer("bin/script"), "#!/no/such/interpreter\n", 0755);
  const auto ran = box.run({"script"});
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code() == Errc::command_not_found);
  CHECK(has(ran.error().text(), "interpreter"));
}

TEST_CASE("masked paths are empty and read-only paths cannot be written") {
  Sandbox box;
  CHECK(output(box.sh("cat /proc/keys; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v :")).find_first_not_of('\n') ==
        std::string::npos);
  CHECK(has(output(box.sh("echo 1 > /proc/sys/kernel/hostname 2>&1")), "Read-only"));
  CHECK(has(output(box.sh("touch /sys/x 2>&1")), "Read-only"));
}

TEST_CASE("a read-only root cannot be written, its tmpfs mounts can") {
  Sandbox box;
  box.spec.root.readonly = true;
  CHECK(has(output(box.sh("touch /x 2>&1; touch /dev/shm/y && echo fine")), "Read-only file system"));
  CHECK(has(output(box.sh("touch /dev/shm/y && echo fine")), "fine"));
}

TEST_CASE("capabilities are those of the spec, inheritable and ambient empty") {
  Sandbox box;
  const std::string status = output(box.sh("cat /proc/self/status"));
  CHECK(has(status, "CapInh:\t0000000000000000"));
  CHECK(has(status, "CapEff:\t00000000000000eb"));
  CHECK(has(status, "CapBnd:\t00000000000000eb"));
  CHECK(has(status, "CapAmb:\t0000000000000000"));
  CHECK(has(status, "NoNewPrivs:\t0"));
}

TEST_CASE("another user has no capabilities and exactly the groups of the spec") {
  Sandbox box;
  if (box.host.default_map().is_single()) FAIL("this test needs subordinate ids");
  box.spec.process->user = {.uid = 1000, .gid = 1001, .additional_gids = {1001, 50}, .umask = 027};
  box.spec.process->capabilities->effective.clear();
  box.spec.process->capabilities->permitted.clear();
  const std::string out = output(box.sh("id -u; id -g; id -G; umask; grep CapEff /proc/self/status"));
  CHECK(out == "1000\n1001\n1001 50\n0027\nCapEff:\t0000000000000000\n");
}

TEST_CASE("an id outside the map is refused by name") {
  Sandbox box;
  box.spec.process->user.uid = 4000000000U;
  box.spec.linux_config.ids = single_id_map(box.host.uid, box.host.gid);
  const auto ran = box.run({"true"});
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code() == Errc::invalid);
  CHECK(has(ran.error().text(), "uid 4000000000 is not mapped"));
}

TEST_CASE("limits, niceness of the OOM killer and sysctls are set") {
  Sandbox box;
  box.spec.process->rlimits = {{.type = "RLIMIT_NOFILE", .soft = 100, .hard = 200}};
  box.spec.process->oom_score_adj = 321;
  box.spec.linux_config.sysctl = {{"net.ipv4.ip_unprivileged_port_start", "77"}, {"kernel.msgmax", "9000"}};
  CHECK(output(
            box.sh("ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_unprivileged_port_start "
                   "/proc/sys/kernel/msgmax")) == "100\n200\n321\n77\n9000\n");
}

TEST_CASE("a program sees three descriptors, and those that were asked for") {
  Sandbox box;
  const Fd leak(::open("/etc/passwd", O_RDONLY));  // not close-on-exec, as a careless caller leaves it
  // ls itself opens one more.
  CHECK(output(box.sh("ls /proc/self/fd")) == "0\n1\n2\n3\n");
  Pipe pipe = std::move(make_pipe()).value();
  REQUIRE(write_all(pipe.write_end.get(), "through", "pipe"));
  pipe.write_end.reset();
  box.extra_fds = {pipe.read_end.get()};
  CHECK(output(box.sh("cat <&3")) == "through");
  Pipe other = std::move(make_pipe()).value();
  REQUIRE(write_all(other.write_end.get(), "higher", "pipe"));
  other.write_end.reset();
  box.extra_fds = numbered_fds({other.read_end.get()}, {5});
  CHECK(box.extra_fds == std::vector<int>{-1, -1, other.read_end.get()});
  CHECK(output(box.sh("cat <&5; ls /proc/self/fd")) == "higher0\n1\n2\n3\n5\n");
}

TEST_CASE("the working directory is made, and links out of the root do not lead out") {
  Sandbox box;
  box.spec.process->cwd = "/made/here";
  CHECK(output(box.sh("pwd")) == "/made/here\n");
  test::make_link("../../../../../../etc", box.layer("out"));
  box.spec.process->cwd = "/out/../etc";
  CHECK(output(box.sh("pwd -P")) == "/etc\n");
  for (const char* trick : {"/proc/self/fd/3", "/proc/self/fd/10", "/proc/1/cwd", "/proc/self/root/.."}) {
    box.spec.process->cwd = trick;
    CHECK_FALSE(box.run({"true"}));
  }
}

TEST_CASE("an image whose /proc, /sys or /dev is a link is refused") {
  for (const char* name : {"proc", "sys", "dev"}) {
    Sandbox box;
    test::make_directory(box.layer("elsewhere"));
    test::make_link("elsewhere", box.layer(name));
    const auto ran = box.run({"true"});
    REQUIRE_FALSE(ran);
    CHECK(has(ran.error().text(), std::string("at '/") + name + "'"));
  }
}

TEST_CASE("mount targets that are links stay inside the root") {
  Sandbox box;
  test::make_file(box.path() + "/source", "bound");
  test::make_link("/../../../outside/deep", box.layer("dangling"));
  test::make_link("../run/resolve/stub.conf", box.layer("etc/resolv.conf"));
  for (const char* destination : {"/dangling", "/etc/resolv.conf", "/new/dir/file"}) {
    box.spec.mounts.push_back(
        {.destination = destination, .type = "bind", .source = box.path() + "/source", .options = {"rbind", "ro"}});
  }
  CHECK(output(box.sh("cat /outside/deep /run/resolve/stub.conf /new/dir/file; echo x 2>&1 >/new/dir/file")) ==
        "boundboundboundsh: can't create /new/dir/file: Read-only file system\n");
}

TEST_CASE("nothing can be mounted into /proc, not even through a link") {
  Sandbox box;
  test::make_link("/proc/self", box.layer("sneaky"));
  const size_t count = box.spec.mounts.size();
  for (const char* destination : {"/proc/self/attr", "/sneaky/attr", "/proc/1"}) {
    box.spec.mounts.resize(count);
    box.spec.mounts.push_back({.destination = destination, .type = "tmpfs", .source = "tmpfs", .options = {}});
    CHECK_FALSE(box.run({"true"}));
  }
  box.spec.mounts.resize(count);
  box.spec.mounts.push_back(
      {.destination = "/proc/meminfo", .type = "bind", .source = "/etc/hostname", .options = {"rbind"}});
  CHECK(box.run({"true"}));
}

TEST_CASE("a tmpfs with tmpcopyup begins with what the image has there") {
  Sandbox box;
  test::make_file(box.layer("data/sub/file"), "copied", 0640);
  test::make_link("sub/file", box.layer("data/link"));
  box.spec.mounts.push_back(
      {.destination = "/data", .type = "tmpfs", .source = "tmpfs", .options = {"tmpcopyup", "size=1m"}});
  CHECK(output(box.sh("cat /data/link; stat -c ' %a' /data/sub/file; touch /data/new && echo writable")) ==
        "copied 640\nwritable\n");
  CHECK_FALSE(path_exists(box.plan.upper_dir + "/data/new"));
}

TEST_CASE("devices are the host's, checked, and nothing else is there") {
  Sandbox box;
  CHECK(output(box.sh("stat -c '%t:%T %n' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; "
                      "echo gone > /dev/null; ls /dev; readlink /dev/fd; readlink /dev/ptmx")) ==
        "1:3 /dev/null\n1:5 /dev/zero\n1:7 /dev/full\n1:8 /dev/random\n1:9 /dev/urandom\n5:0 /dev/tty\n"
        "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
        "/proc/self/fd\npts/ptmx\n");
}

TEST_CASE("a device that is not what the spec says is refused") {
  Sandbox box;
  box.spec.linux_config.devices = {
      {.path = "/dev/fuse", .type = "c", .major = 10, .minor = 200, .file_mode = {}, .uid = {}, .gid = {}}};
  const auto ran = box.run({"true"});
  REQUIRE_FALSE(ran);
  CHECK(has(ran.error().text(), "make device '/dev/fuse'"));
}

TEST_CASE("a terminal is the controlling one, of the asked size, and the console") {
  Sandbox box;
  const std::string out =
      output(box.run_on_terminal({"sh", "-c", "tty; stty size; stat -c '%t:%T' /dev/console; echo hi > /dev/tty"}));
  CHECK(has(out, "/dev/pts/0"));
  CHECK(has(out, "33 77"));
  CHECK(has(out, "88:0"));
  CHECK(has(out, "hi"));
}

TEST_CASE("exec joins every namespace and is treated as run is") {
  Sandbox box;
  box.spec.mounts.push_back({.destination = "/scratch", .type = "tmpfs", .source = "tmpfs", .options = {}});
  const auto container = box.start({"sleep", "100"});
  REQUIRE(container);
  const std::string out =
      output(box.exec(*container, {"sh", "-c",
                                   "cat /proc/1/comm; hostname; id -u; grep -E 'CapEff|CapBnd' /proc/self/status; ls "
                                   "/proc/self/fd; for n in user pid net mnt ipc uts cgroup; do [ \"$(readlink "
                                   "/proc/self/ns/$n)\" = \"$(readlink /proc/1/ns/$n)\" ] || echo differs $n; done"}));
  CHECK(out == "sleep\nsandbox\n0\nCapEff:\t00000000000000eb\nCapBnd:\t00000000000000eb\n0\n1\n2\n3\n");
  const auto missing = box.exec(*container, {"nothing-here"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == Errc::command_not_found);
  box.spec.process->terminal = true;
  CHECK(has(output(box.exec(*container, {"tty"})), "/dev/pts/0"));
  box.spec.process->cwd = "/not/there";
  CHECK_FALSE(box.exec(*container, {"true"}));
}

TEST_CASE("exec into a container that has ended says that it is not running") {
  Sandbox box;
  auto container = box.start({"true"});
  REQUIRE(container);
  REQUIRE(wait_for(container->init.pidfd(), POLLIN, {}, std::chrono::seconds(10)));
  const auto ran = box.exec(*container, {"true"});
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code() == Errc::bad_state);
}

TEST_CASE("a filter of the spec is loaded, with and without no_new_privs") {
  Sandbox box;
  const auto oci = select_seccomp(
      R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":122}]})",
      {});
  REQUIRE(oci);
  box.spec.linux_config.seccomp = *oci;
  box.seccomp = std::move(compile_seccomp(*oci)).value();
  const std::string script = "mkdir /tmp/x 2>&1; grep -E 'Seccomp:|NoNewPrivs' /proc/self/status";
  CHECK(output(box.sh(script)) ==
        "mkdir: can't create directory '/tmp/x': Disk quota exceeded\nNoNewPrivs:\t0\nSeccomp:\t2\n");
  box.spec.process->no_new_privileges = true;
  CHECK(has(output(box.sh(script)), "NoNewPrivs:\t1\nSeccomp:\t2"));
}

TEST_CASE("a profile without its filter does not start") {
  Sandbox box;
  box.spec.linux_config.seccomp = Json::object();
  LaunchRequest request{.spec = box.spec, .rootfs = box.plan, .host = box.host};
  CHECK_FALSE(launch(request));
}

TEST_CASE("seventy layers make one root") {
  Sandbox box;
  for (int i = 0; i < 70; ++i) {
    const std::string layer = box.path() + "/l" + std::to_string(i);
    test::make_file(layer + "/etc/f" + std::to_string(i), "x");
    box.plan.lower_dirs.push_back(layer);
  }
  CHECK(output(box.sh("ls /etc | grep -c ^f")) == "70\n");
}

TEST_CASE("a directory becomes the root with --rootfs") {
  Sandbox box;
  box.plan = RootfsPlan();
  box.plan.directory = box.path() + "/layer";
  CHECK(output(box.sh("touch /etc/here; ls /etc")) == "here\n");
  CHECK(path_exists(box.layer("etc/here")));
}

TEST_CASE("fuse-overlayfs serves the root where native overlay cannot") {
  Sandbox box;
  box.plan.kind = RootfsPlan::Kind::fuse;
  CHECK(output(box.sh("id -u; echo kept > /etc/new && cat /etc/new; grep -c fuse /proc/self/mountinfo")) ==
        "0\nkept\n1\n");
  CHECK(path_exists(box.plan.upper_dir + "/etc/new"));
}

TEST_CASE("a server of the root that ends is told with what it said") {
  Sandbox box;
  box.plan.kind = RootfsPlan::Kind::fuse;
  const std::string server = box.path() + "/server";
  test::make_file(server, "#!/bin/sh\necho no such luck >&2\n");
  REQUIRE(::chmod(server.c_str(), 0755) == 0);
  REQUIRE(::chmod(box.path().c_str(), 0755) == 0);
  box.host.fuse_overlayfs = server;
  CHECK(output(box.sh("true")).find("fuse-overlayfs has ended: no such luck") != std::string::npos);
  box.host.fuse_overlayfs = box.path() + "/missing";
  CHECK(output(box.sh("true")).find("fuse-overlayfs has ended: it cannot be executed") != std::string::npos);
}

TEST_CASE("keep-id shows the image's files under the container's own ids") {
  Sandbox box;
  if (box.host.default_map().is_single()) FAIL("this test needs subordinate ids");
  test::make_file(box.layer("etc/rootfile"), "x");
  box.plan.kind = RootfsPlan::Kind::fuse;
  box.plan.shift_ids = true;
  box.spec.linux_config.ids = keep_id_map(box.host.default_map(), 1234, 1234);
  box.spec.process->user = {.uid = 1234, .gid = 1234, .additional_gids = {}, .umask = {}};
  test::make_directory(box.path() + "/home");
  box.spec.mounts.push_back(
      {.destination = "/home", .type = "bind", .source = box.path() + "/home", .options = {"rbind"}});
  CHECK(output(box.sh("id -u; stat -c %u /etc/rootfile /home; touch /home/mine && stat -c %u /home/mine")) ==
        "1234\n0\n1234\n1234\n");
}

TEST_CASE("a program of the host runs as root of a user namespace with all ids") {
  const HostFacts host = test::host_facts();
  Pipe pipe = std::move(make_pipe()).value();
  auto worker = launch_in_userns({.host = host,
                                  .ids = host.default_map(),
                                  .program = "/bin/busybox",
                                  .argv = {"sh", "-c", "id -u; pwd; echo to five >&5; cat /proc/self/uid_map | wc -l"},
                                  .env = {"PATH=/bin"},
                                  .fds = {{pipe.write_end.get(), 1}, {pipe.write_end.get(), 5}},
                                  .cwd = "/usr"});
  REQUIRE(worker);
  pipe.write_end.reset();
  const std::string expected = "0\n/usr\nto five\n" + std::to_string(host.default_map().uids.size()) + "\n";
  CHECK(std::move(read_all(pipe.read_end.get(), 4096, "output")).value() == expected);
  CHECK(std::move(worker->wait()).value().code == 0);
}

TEST_CASE("the probe for native overlays answers and leaves nothing") {
  test::TemporaryDirectory directory;
  const auto works = probe_native_overlay(test::host_facts(), directory.path());
  REQUIRE(works);
  CHECK(std::move(Dir::open(directory.path()).value().list()).value().empty());
}

TEST_CASE("an observer sees the namespaces before anything runs, and its error stops the launch") {
  class Observer : public LaunchObserver {
   public:
    Result<void> on_created(const CreatedProcess& process) override {
      seen = process.netlink_fd >= 0 && process.netns_fd >= 0 && process.userns_fd >= 0 && process.pid > 0;
      return ok();
    }
    Result<void> before_exec(const CreatedProcess&) override { return Error(Errc::network, "no uplink"); }
    bool seen = false;
  };
  Sandbox box;
  box.spec.process->args = {"touch", "/ran"};
  Observer observer;
  LaunchRequest request{.spec = box.spec, .rootfs = box.plan, .host = box.host};
  request.observer = &observer;
  const auto launched = launch(request);
  REQUIRE_FALSE(launched);
  CHECK(launched.error().code() == Errc::network);
  CHECK(observer.seen);
  CHECK_FALSE(path_exists(box.plan.upper_dir + "/ran"));
}
