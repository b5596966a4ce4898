#include "runtime/seccomp.h"

#include <linux/filter.h>

#include <algorithm>

#include "runtime/default_seccomp.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

// The names a profile ends up allowing, or refusing with a number.
std::vector<std::string> names_with(const Json& oci, std::string_view action) {
  std::vector<std::string> out;
  for (const Json& entry : oci.find("syscalls")->as_array()) {
    if (entry.find("action")->as_string() != action) continue;
    for (const Json& name : entry.find("names")->as_array()) out.push_back(name.as_string());
  }
  return out;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

constexpr const char* k_profile = R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS","syscalls":[
  {"names":["read"],"action":"SCMP_ACT_ALLOW"},
  {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
  {"names":["mount"],"action":"SCMP_ACT_ERRNO","errno":"EPERM","excludes":{"caps":["CAP_SYS_ADMIN"]}},
  {"names":["old"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"99.0"}},
  {"names":["alien"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["vax"]}}]})";

std::string compile_refusal(const char* text) {
  const auto json = parse_json(text, "profile");
  REQUIRE(json);
  const auto program = compile_seccomp(*json);
  return program ? "accepted" : program.error().text();
}

}  // namespace

TEST_CASE("entries of a profile count by capability, machine and kernel") {
  const auto plain = select_seccomp(k_profile, {"CAP_CHOWN"});
  REQUIRE(plain);
  CHECK(names_with(*plain, "SCMP_ACT_ALLOW") == std::vector<std::string>{"read"});
  CHECK(names_with(*plain, "SCMP_ACT_ERRNO") == std::vector<std::string>{"mount"});
  CHECK(plain->find("defaultErrnoRet")->as_int() == 38);
  const auto admin = select_seccomp(k_profile, {"CAP_SYS_ADMIN"});
  REQUIRE(admin);
  CHECK(names_with(*admin, "SCMP_ACT_ALLOW") == std::vector<std::string>{"read", "mount"});
}

TEST_CASE("what is selected once is selected again as the same") {
  const auto once = select_seccomp(k_profile, {});
  REQUIRE(once);
  const auto twice = select_seccomp(dump_json(*once), {});
  REQUIRE(twice);
  CHECK(*twice == *once);
}

TEST_CASE("the built-in profile allows programs their work and guards the machine") {
  const auto oci = select_seccomp(default_seccomp_profile(), {"CAP_CHOWN"});
  REQUIRE(oci);
  const auto allowed = names_with(*oci, "SCMP_ACT_ALLOW");
  for (const char* name : {"read", "openat2", "clone3", "execve", "futex", "socket", "statx", "close_range", "rseq"}) {
    CHECK(contains(allowed, name));
  }
  for (const char* name : {"bpf", "kexec_load", "init_module", "reboot", "io_uring_setup", "userfaultfd", "swapon",
                           "settimeofday", "open_by_handle_at", "perf_event_open", "acct", "iopl"}) {
    CHECK_FALSE(contains(allowed, name));
  }
  const auto program = compile_seccomp(*oci);
  REQUIRE(program);
  CHECK(program->bpf.size() / sizeof(sock_filter) > 300);
}

TEST_CASE("mistakes in a profile are refused by name, unknown system calls are not") {
  CHECK(compile_refusal(R"({"defaultAction":"SCMP_ACT_MAYBE"})") ==
        "linux.seccomp: 'SCMP_ACT_MAYBE' is no seccomp action");
  CHECK(compile_refusal(R"({"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":5})") ==
        "linux.seccomp: defaultErrnoRet does not go with 'SCMP_ACT_ALLOW'");
  CHECK(compile_refusal(R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_VAX"]})") ==
        "linux.seccomp: architectures[0]: 'SCMP_ARCH_VAX' is no seccomp architecture");
  CHECK(compile_refusal(R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_MORE"]})") ==
        "linux.seccomp: flags[0] is not a seccomp flag: 'SECCOMP_FILTER_FLAG_MORE'");
  CHECK(compile_refusal(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO",
      "args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]})")
            .find("args[0]") != std::string::npos);
  const auto entry = [](const std::string& members) {
    return compile_refusal((R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{)" + members + "}]}").c_str());
  };
  CHECK(entry(R"("names":[],"action":"SCMP_ACT_KILL")") ==
        "linux.seccomp: syscalls[0].names is not a list of at least one system call");
  CHECK(entry(R"("names":["read"],"action":"SCMP_ACT_KILL","errnoRet":0)") ==
        "linux.seccomp: syscalls[0]: errnoRet does not go with 'SCMP_ACT_KILL'");
  CHECK(entry(R"("names":["read"],"action":"SCMP_ACT_ERRNO","errnoRet":4096)") ==
        "linux.seccomp: syscalls[0].errnoRet is not a number of at most 4095");
  CHECK(entry(R"("names":["read"],"action":"SCMP_ACT_TRACE","errnoRet":65535)") == "accepted");
  CHECK(entry(R"("names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":0,"op":"SCMP_CMP_X"}])") ==
        "linux.seccomp: syscalls[0].args[0]: 'SCMP_CMP_X' is no seccomp operator");
  CHECK(compile_refusal(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["no_such_call"],
      "action":"SCMP_ACT_KILL"}]})") == "accepted");
}

TEST_CASE("agents are asked about single calls, and named by an absolute path") {
  const auto refusal = [](const std::string& members) {
    return compile_refusal((R"({"defaultAction":"SCMP_ACT_ALLOW",)" + members + "}").c_str());
  };
  const std::string entry = R"("syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}])";
  CHECK(compile_refusal(R"({"defaultAction":"SCMP_ACT_NOTIFY","listenerPath":"/agent"})") ==
        "linux.seccomp: SCMP_ACT_NOTIFY cannot be the default action");
  CHECK(refusal(entry) ==
        "linux.seccomp: SCMP_ACT_NOTIFY needs the absolute path of an agent's socket in listenerPath, not ''");
  CHECK(refusal(R"("listenerPath":"@abstract",)" + entry).find("not '@abstract'") != std::string::npos);
  CHECK(refusal(R"("listenerPath":"/agent","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}])") ==
        "linux.seccomp: syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall");
  CHECK(refusal(R"("listenerMetadata":"x")") == "linux.seccomp: listenerMetadata does not go without listenerPath");
  CHECK(refusal(R"("listenerPath":"not-used")") == "accepted");
  CHECK(refusal(R"("flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])") ==
        "linux.seccomp: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV does not go without SCMP_ACT_NOTIFY");
  const auto json = parse_json(R"({"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/agent",
      "flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],)" +
                                   entry + "}",
                               "p");
  REQUIRE(json);
  CHECK(compile_seccomp(*json).value().flags == 0x28);  // NEW_LISTENER, WAIT_KILLABLE_RECV
}

TEST_CASE("where an agent listens survives the selection of a profile's entries") {
  const auto oci = select_seccomp(R"({"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/agent","listenerMetadata":"m",
      "syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY","errnoRet":0}]})",
                                  {});
  REQUIRE(oci);
  CHECK(oci->find("listenerPath")->as_string() == "/agent");
  CHECK(oci->find("listenerMetadata")->as_string() == "m");
  CHECK(compile_seccomp(*oci));
}

TEST_CASE("a filter of the runtime spec is remembered under its own name") {
  test::TemporaryDirectory directory;
  const Dir cache = Dir::open(directory.path()).value();
  const auto json = parse_json(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],
      "action":"SCMP_ACT_ERRNO"}]})",
                               "p");
  const auto first = prepare_oci_seccomp(*json, cache);
  REQUIRE(first);
  REQUIRE(cache.list().value().size() == 1);
  CHECK(prepare_oci_seccomp(*json, cache).value() == *first);
  CHECK(*first == compile_seccomp(*json).value());
}

TEST_CASE("flags are the usual ones when absent and none when empty") {
  const auto flags = [](const char* text) { return compile_seccomp(parse_json(text, "p").value()).value().flags; };
  CHECK(flags(R"({"defaultAction":"SCMP_ACT_ALLOW"})") == 4);  // SECCOMP_FILTER_FLAG_SPEC_ALLOW
  CHECK(flags(R"({"defaultAction":"SCMP_ACT_ALLOW","flags":[]})") == 0);
  CHECK(flags(R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"]})") == 2);
}

TEST_CASE("a compiled profile is remembered, and compiled afresh when the memory is damaged") {
  test::TemporaryDirectory directory;
  const Dir cache = Dir::open(directory.path()).value();
  const auto first = prepare_seccomp(k_profile, {"CAP_CHOWN", "CAP_KILL"}, cache);
  REQUIRE(first);
  const auto names = cache.list().value();
  REQUIRE(names.size() == 1);
  const std::string entry = cache.read_file(names[0]).value();
  // The order of capabilities does not matter; the set does.
  CHECK(prepare_seccomp(k_profile, {"CAP_KILL", "CAP_CHOWN"}, cache).value().program == first->program);
  CHECK(cache.list().value().size() == 1);
  CHECK(prepare_seccomp(k_profile, {"CAP_KILL"}, cache));
  CHECK(cache.list().value().size() == 2);
  for (const size_t damaged : {size_t{0}, size_t{20}, entry.size() - 1}) {
    std::string broken = entry;
    broken[damaged] = static_cast<char>(broken[damaged] ^ 1);
    REQUIRE(cache.write_file(names[0], broken, Sync::no));
    const auto again = prepare_seccomp(k_profile, {"CAP_CHOWN", "CAP_KILL"}, cache);
    REQUIRE(again);
    CHECK(again->program == first->program);
    CHECK(again->oci == first->oci);
    CHECK(cache.read_file(names[0]).value() == entry);
  }
}

TEST_CASE("calls younger than the profile look absent, others forbidden") {
  test::Sandbox box;
  // 450 is above every call this profile names; mkdirat is below.
  const auto oci = select_seccomp(
      R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"syscalls":[{"names":["read","write","openat","open",
      "close","execve","mmap","mprotect","munmap","brk","exit_group","exit","arch_prctl","set_tid_address","prlimit64",
      "getrandom","set_robust_list","rseq","readlink","readlinkat","fstat","newfstatat","stat","lstat","getuid","geteuid",
      "getgid","getegid","rt_sigaction","rt_sigprocmask","rt_sigreturn","prctl","capset","ioctl","fcntl","getpid","getppid",
      "uname","getcwd","dup2","fork","vfork","clone","wait4","seccomp","setresuid","sigaltstack","mkdir"],
      "action":"SCMP_ACT_ALLOW"}]})",
      {});
  REQUIRE(oci);
  box.spec.linux_config.seccomp = *oci;
  box.seccomp = compile_seccomp(*oci).value();
  const auto ran = box.sh("chown 1:1 /tmp 2>&1; true");
  REQUIRE(ran);
  CHECK(ran->out == "chown: /tmp: Operation not permitted\n");
}
