// floor ROOTFS MAP [FILTER]: what the kernel takes for a container of `crun spec`, without a configuration, state, or
// messages: the floor under every runtime.
//
// MAP is "root" (no user namespace), "own" (the caller's id is root) or "all" (newuidmap and newgidmap map the caller's
// and 65535 more from FIRST, given as "all:FIRST"). FILTER is a file of struct sock_filter. /true is executed.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace {

void check(long result, const char* what) {
  if (result >= 0) return;
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

void write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  check(fd, path);
  check(write(fd, text, std::strlen(text)), path);
  close(fd);
}

void write_own_map(pid_t pid) {
  char path[64], line[64];
  std::snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
  write_file(path, "deny");
  std::snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
  std::snprintf(line, sizeof line, "0 %u 1", getuid());
  write_file(path, line);
  std::snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
  std::snprintf(line, sizeof line, "0 %u 1", getgid());
  write_file(path, line);
}

pid_t start_mapper(const char* program, pid_t pid, unsigned own, const char* first) {
  const pid_t mapper = vfork();
  if (mapper != 0) return mapper;
  char pid_text[16], own_text[16];
  std::snprintf(pid_text, sizeof pid_text, "%d", pid);
  std::snprintf(own_text, sizeof own_text, "%u", own);
  execlp(program, program, pid_text, "0", own_text, "1", "1", first, "65535", nullptr);
  _exit(127);
}

// Both at once.
void write_all_maps(pid_t pid, const char* first) {
  const pid_t mappers[] = {start_mapper("newuidmap", pid, getuid(), first),
                           start_mapper("newgidmap", pid, getgid(), first)};
  for (const pid_t mapper : mappers) {
    int status = 0;
    check(waitpid(mapper, &status, 0), "wait");
    if (status != 0) std::exit(1);
  }
}

void loopback_up() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  check(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
  close(fd);
}

void mount_at(const char* source, const char* target, const char* type, unsigned long flags, const char* data) {
  mkdir(target, 0755);
  check(mount(source, target, type, flags, data), target);
}

void bind_read_only(const char* path) {
  if (mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) < 0) return;  // not on this kernel
  check(mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr),
        path);
}

void cover(const char* path) {
  struct stat status{};
  if (stat(path, &status) < 0) return;
  if (S_ISDIR(status.st_mode))
    check(mount("tmpfs", path, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1"), path);
  else
    check(mount("dev/null", path, nullptr, MS_BIND, nullptr), path);
}

void make_devices(bool mapped) {
  static const struct {
    const char *name, *path;
    unsigned major, minor;
  } k_devices[] = {{"null", "/dev/null", 1, 3},     {"zero", "/dev/zero", 1, 5},       {"full", "/dev/full", 1, 7},
                   {"random", "/dev/random", 1, 8}, {"urandom", "/dev/urandom", 1, 9}, {"tty", "/dev/tty", 5, 0}};
  for (const auto& device : k_devices) {
    char target[32];
    std::snprintf(target, sizeof target, "dev/%s", device.name);
    if (!mapped) {
      check(mknod(target, S_IFCHR | 0666, makedev(device.major, device.minor)), target);
      continue;
    }
    close(open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    check(mount(device.path, target, nullptr, MS_BIND, nullptr), target);
  }
}

void make_links() {
  static const char* const k_links[][2] = {{"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"},
                                           {"pts/ptmx", "dev/ptmx"}};
  for (const auto& link : k_links) check(symlink(link[0], link[1]), link[1]);
}

// In the root directory, with relative paths: everything of the host is in sight.
void make_mounts(bool mapped) {
  mount_at("proc", "proc", "proc", 0, nullptr);
  mount_at("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  mount_at("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
  mount_at("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k");
  mount_at("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, nullptr);
  if (mapped)
    mount_at("/sys", "sys", nullptr, MS_BIND | MS_REC, nullptr);
  else
    mount_at("sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, nullptr);
  make_devices(mapped);
  make_links();
  for (const char* path : {"proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats",
                           "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"}) {
    cover(path);
  }
  for (const char* path : {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"}) bind_read_only(path);
}

// Instructions of the filter, read before the root is left.
struct Filter {
  sock_filter instructions[BPF_MAXINSNS];
  unsigned short count = 0;
};

void read_filter(const char* path, Filter* filter) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  check(fd, path);
  const ssize_t size = read(fd, filter->instructions, sizeof filter->instructions);
  check(size, path);
  filter->count = static_cast<unsigned short>(static_cast<size_t>(size) / sizeof(sock_filter));
  close(fd);
}

void load_filter(Filter* filter) {
  sock_fprog program{.len = filter->count, .filter = filter->instructions};
  check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program), "filter");
}

[[noreturn]] void run_container(const char* rootfs, bool mapped, Filter* filter, int go) {
  char byte = 0;
  check(read(go, &byte, 1), "wait");
  if (mapped) {
    check(syscall(SYS_setresgid, 0, 0, 0), "setresgid");
    check(syscall(SYS_setresuid, 0, 0, 0), "setresuid");
  }
  check(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), "/");
  check(mount(rootfs, rootfs, nullptr, MS_BIND | MS_REC, nullptr), rootfs);
  check(chdir(rootfs), rootfs);
  check(sethostname("floor", 5), "host name");
  loopback_up();
  make_mounts(mapped);
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount");
  check(chdir("/"), "/");
  check(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC), "close_range");
  setsid();
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  if (filter->count > 0) load_filter(filter);
  char* const argv[] = {const_cast<char*>("/true"), nullptr};
  char* const envp[] = {nullptr};
  execve("/true", argv, envp);
  check(-1, "/true");
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 125;
  const bool mapped = std::strcmp(argv[2], "root") != 0;
  static Filter filter;
  if (argc > 3) read_filter(argv[3], &filter);
  int go[2];
  check(pipe2(go, O_CLOEXEC), "pipe");
  clone_args args{};
  args.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
  if (mapped) args.flags |= CLONE_NEWUSER;
  args.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  check(pid, "clone3");
  if (pid == 0) run_container(argv[1], mapped, &filter, go[0]);
  if (std::strcmp(argv[2], "own") == 0) write_own_map(static_cast<pid_t>(pid));
  if (std::strncmp(argv[2], "all:", 4) == 0) write_all_maps(static_cast<pid_t>(pid), argv[2] + 4);
  check(write(go[1], "g", 1), "go");
  int status = 0;
  check(waitpid(static_cast<pid_t>(pid), &status, 0), "wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
