#include "cli/stats_view.h"

#include "tests/catch.h"

namespace ctr::cli {

namespace {

StatsEntry entry() {
  StatsEntry made;
  made.info.id.hex = std::string(64, 'a');
  made.info.name = "web";
  made.use.started = from_unix_seconds(1000);
  made.use.at = from_unix_seconds(1100);
  made.use.cpu_us = 25'000'000;
  made.use.memory_bytes = 1'500'000;
  made.use.memory_limit_bytes = 6'000'000;
  made.use.processes = 3;
  made.use.received_bytes = 1234;
  made.use.write_bytes = 5;
  return made;
}

std::string field(const Json& row, const char* name) { return row.find(name)->as_string(); }

}  // namespace

TEST_CASE("a time is printed as Go prints a duration") {
  using namespace std::chrono_literals;
  CHECK(go_duration(0ns) == "0s");
  CHECK(go_duration(999ns) == "999ns");
  CHECK(go_duration(1500ns) == "1.5µs");
  CHECK(go_duration(12'345us) == "12.345ms");
  CHECK(go_duration(1s) == "1s");
  CHECK(go_duration(62'500ms) == "1m2.5s");
  CHECK(go_duration(1h + 1s) == "1h0m1s");
  CHECK(go_duration(-1500ms) == "-1.5s");
}

TEST_CASE("the first row of stats has the processor's share since the start, later ones since the row before") {
  auto one = entry();
  const auto first = stats_json(one);
  CHECK(dump_json(first) ==
        R"({"id":"aaaaaaaaaaaa","name":"web","cpu_time":"25s","cpu_percent":"25.00%","avg_cpu":"25.00%",)"
        R"("mem_usage":"1.5MB / 6MB","mem_percent":"25.00%","net_io":"1.234kB / 0B","block_io":"0B / 5B","pids":"3"})");
  one.former = one.use;
  one.former->at = from_unix_seconds(1090);
  one.former->cpu_us = 20'000'000;
  CHECK(field(stats_row(one), "CPUPerc") == "50.00%");
  CHECK(field(stats_row(one), "AVGCPU") == "25.00%");
  CHECK(field(stats_row(one), "MemUsageBytes") == "1.431MiB / 5.722MiB");
  // Started anew meanwhile.
  one.former->started = from_unix_seconds(1);
  CHECK(field(stats_row(one), "CPUPerc") == "25.00%");
}

TEST_CASE("a container that does not run uses nothing") {
  auto one = entry();
  one.use = {};
  one.whole_id = true;
  const auto row = stats_row(one);
  CHECK(field(row, "ID") == std::string(64, 'a'));
  CHECK(field(row, "CPUPerc") == "0.00%");
  CHECK(field(row, "MemPerc") == "0.00%");
  CHECK(field(row, "UpTime") == "0s");
}

}  // namespace ctr::cli
