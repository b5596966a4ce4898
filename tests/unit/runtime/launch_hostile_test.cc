// Images, volumes and configurations that try to lead the set-up of a container astray. Every case fails when the
// protection it is about is taken away.
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "runtime/launch.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::has;
using ctr::test::Ran;
using ctr::test::Sandbox;

namespace {

SpecMount entry(const std::string& destination, const std::string& type, const std::string& source,
                std::vector<std::string> options) {
  return {.destination = destination, .type = type, .source = source, .options = std::move(options)};
}

void drop_mount(Sandbox* box, const std::string& destination) {
  std::erase_if(box->spec.mounts, [&](const auto& mount) { return mount.destination == destination; });
}

size_t count_files(const std::string& directory) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

// Puts a directory and a link in each other's place until it is destroyed.
class Racer {
 public:
  Racer(const std::string& one, const std::string& other) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  }
  Racer(const Racer&) = delete;
  Racer& operator=(const Racer&) = delete;
  ~Racer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("an image's /dev that is a link gets no devices, with or without a tmpfs on it") {
  for (const bool with_tmpfs : {true, false}) {
    Sandbox box;
    test::make_directory(box.path() + "/outside");
    test::make_link("../outside", box.layer("dev"));
    for (const char* mount : {"/dev/pts", "/dev/mqueue", "/dev/shm"}) drop_mount(&box, mount);
    if (!with_tmpfs) drop_mount(&box, "/dev");
    (void)box.run({"true"});
    CHECK(count_files(box.path() + "/outside") == 0);
  }
}

TEST_CASE("an image's /dev/pts and /dev/null that are links lead nowhere but into the image") {
  Sandbox box;
  const std::string outside = box.path() + "/outside";
  const std::string file = box.path() + "/file";
  test::make_directory(outside);
  test::make_file(file, "untouched");
  test::make_directory(box.layer("dev"));
  test::make_link(outside, box.layer("dev/pts"));
  test::make_link(file, box.layer("dev/null"));
  drop_mount(&box, "/dev");
  CHECK(output(box.sh("stat -L -c %t:%T /dev/null; ls /dev/pts/ptmx")) == "1:3\n/dev/pts/ptmx\n");
  CHECK(count_files(outside) == 0);
  CHECK(std::move(read_file(file)).value() == "untouched");
}

TEST_CASE("the console of an image whose /dev/console is a link stays in the image") {
  Sandbox box;
  const std::string outside = box.path() + "/outside";
  test::make_file(outside + "/console", "untouched");
  test::make_directory(box.layer("dev/pts"));
  test::make_link(outside + "/console", box.layer("dev/console"));
  drop_mount(&box, "/dev");
  CHECK(has(output(box.run_on_terminal({"stat", "-L", "-c", "%t:%T", "/dev/console"})), "88:0"));
  CHECK(std::move(read_file(outside + "/console")).value() == "untouched");
}

TEST_CASE("a terminal comes from a devpts only, not from what an image has in its place") {
  Sandbox box;
  test::make_file(box.layer("dev/pts/ptmx"), "");
  for (const char* mount : {"/dev", "/dev/pts", "/dev/mqueue", "/dev/shm"}) drop_mount(&box, mount);
  const auto ran = box.run_on_terminal({"true"});
  REQUIRE_FALSE(ran);
  CHECK(has(ran.error().text(), "open the terminal"));
}

TEST_CASE("masked paths that are links mask inside the image, with the real null device") {
  Sandbox box;
  test::make_file(box.layer("real"), "secret");
  test::make_file(box.layer("dev/null"), "evil");
  test::make_link("/real", box.layer("link"));
  box.spec.linux_config.masked_paths = {"/link"};
  CHECK(output(box.sh("cat /real /link; stat -c %t:%T /real")) == "1:3\n");
}

TEST_CASE("masked directories are one small read-only file system") {
  Sandbox box;
  test::make_file(box.layer("a/file"), "x");
  test::make_file(box.layer("b/file"), "x");
  box.spec.linux_config.masked_paths = {"/a", "/b"};
  CHECK(output(box.sh("ls /a /b; touch /a/x 2>&1; stat -c %d /a /b | uniq | wc -l")) ==
        "/a:\n\n/b:\ntouch: /a/x: Read-only file system\n1\n");
  CHECK(has(output(box.sh("grep ' /a ' /proc/self/mountinfo")), "size=4k,nr_inodes=2"));
}

TEST_CASE("sysctls reach the kernel, not what a configuration has put at /proc/sys") {
  Sandbox box;
  test::make_directory(box.layer("proc"));
  drop_mount(&box, "/proc");
  test::make_file(box.layer("proc/sys/net/ipv4/ip_forward"), "untouched");
  box.spec.linux_config.masked_paths.clear();
  box.spec.linux_config.readonly_paths.clear();
  box.spec.linux_config.sysctl = {{"net.ipv4.ip_forward", "1"}};
  box.spec.mounts.push_back(entry("/real", "proc", "proc", {}));
  CHECK(output(box.sh("cat /proc/sys/net/ipv4/ip_forward /real/sys/net/ipv4/ip_forward")) == "untouched1\n");
}

TEST_CASE("mounts through a volume in which links and directories change places stay in the container") {
  Sandbox box;
  const std::string volume = box.path() + "/volume";
  const std::string outside = box.path() + "/outside";
  test::make_directory(volume + "/a");
  test::make_directory(outside);
  // As a path of the host it leads outside; in the container it leads to a directory of the image.
  test::make_link(outside, volume + "/b");
  test::make_file(box.path() + "/source", "bound");
  box.spec.mounts.push_back(entry("/volume", "bind", volume, {"rbind"}));
  box.spec.mounts.push_back(entry("/volume/a/tmpfs", "tmpfs", "", {}));
  box.spec.mounts.push_back(entry("/volume/a/file", "bind", box.path() + "/source", {"bind"}));
  box.spec.linux_config.devices = {
      {.path = "/volume/a/pipe", .type = "p", .major = 0, .minor = 0, .file_mode = 0600, .uid = {}, .gid = {}}};
  {
    const Racer racer(volume + "/a", volume + "/b");
    for (int i = 0; i < 40; ++i) (void)box.run({"true"});
  }
  CHECK(count_files(outside) == 0);
}
