// Seccomp filters on containers for real: actions, operators, young system calls, agents.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdlib.h>

#include "base/child.h"
#include "base/file.h"
#include "base/wait.h"
#include "runtime/launch.h"
#include "runtime/seccomp.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::has;
using ctr::test::output;
using ctr::test::Sandbox;

namespace {

void use_profile(Sandbox* box, const std::string& text) {
  const auto json = parse_json(text, "profile");
  REQUIRE(json);
  auto program = compile_seccomp(*json);
  if (!program) FAIL(program.error().text());
  box->spec.linux_config.seccomp = *json;
  box->seccomp = std::move(*program);
}

// A profile that allows all but `entries`.
std::string all_but(const std::string& entries) {
  return R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [)" +
         entries + "]}";
}

// mkdir(1) under a rule for its system calls.
std::string mkdir_under(const std::string& rule) {
  Sandbox box;
  use_profile(&box, all_but(R"({"names": ["mkdir", "mkdirat"], )" + rule + "}"));
  box.spec.process->rlimits = {{.type = "RLIMIT_CORE", .soft = 0, .hard = 0}};
  return output(box.sh("mkdir /tmp/x 2>&1; echo $?"));
}

// personality(2) takes one number, which the program does not look at: linux32 and linux64 differ in it.
std::string personality_under(const std::string& op, const std::string& values) {
  Sandbox box;
  use_profile(&box,
              all_but(R"({"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 0,
      "op": ")" + op + "\", " +
                      values + "}]}"));
  // 0: PER_LINUX, 8: PER_LINUX32.
  return output(box.sh("linux64 true 2>/dev/null; echo $?; linux32 true 2>/dev/null; echo $?"));
}

// tests/cli/seccomp-agent, with what it was told.
class Agent {
 public:
  Agent() {
    const char* root = ::getenv("CTR_SOURCE_ROOT");
    REQUIRE(root != nullptr);
    const std::string program = std::string(root) + "/tests/cli/seccomp-agent";
    auto started = spawn({.program = "/usr/bin/env",
                          .argv = {"env", "python3", program, socket(), directory_.path()},
                          .env = {"PATH=/usr/bin:/bin"},
                          .fds = {{2, 2}}});
    REQUIRE(started);
    process_.emplace(std::move(*started));
    wait_for_file("agent.sock");
  }

  std::string socket() const { return directory_ / "agent.sock"; }
  // The N-th state it received.
  Json state(int number) {
    const std::string name = std::to_string(number) + ".json";
    wait_for_file(name);
    return parse_json(read_file(directory_ / name).value(), "state").value();
  }
  std::string calls(int number) { return read_file(directory_ / (std::to_string(number) + ".log")).value(); }
  void stop() { process_.reset(); }

 private:
  void wait_for_file(const std::string& name) {
    for (int i = 0; i < 1000 && !path_exists(directory_ / name); ++i) {
      REQUIRE(wait_for(process_->pidfd(), POLLIN, {}, std::chrono::milliseconds(10)).error().code() == Errc::timed_out);
    }
    REQUIRE(path_exists(directory_ / name));
  }

  test::TemporaryDirectory directory_;
  std::optional<Child> process_;
};

std::string notify(const Agent& agent, const std::string& metadata, const std::string& names) {
  return R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], "listenerPath": ")" +
         agent.socket() + R"(", "listenerMetadata": ")" + metadata + R"(", "syscalls": [{"names": [)" + names +
         R"(], "action": "SCMP_ACT_NOTIFY"}]})";
}

}  // namespace

TEST_CASE("every action does what its name says") {
  CHECK(mkdir_under(R"("action": "SCMP_ACT_ERRNO")") ==
        "mkdir: can't create directory '/tmp/x': Operation not permitted\n1\n");
  CHECK(mkdir_under(R"("action": "SCMP_ACT_ERRNO", "errnoRet": 100)") ==
        "mkdir: can't create directory '/tmp/x': Network is down\n1\n");
  // 128 + SIGSYS.
  for (const char* kill : {"SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"}) {
    CAPTURE(kill);
    CHECK(has(mkdir_under("\"action\": \"" + std::string(kill) + "\""), "159\n"));
  }
  // Without a tracer: ENOSYS (seccomp(2)).
  CHECK(mkdir_under(R"("action": "SCMP_ACT_TRACE", "errnoRet": 7)") ==
        "mkdir: can't create directory '/tmp/x': Function not implemented\n1\n");
  CHECK(mkdir_under(R"("action": "SCMP_ACT_LOG")") == "0\n");
}

TEST_CASE("every operator compares an argument") {
  CHECK(personality_under("SCMP_CMP_NE", R"("value": 8)") == "1\n0\n");
  CHECK(personality_under("SCMP_CMP_LT", R"("value": 8)") == "1\n0\n");
  CHECK(personality_under("SCMP_CMP_LE", R"("value": 7)") == "1\n0\n");
  CHECK(personality_under("SCMP_CMP_EQ", R"("value": 8)") == "0\n1\n");
  CHECK(personality_under("SCMP_CMP_GE", R"("value": 8)") == "0\n1\n");
  CHECK(personality_under("SCMP_CMP_GT", R"("value": 7)") == "0\n1\n");
  CHECK(personality_under("SCMP_CMP_MASKED_EQ", R"("value": 12, "valueTwo": 8)") == "0\n1\n");
}

TEST_CASE("conditions on one argument are alternatives") {
  Sandbox box;
  use_profile(&box, all_but(R"({"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [
      {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]})"));
  CHECK(output(box.sh("linux64 true 2>/dev/null; echo $?; linux32 true 2>/dev/null; echo $?")) == "1\n1\n");
}

TEST_CASE("a filter that forbids what the last steps need is loaded with no_new_privs") {
  Sandbox box;
  use_profile(&box, all_but(R"({"names": ["setresuid", "setresgid", "setgroups", "capset", "prctl", "sendmsg", "read",
      "seccomp", "umask", "close_range", "openat2"], "action": "SCMP_ACT_ERRNO"})"));
  box.spec.process->no_new_privileges = true;
  // echo is of the shell, which reads nothing here.
  CHECK(output(box.sh("echo started")) == "started\n");
}

TEST_CASE("young calls the profile does not name are absent, and the ones it names are allowed") {
  // 451 is cachestat(2), which libseccomp 2.5 does not know; 452 and what follows is not named.
  const auto json = parse_json(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
      {"names": ["read", "cachestat"], "action": "SCMP_ACT_ALLOW"}]})",
                               "profile");
  REQUIRE(json);
  const auto program = compile_seccomp(*json);
  REQUIRE(program);
  const auto answer = [&](int number, uint32_t architecture) {
    return test::run_filter(program->bpf, {.nr = number, .arch = architecture, .instruction_pointer = 0, .args = {}});
  };
  constexpr uint32_t k_enosys = SECCOMP_RET_ERRNO | 38;
  constexpr uint32_t k_eperm = SECCOMP_RET_ERRNO | 1;
  constexpr uint32_t k_x86_64 = 0xC000003E;
  CHECK(answer(0, k_x86_64) == SECCOMP_RET_ALLOW);
  CHECK(answer(1, k_x86_64) == k_eperm);
  CHECK(answer(450, k_x86_64) == k_eperm);
  CHECK(answer(451, k_x86_64) == SECCOMP_RET_ALLOW);
  CHECK(answer(452, k_x86_64) == k_enosys);
  CHECK(answer(100000, k_x86_64) == k_enosys);
}

TEST_CASE("young calls are absent in each architecture of the profile, whatever the default forbids with") {
  const auto json = parse_json(R"({"defaultAction": "SCMP_ACT_KILL_PROCESS", "architectures": ["SCMP_ARCH_X86",
      "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"], "syscalls": [{"names": ["read", "openat2"], "action": "SCMP_ACT_ALLOW"}]})",
                               "profile");
  REQUIRE(json);
  const auto program = compile_seccomp(*json);
  REQUIRE(program);
  constexpr uint32_t k_enosys = SECCOMP_RET_ERRNO | 38;
  constexpr uint32_t k_x86_64 = 0xC000003E, k_x86 = 0x40000003, k_aarch64 = 0xC00000B7;
  constexpr int k_x32 = 0x40000000;
  const auto answer = [&](int number, uint32_t architecture) {
    return test::run_filter(program->bpf, {.nr = number, .arch = architecture, .instruction_pointer = 0, .args = {}});
  };
  // openat2(2) has 437 everywhere, read(2) 0, 3 and 63.
  for (const auto& [architecture, read] : {std::pair(k_x86_64, 0), {k_x86, 3}, {k_aarch64, 63}}) {
    CAPTURE(architecture);
    CHECK(answer(read, architecture) == SECCOMP_RET_ALLOW);
    CHECK(answer(437, architecture) == SECCOMP_RET_ALLOW);
    CHECK(answer(436, architecture) == SECCOMP_RET_KILL_PROCESS);
    CHECK(answer(438, architecture) == k_enosys);
  }
  CHECK(answer(k_x32 | 0, k_x86_64) == SECCOMP_RET_ALLOW);
  CHECK(answer(k_x32 | 436, k_x86_64) == SECCOMP_RET_KILL_PROCESS);
  CHECK(answer((k_x32 | 100000), k_x86_64) == k_enosys);
  // An architecture the profile does not have.
  CHECK(answer(438, 0x80000016) == SECCOMP_RET_KILL_THREAD);
}

TEST_CASE("defaults that allow, log or trace leave young calls alone") {
  for (const char* action : {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"}) {
    CAPTURE(action);
    const auto json = parse_json(std::string(R"({"defaultAction": ")") + action +
                                     R"(", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO"}]})",
                                 "profile");
    const auto program = compile_seccomp(*json);
    REQUIRE(program);
    const uint32_t answer =
        test::run_filter(program->bpf, {.nr = 100000, .arch = 0xC000003E, .instruction_pointer = 0, .args = {}});
    CHECK((answer & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO);
  }
}

TEST_CASE("an agent gets the listener and the state of the container, and decides") {
  for (const bool no_new_privileges : {false, true}) {
    CAPTURE(no_new_privileges);
    Agent agent;
    Sandbox box;
    use_profile(&box, notify(agent, "errno=123", R"("mkdir", "mkdirat")"));
    box.spec.annotations = {{"key", "value"}};
    box.spec.process->no_new_privileges = no_new_privileges;
    CHECK(output(box.sh("mkdir /tmp/x 2>&1; ls /proc/self/fd")) ==
          "mkdir: can't create directory '/tmp/x': No medium found\n0\n1\n2\n3\n");
    const Json state = agent.state(1);
    CHECK(state.find("ociVersion")->as_string() == "1.3.0");
    CHECK(dump_json(*state.find("fds")) == R"(["seccompFd"])");
    CHECK(state.find("metadata")->as_string() == "errno=123");
    CHECK(state.find("state")->find("id")->as_string() == "box");
    CHECK(state.find("state")->find("status")->as_string() == "creating");
    CHECK(state.find("state")->find("pid")->as_int() == state.find("pid")->as_int());
  }
}

TEST_CASE("calls that starting a program takes may be left to an agent") {
  for (const bool no_new_privileges : {false, true}) {
    CAPTURE(no_new_privileges);
    Agent agent;
    Sandbox box;
    use_profile(&box,
                notify(agent, "continue",
                       R"("execve", "openat", "open", "read", "close", "sendmsg", "capset", "prctl", "exit_group")"));
    box.spec.process->no_new_privileges = no_new_privileges;
    CHECK(output(box.sh("echo started")) == "started\n");
    // 59: execve.
    CHECK(has(agent.calls(1), "59\n"));
  }
}

TEST_CASE("each exec is one more listener for the agent") {
  Agent agent;
  Sandbox box;
  use_profile(&box, notify(agent, "errno=123", R"("mkdir", "mkdirat")"));
  const auto container = box.start({"sleep", "100"});
  REQUIRE(container);
  CHECK(output(box.exec(*container, {"mkdir", "/tmp/x"})) ==
        "mkdir: can't create directory '/tmp/x': No medium found\n");
  const Json first = agent.state(1);
  const Json second = agent.state(2);
  CHECK(first.find("pid")->as_int() == container->init.pid());
  CHECK(second.find("state")->find("pid")->as_int() == container->init.pid());
  CHECK(second.find("pid")->as_int() != container->init.pid());
  CHECK(second.find("state")->find("status")->as_string() == "running");
}

TEST_CASE("a process that may make no thread hands its listener over all the same") {
  Agent agent;
  Sandbox box;
  if (box.host.default_map().is_single()) FAIL("this test needs subordinate ids");
  use_profile(&box, notify(agent, "errno=123", R"("mkdir", "mkdirat")"));
  box.spec.process->user = {.uid = 4321, .gid = 4321, .additional_gids = {}, .umask = {}};
  box.spec.process->no_new_privileges = true;
  box.spec.process->rlimits = {{.type = "RLIMIT_NPROC", .soft = 1, .hard = 1}};
  CHECK(output(box.run({"mkdir", "/tmp/x"})) == "mkdir: can't create directory '/tmp/x': No medium found\n");
}

TEST_CASE("nothing starts without the agent, and calls fail when it has left") {
  Sandbox box;
  {
    Agent agent;
    use_profile(&box, notify(agent, "leave", R"("mkdir", "mkdirat")"));
    CHECK(output(box.sh("mkdir /tmp/x 2>&1")) == "mkdir: can't create directory '/tmp/x': Function not implemented\n");
    agent.stop();
    const auto refused = box.run({"touch", "/ran"});
    REQUIRE_FALSE(refused);
    CHECK(has(refused.error().text(),
              "reach the seccomp agent: connect to '" + agent.socket() + "': Connection refused"));
  }
  CHECK(has(output(box.run({"touch", "/ran"})), "reach the seccomp agent: "));
  CHECK_FALSE(path_exists(box.plan.upper_dir + "/ran"));
}
