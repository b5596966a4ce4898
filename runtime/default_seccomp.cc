#include "runtime/default_seccomp.h"

#include <string_view>

#include "base/json.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

// By the sections of the manual; syscalls(2) is the list this was drawn from. Names that an architecture lacks are
// ignored.
constexpr std::string_view k_allowed[] = {
    // Files and directories.
    "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 "
    "fadvise64 "
    "fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
    "fgetxattr "
    "flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 "
    "futimesat getcwd getdents getdents64 getxattr getxattrat lchown lchown32 lgetxattr link linkat listxattr "
    "listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 _llseek mkdir mkdirat mknod mknodat "
    "name_to_handle_at newfstatat oldfstat oldlstat oldstat open openat openat2 readahead readlink readlinkat "
    "removexattr "
    "removexattrat rename renameat renameat2 rmdir setxattr setxattrat stat stat64 statfs statfs64 statx symlink "
    "symlinkat sync sync_file_range sync_file_range2 syncfs truncate truncate64 umask unlink unlinkat utime utimensat "
    "utimensat_time64 utimes cachestat file_getattr file_setattr",
    // Mounts: what these do is limited to mount namespaces in which the caller holds CAP_SYS_ADMIN.
    "fsconfig fsmount fsopen fspick listmount mount mount_setattr move_mount open_tree open_tree_attr pivot_root "
    "statmount "
    "umount umount2",
    // Input and output.
    "eventfd eventfd2 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
    "epoll_wait_old inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents "
    "io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl memfd_create memfd_secret pipe pipe2 poll ppoll "
    "ppoll_time64 pread64 preadv preadv2 pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readv select "
    "_newselect "
    "sendfile sendfile64 signalfd signalfd4 splice tee timerfd timerfd_create timerfd_gettime timerfd_gettime64 "
    "timerfd_settime timerfd_settime64 vmsplice write writev",
    // Sockets; socket(2) itself is below.
    "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 "
    "recvmsg "
    "send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair",
    // Memory.
    "brk get_mempolicy madvise map_shadow_stack mbind membarrier mincore mlock mlock2 mlockall mmap mmap2 mprotect "
    "mremap "
    "mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages "
    "set_mempolicy set_mempolicy_home_node",
    // Processes and threads.
    "alarm arch_prctl capget capset clone clone3 execve execveat exit exit_group fork futex futex_requeue futex_time64 "
    "futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu getegid getegid32 geteuid geteuid32 "
    "getgid "
    "getgid32 getgroups getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getresgid getresgid32 "
    "getresuid "
    "getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill landlock_add_rule "
    "landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules lsm_set_self_attr nanosleep "
    "nice "
    "pause pidfd_getfd pidfd_open pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace "
    "restart_syscall "
    "rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
    "rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity "
    "sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 "
    "sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list "
    "set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 "
    "setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
    "setrlimit setsid setuid setuid32 sigaltstack sigprocmask sigreturn tgkill time times tkill ugetrlimit unshare "
    "uretprobe vfork wait4 waitid waitpid",
    // Time; clocks are set with the capability below.
    "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
    "clock_nanosleep clock_nanosleep_time64 gettimeofday timer_create timer_delete timer_getoverrun timer_gettime "
    "timer_gettime64 timer_settime timer_settime64",
    // System V and POSIX communication.
    "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
    "mq_unlink "
    "msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget",
    // Keys of the container's own key ring, and facts about the machine.
    "add_key keyctl request_key getrandom sysinfo syslog uname setns sethostname modify_ldt",
    // Other architectures.
    "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush get_tls set_tls riscv_flush_icache riscv_hwprobe "
    "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr swapcontext",
};

struct Guarded {
  std::string_view capability;
  std::string_view names;
};

// What only the holder of a capability gets; the others get EPERM rather than ENOSYS, since the call is there.
constexpr Guarded k_guarded[] = {
    {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"CAP_SYS_ADMIN",
     "bpf fanotify_init fanotify_mark lookup_dcookie perf_event_open quotactl quotactl_fd setdomainname"},
    {"CAP_SYS_BOOT", "reboot kexec_load kexec_file_load"},
    {"CAP_SYS_CHROOT", "chroot"},
    {"CAP_SYS_MODULE", "create_module delete_module finit_module init_module query_module"},
    {"CAP_SYS_PACCT", "acct"},
    {"CAP_SYS_PTRACE", "kcmp process_madvise"},
    {"CAP_SYS_RAWIO", "ioperm iopl"},
    {"CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"},
    {"CAP_SYS_TTY_CONFIG", "vhangup"},
};

// Refused to everybody, with EPERM: io_uring (a second way to most calls), user fault handling (makes kernel races easy
// to win), moving pages of others, swap, and calls long gone.
constexpr std::string_view k_refused =
    "bdflush io_uring_enter io_uring_register io_uring_setup migrate_pages move_pages nfsservctl "
    "pciconfig_iobase "
    "pciconfig_read pciconfig_write swapoff swapon sysfs _sysctl uselib userfaultfd ustat vm86 vm86old";

Json entry(std::string_view names, std::string_view action) {
  Json out = Json::object();
  out.set("names", Json::strings(split(names, ' '))).set("action", action);
  return out;
}

Json refused(std::string_view names) {
  Json out = entry(names, "SCMP_ACT_ERRNO");
  out.set("errnoRet", 1);
  return out;
}

Json condition(std::string_view capability) {
  Json out = Json::object();
  out.set("caps", Json::strings({std::string(capability)}));
  return out;
}

Json comparison(unsigned index, uint64_t value, std::string_view op) {
  Json out = Json::object();
  out.set("index", index).set("value", value).set("op", op);
  return out;
}

// personality(2): what changes how the process sees itself (PER_LINUX, PER_LINUX32, UNAME26 and the query).
void push_personality(Json* entries) {
  for (const uint64_t value :
       {uint64_t{0x0}, uint64_t{0x8}, uint64_t{0x20000}, uint64_t{0x20008}, uint64_t{0xffffffff}}) {
    Json args = Json::array();
    entries->push(entry("personality", "SCMP_ACT_ALLOW").set("args", args.push(comparison(0, value, "SCMP_CMP_EQ"))));
  }
}

// socket(2): not the audit protocol of netlink (AF_NETLINK 16, NETLINK_AUDIT 9) without its capability.
void push_socket(Json* entries) {
  Json with = entry("socket", "SCMP_ACT_ALLOW");
  entries->push(with.set("includes", condition("CAP_AUDIT_WRITE")));
  Json domain = Json::array();
  domain.push(comparison(0, 16, "SCMP_CMP_NE"));
  Json protocol = Json::array();
  protocol.push(comparison(2, 9, "SCMP_CMP_NE"));
  for (Json* args : {&domain, &protocol}) {
    Json without = entry("socket", "SCMP_ACT_ALLOW");
    entries->push(without.set("args", std::move(*args)).set("excludes", condition("CAP_AUDIT_WRITE")));
  }
}

Json architecture(std::string_view name, const std::vector<std::string>& others) {
  Json out = Json::object();
  out.set("architecture", name).set("subArchitectures", Json::strings(others));
  return out;
}

}  // namespace

std::string default_seccomp_profile() {
  Json profile = Json::object();
  // ENOSYS: a C library falls back from what it takes for an old kernel.
  profile.set("defaultAction", "SCMP_ACT_ERRNO").set("defaultErrnoRet", 38);
  Json map = Json::array();
  map.push(architecture("SCMP_ARCH_X86_64", {"SCMP_ARCH_X86", "SCMP_ARCH_X32"}))
      .push(architecture("SCMP_ARCH_AARCH64", {"SCMP_ARCH_ARM"}))
      .push(architecture("SCMP_ARCH_S390X", {"SCMP_ARCH_S390"}));
  profile.set("archMap", std::move(map));
  Json entries = Json::array();
  for (const std::string_view names : k_allowed) entries.push(entry(names, "SCMP_ACT_ALLOW"));
  for (const Guarded& guarded : k_guarded) {
    entries.push(entry(guarded.names, "SCMP_ACT_ALLOW").set("includes", condition(guarded.capability)));
    entries.push(refused(guarded.names).set("excludes", condition(guarded.capability)));
  }
  entries.push(refused(k_refused));
  push_personality(&entries);
  push_socket(&entries);
  return dump_json(profile.set("syscalls", std::move(entries)));
}

}  // namespace ctr::runtime
