#include "runtime/exec_process.h"

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

SpecProcess first_process() {
  SpecProcess process;
  process.terminal = true;
  process.console_size = ConsoleSize{.height = 1, .width = 2};
  process.user = {.uid = 5, .gid = 6, .additional_gids = {7}, .umask = {}};
  process.args = {"first"};
  process.env = {"A=1", "AB=2", "C=3"};
  process.cwd = "/first";
  process.capabilities = SpecCapabilities{
      .bounding = {"CAP_KILL"}, .effective = {}, .inheritable = {"CAP_KILL"}, .permitted = {"CAP_KILL"}, .ambient = {}};
  process.no_new_privileges = true;
  process.apparmor_profile = "profile";
  return process;
}

}  // namespace

TEST_CASE("users of exec are numbers and nothing else") {
  CHECK(parse_numeric_user("1").value() == NumericUser{.uid = 1, .gid = {}});
  CHECK(parse_numeric_user("1:2").value() == NumericUser{.uid = 1, .gid = 2});
  CHECK(parse_numeric_user("4294967294").value().uid == 4294967294U);
  for (const char* wrong : {"", ":", "1:", ":1", "1:2:3", "+1", "-1", " 1", "1 ", "0x1", "1a", "root", "4294967295",
                            "18446744073709551616", "1:4294967295"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_numeric_user(wrong));
  }
}

TEST_CASE("exec keeps what the command line does not change") {
  ExecWords words;
  words.args = {"second"};
  SpecProcess expected = first_process();
  expected.args = {"second"};
  // A terminal is asked for each time.
  expected.terminal = false;
  expected.console_size.reset();
  CHECK(make_exec_process(first_process(), words).value() == expected);
}

TEST_CASE("exec changes what the command line says") {
  ExecWords words;
  words.args = {"second"};
  words.terminal = true;
  words.env = {"A=x", "D=4", "A=y"};
  words.user = NumericUser{.uid = 8, .gid = {}};
  words.additional_gids = {9};
  words.cwd = "/second";
  words.apparmor_profile = "other";
  words.selinux_label = "label";
  words.capabilities = {"CAP_CHOWN", "CAP_KILL"};
  const SpecProcess process = make_exec_process(first_process(), words).value();
  CHECK(process.terminal);
  CHECK(process.env == std::vector<std::string>{"AB=2", "C=3", "D=4", "A=y"});
  CHECK(process.user.uid == 8);
  CHECK(process.user.gid == 6);
  CHECK(process.user.additional_gids == std::vector<uint32_t>{7, 9});
  CHECK(process.cwd == "/second");
  CHECK(process.apparmor_profile == "other");
  CHECK(process.selinux_label == "label");
  CHECK(process.capabilities->bounding == std::vector<std::string>{"CAP_KILL", "CAP_CHOWN"});
  CHECK(process.capabilities->effective == std::vector<std::string>{"CAP_CHOWN", "CAP_KILL"});
  CHECK(process.capabilities->inheritable == std::vector<std::string>{"CAP_KILL"});
  CHECK(process.no_new_privileges);
  words.user->gid = 10;
  CHECK(make_exec_process(first_process(), words).value().user.gid == 10);
}

TEST_CASE("exec refuses variables without a name or a value") {
  for (const char* wrong : {"A", "=1", ""}) {
    ExecWords words;
    words.env = {wrong};
    CHECK_FALSE(make_exec_process(first_process(), words));
  }
}
