#include "engine/top.h"

#include "tests/catch.h"

namespace ctr::engine {

namespace {

constexpr std::string_view k_stat =
    "4711 (a) b (c)) S 4700 4711 4711 34817 4711 4194304 100 0 0 0 150 50 0 0 20 -5 1 0 1000 2097152 345 184467\n";
constexpr std::string_view k_status =
    "Name:\ta) b (c)\nUid:\t1001\t100999\t1001\t1001\nGid:\t1001\t1001\t1001\t1001\nGroups:\t1001 101000 \n"
    "NSpid:\t4711\t2\nNSpgid:\t4711\t0\nVmRSS:\t    1380 kB\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000021\n"
    "CapEff:\t00000000000000ff\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000001\nSeccomp:\t2\n";

TopView view() {
  TopView made;
  made.depth = 2;
  made.id_map = {{{0, 1001, 1}, {1, 100000, 65536}}, {{0, 1001, 1}, {1, 100000, 65536}}};
  made.users = parse_passwd("root:x:0:0::/:\nweb:x:1000:1000::/:\n");
  made.groups = parse_group("root:x:0:\n");
  made.at = from_unix_seconds(10'000);
  made.ticks_since_boot = 1000 + 12'345;
  made.all_capabilities = 0x1ffffffffff;
  return made;
}

std::vector<std::string> shown(const std::vector<std::string>& descriptors) {
  const auto facts = parse_process(k_stat, k_status);
  REQUIRE(facts);
  return top_rows(view(), {{*facts, "", "?"}}, descriptors).at(1);
}

}  // namespace

TEST_CASE("a process is read from stat and status, whatever its name is") {
  const auto facts = parse_process(k_stat, k_status);
  REQUIRE(facts);
  CHECK(facts->name == "a) b (c)");
  CHECK(facts->state == 'S');
  CHECK(facts->parent_pid == 4700);
  CHECK(facts->pids == std::vector<int>{4711, 2});
  CHECK(facts->effective_uid == 100999);
  CHECK(facts->cpu_ticks == 200);
  CHECK(facts->nice == -5);
  CHECK(facts->groups == std::vector<uint32_t>{1001, 101000});
  CHECK(facts->resident_kib == 1380);
}

TEST_CASE("text of another form is no process") {
  CHECK(parse_process("", "").error().code() == Errc::corrupt);
  CHECK(parse_process("1 (x", k_status).error().code() == Errc::corrupt);
  CHECK(parse_process("1 (x)  \n", k_status).error().code() == Errc::corrupt);
  CHECK(parse_process("1 )x( S 1", k_status).error().code() == Errc::corrupt);
  CHECK(parse_process("1 (x) S 1 1", k_status).error().code() == Errc::corrupt);
  CHECK(parse_process(k_stat, "Uid:\t0\n").error().code() == Errc::corrupt);
}

TEST_CASE("descriptors show a process as its container sees it") {
  CHECK(shown({"pid", "ppid", "pgid", "hpid"}) == std::vector<std::string>{"2", "0", "0", "4711"});
  CHECK(shown({"user", "uid", "ruser", "group"}) == std::vector<std::string>{"web", "1000", "root", "root"});
  CHECK(shown({"groups", "hgroups", "huser", "huid"}) ==
        std::vector<std::string>{"root,1001", "1001,101000", "100999", "100999"});
  CHECK(shown({"capprm", "capbnd", "capinh", "capamb"}) ==
        std::vector<std::string>{"CHOWN,KILL", "full", "none", "CHOWN"});
  CHECK(shown({"time", "etime", "%C", "tty"}) == std::vector<std::string>{"2s", "2m3.45s", "1.620", "pts/1"});
  CHECK(shown({"args", "seccomp", "vsz", "rss"}) == std::vector<std::string>{"[a) b (c)]", "filter", "2048", "1380"});
  CHECK(shown({"stime"}) == std::vector<std::string>{"1970-01-01 02:44:37 +0000 UTC"});
}

TEST_CASE("rows are sorted by the pid in the container, and parents are found among them") {
  auto first = *parse_process(k_stat, k_status);
  auto second = first;
  first.pids = {90, 7};
  first.parent_pid = 4711;
  const auto rows = top_rows(view(), {{first, "", "?"}, {second, "", "?"}}, {"pid", "ppid"});
  CHECK(rows == std::vector<std::vector<std::string>>{{"PID", "PPID"}, {"2", "0"}, {"7", "2"}});
  CHECK(top_rows(view(), {}, {}).front().size() == 8);
}

TEST_CASE("words and codes of descriptors") {
  for (const auto& name : top_descriptors()) CHECK(is_top_descriptor(name));
  CHECK(is_top_descriptor("%C"));
  for (const auto* word : {"", "%", "%Q", "bogus", "-ef"}) CHECK_FALSE(is_top_descriptor(word));
  CHECK(terminal_name(0) == "?");
  CHECK(terminal_name(0x0401) == "tty1");
  CHECK(terminal_name(0x0440) == "ttyS0");
}

}  // namespace ctr::engine
