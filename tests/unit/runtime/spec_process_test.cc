// What config.json may say about the process, and what it may not.
#include "runtime/spec_process.h"

#include "runtime/number_list.h"
#include "runtime/spec.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

// "accepted", or why not. What is read is written and read as the same.
std::string verdict(const std::string& text) {
  const auto json = parse_json(text, "config.json");
  REQUIRE(json);
  const auto spec = spec_from_json(*json);
  if (!spec) return spec.error().text();
  const auto again = spec_from_json(to_json(*spec));
  REQUIRE(again);
  CHECK(*again == *spec);
  return "accepted";
}

std::string process_with(const std::string& members) {
  return verdict(R"({"ociVersion": "1.3.0", "process": {"cwd": "/", "args": ["x"], )" + members + "}}");
}

std::string linux_with(const std::string& members) {
  return verdict(R"({"ociVersion": "1.3.0", "linux": {)" + members + "}}");
}

std::string scheduler(const std::string& members) { return process_with("\"scheduler\": {" + members + "}"); }

}  // namespace

TEST_CASE("lists of CPUs and nodes become masks") {
  CHECK(parse_number_list("", 7) == "");
  CHECK(parse_number_list("0-1,3", 7) == std::string("\x0b\0\0\0\0\0\0\0", 8));
  CHECK(parse_number_list(" 64 ", 64)->size() == 16);
  for (const char* wrong : {"8", "a", "1-", "-1", "3-1", "1,,2", "0-9876543210", "1 2"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_number_list(wrong, 7));
  }
}

TEST_CASE("consoleSize is ignored without a terminal, whatever it says") {
  CHECK(process_with(R"("consoleSize": {"height": 99999, "width": 1})") == "accepted");
  CHECK(process_with(R"("terminal": true, "consoleSize": {"height": 99999, "width": 1})") ==
        "config.json: process.consoleSize.height is not a number in range");
}

TEST_CASE("limits of unknown types, given twice, or with soft above hard are refused") {
  CHECK(process_with(R"("rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}])") == "accepted");
  CHECK(process_with(R"("rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 2}])") ==
        "config.json: process.rlimits[0].type is not a resource limit");
  CHECK(process_with(R"("rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 2},
                                    {"type": "RLIMIT_CPU", "soft": 1, "hard": 2}])") ==
        "config.json: process.rlimits[1]: resource limit 'RLIMIT_CPU' is given twice");
  CHECK(process_with(R"("rlimits": [{"type": "RLIMIT_CPU", "soft": 3, "hard": 2}])") ==
        "config.json: process.rlimits[0].soft is not within the hard limit: 3 is above 2");
}

TEST_CASE("a umask is at most 0777") {
  CHECK(process_with(R"("user": {"uid": 1, "gid": 1, "umask": 511})") == "accepted");
  CHECK(process_with(R"("user": {"uid": 1, "gid": 1, "umask": 512})").find("process.user.umask") != std::string::npos);
}

TEST_CASE("schedulers are checked as the kernel will") {
  CHECK(scheduler(R"("policy": "SCHED_BATCH", "nice": 19, "flags": ["SCHED_FLAG_RESET_ON_FORK"])") == "accepted");
  CHECK(scheduler(R"("policy": "SCHED_FIFO", "priority": 99)") == "accepted");
  CHECK(scheduler(R"("policy": "SCHED_ISO")") == "accepted");
  CHECK(
      scheduler(R"("policy": "SCHED_DEADLINE", "nice": 19, "runtime": 42000, "deadline": 100000, "period": 1000000)") ==
      "accepted");
  CHECK(scheduler(R"("policy": "SCHED_DEADLINE", "runtime": 42000, "deadline": 100000)") == "accepted");
  const std::string path = "config.json: process.scheduler";
  CHECK(scheduler(R"("nice": 1)") == path + ".policy is missing");
  CHECK(scheduler(R"("policy": "SCHED_SLOW")") == path + ".policy is not a scheduling policy");
  CHECK(scheduler(R"("policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_MORE"])") ==
        path + ".flags[0] is not a scheduling flag");
  CHECK(scheduler(R"("policy": "SCHED_OTHER", "nice": 20)") == path + ".nice is not between -20 and 19");
  CHECK(scheduler(R"("policy": "SCHED_OTHER", "priority": 1)") ==
        path + ".priority is not 0, the only one of SCHED_OTHER");
  CHECK(scheduler(R"("policy": "SCHED_RR")") == path + ".priority is not between 1 and 99, as SCHED_RR needs it");
  CHECK(scheduler(R"("policy": "SCHED_RR", "priority": -1)") == path + ".priority is not a priority: it is negative");
  CHECK(scheduler(R"("policy": "SCHED_BATCH", "period": 1)") ==
        path + ": runtime, deadline and period go with SCHED_DEADLINE, not with SCHED_BATCH");
  CHECK(scheduler(R"("policy": "SCHED_DEADLINE", "runtime": 1023, "deadline": 100000)") ==
        path + ".runtime is not 1024 nanoseconds or more: it is 1023");
  CHECK(scheduler(R"("policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 1500, "period": 3000)") ==
        path + ": runtime 2000 <= deadline 1500 <= period 3000 does not hold");
  CHECK(scheduler(R"("policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 4000, "period": 3000)") ==
        path + ": runtime 2000 <= deadline 4000 <= period 3000 does not hold");
}

TEST_CASE("I/O priorities have a known class and eight levels") {
  CHECK(process_with(R"("ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 7})") == "accepted");
  CHECK(process_with(R"("ioPriority": {"class": "IOPRIO_CLASS_IDLE"})") == "accepted");
  CHECK(process_with(R"("ioPriority": {"class": "IOPRIO_CLASS_NONE", "priority": 0})") ==
        "config.json: process.ioPriority.class is not a class of I/O priority");
  CHECK(process_with(R"("ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 8})") ==
        "config.json: process.ioPriority.priority is not between 0 and 7");
}

TEST_CASE("CPUs of exec are lists") {
  CHECK(process_with(R"("execCPUAffinity": {"initial": "0-3,7", "final": "1"})") == "accepted");
  CHECK(process_with(R"("execCPUAffinity": {"final": "one"})") ==
        "config.json: process.execCPUAffinity.final is not a list of CPUs such as '0-3,7'");
}

TEST_CASE("personalities are two, without flags") {
  CHECK(linux_with(R"("personality": {"domain": "LINUX32", "flags": []})") == "accepted");
  CHECK(linux_with(R"("personality": {"domain": "BSD"})") ==
        "config.json: linux.personality.domain is not 'LINUX' or 'LINUX32'");
  CHECK(linux_with(R"("personality": {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]})") ==
        "config.json: linux.personality.flags is not empty: no flag is supported");
}

TEST_CASE("memory policies name a mode, nodes and flags the kernel has") {
  CHECK(linux_with(R"("memoryPolicy": {})") == "accepted");
  CHECK(linux_with(R"("memoryPolicy": {"mode": "MPOL_DEFAULT"})") == "accepted");
  CHECK(linux_with(R"("memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-3,7", "flags": ["MPOL_F_STATIC_NODES"]})") ==
        "accepted");
  const std::string path = "config.json: linux.memoryPolicy";
  CHECK(linux_with(R"("memoryPolicy": {"nodes": "0"})") == path + ".mode: invalid memory policy mode ''");
  CHECK(linux_with(R"("memoryPolicy": {"mode": "INTERLEAVE", "nodes": "0"})") ==
        path + ".mode: invalid memory policy mode 'INTERLEAVE'");
  CHECK(linux_with(R"("memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-9876543210"})") ==
        path + ".nodes: invalid memory policy node list '0-9876543210'");
  CHECK(linux_with(R"("memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "bad"]})") ==
        path + ".flags[1]: invalid memory policy flag 'bad'");
}
