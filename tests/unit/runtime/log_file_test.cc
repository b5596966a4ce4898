#include "runtime/log_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/runtime/scratch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(1'764'000'000 + seconds)); }

std::vector<LogRecord> read(const std::string& path, const LogQuery& query = {}) {
  std::vector<LogRecord> records;
  Result<void> done = read_log(
      path, query, "/", [] { return true; },
      [&](const LogRecord& record) {
        records.push_back(record);
        return ok();
      });
  REQUIRE(done);
  return records;
}

std::string texts(const std::vector<LogRecord>& records) {
  std::string all;
  for (const LogRecord& record : records) all += record.text + (record.partial ? "" : "|");
  return all;
}

LogWriter open_writer(const std::string& path, uint64_t max_size_bytes = 0) {
  Result<LogWriter> writer = LogWriter::open(path, max_size_bytes);
  REQUIRE(writer);
  return std::move(*writer);
}

}  // namespace

TEST_CASE("a log line has the form of Kubernetes") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  REQUIRE(writer.append(Stream::stdout_, "hi\n", TimePoint(std::chrono::nanoseconds(1'795'449'744'663'786'201))));
  CHECK(scratch.text("log") == "2026-11-23T16:02:24.663786201Z stdout F hi\n");
}

TEST_CASE("both streams, empty lines and binary bytes come back as they were written") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  std::string binary("\0\x01\xff spaces  ", 12);
  REQUIRE(writer.append(Stream::stdout_, "one\n\n" + binary + "\n", at(0)));
  REQUIRE(writer.append(Stream::stderr_, "two\n", at(1)));
  auto records = read(scratch.file("log"));
  REQUIRE(records.size() == 4);
  CHECK(records[0] == LogRecord{at(0), Stream::stdout_, false, "one"});
  CHECK(records[1] == LogRecord{at(0), Stream::stdout_, false, ""});
  CHECK(records[2] == LogRecord{at(0), Stream::stdout_, false, binary});
  CHECK(records[3] == LogRecord{at(1), Stream::stderr_, false, "two"});
}

TEST_CASE("a line without its end is in the log at once, and its rest joins it") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  REQUIRE(writer.append(Stream::stdout_, "password: ", at(0)));
  auto records = read(scratch.file("log"));
  REQUIRE(records.size() == 1);
  CHECK(records[0].partial);
  REQUIRE(writer.append(Stream::stdout_, "secret\n", at(1)));
  CHECK(texts(read(scratch.file("log"))) == "password: secret|");
}

TEST_CASE("a line longer than a record is split and whole again when read") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  std::string line(k_log_line_bytes * 2 + 5, 'x');
  REQUIRE(writer.append(Stream::stdout_, line + "\nnext\n", at(0)));
  auto records = read(scratch.file("log"));
  CHECK(records.size() == 4);
  CHECK(texts(records) == line + "|next|");
}

TEST_CASE("a new run does not go on with the unfinished line of the last one") {
  Scratch scratch;
  {
    LogWriter writer = open_writer(scratch.file("log"));
    REQUIRE(writer.append(Stream::stdout_, "unfinished", at(0)));
  }
  LogWriter writer = open_writer(scratch.file("log"));
  REQUIRE(writer.append(Stream::stdout_, "fresh\n", at(1)));
  CHECK(texts(read(scratch.file("log"))) == "unfinished|fresh|");
}

TEST_CASE("a record that a crash has cut in two does not spoil the next one") {
  Scratch scratch;
  scratch.write("log", "2025-11-24T16:00:00.000000000Z stdout F whole\n2025-11-24T16:00:0");
  LogWriter writer = open_writer(scratch.file("log"));
  REQUIRE(writer.append(Stream::stdout_, "next\n", at(1)));
  CHECK(texts(read(scratch.file("log"))) == "whole|next|");
}

TEST_CASE("a log at its limit becomes the predecessor of a new one, and both are read") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"), 400);
  for (int i = 0; i < 12; ++i) REQUIRE(writer.append(Stream::stdout_, "line " + std::to_string(i) + "\n", at(i)));
  CHECK(scratch.text("log").size() <= 400);
  CHECK(scratch.text("log.1").size() <= 400);
  auto records = read(scratch.file("log"));
  REQUIRE(!records.empty());
  CHECK(records.back().text == "line 11");
  for (size_t i = 1; i < records.size(); ++i) CHECK(records[i].time == records[i - 1].time + std::chrono::seconds(1));
}

TEST_CASE("a chunk of many lines is cut at the limit between two records") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"), 1000);
  std::string chunk;
  for (int i = 0; i < 30; ++i) chunk += "line " + std::to_string(i) + "\n";
  REQUIRE(writer.append(Stream::stdout_, chunk, at(0)));
  CHECK(scratch.text("log").size() <= 1000);
  CHECK(scratch.text("log.1").size() <= 1000);
  CHECK(scratch.text("log.1").size() > 900);
  CHECK(read(scratch.file("log")).back().text == "line 29");
}

TEST_CASE("a log path that is no file is refused and not waited for") {
  Scratch scratch;
  REQUIRE(::mkfifo(scratch.file("fifo").c_str(), 0600) == 0);
  CHECK(LogWriter::open(scratch.file("fifo"), 0).error().code() == Errc::invalid);
  CHECK_FALSE(LogWriter::open("relative", 0));
}

TEST_CASE("a full disk costs log lines, not the records behind them") {
  rlimit former = {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &former) == 0);
  Scratch scratch;
  LogWriter limited = open_writer(scratch.file("log"));
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = former;
  small.rlim_cur = 60;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  Result<void> first = limited.append(Stream::stdout_, "fits\n", at(0));
  Result<void> second = limited.append(Stream::stdout_, "does not fit\n", at(1));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &former) == 0);
  CHECK(first);
  CHECK_FALSE(second);
  REQUIRE(limited.append(Stream::stdout_, "again\n", at(2)));
  CHECK(texts(read(scratch.file("log"))) == "fits|again|");
}

TEST_CASE("tail counts lines of both streams from the end") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  for (int i = 0; i < 20'000; ++i) {
    Stream stream = i % 3 == 0 ? Stream::stderr_ : Stream::stdout_;
    REQUIRE(writer.append(stream, std::to_string(i) + "\n", at(i)));
  }
  CHECK(read(scratch.file("log"), {.tail = 0}).empty());
  CHECK(texts(read(scratch.file("log"), {.tail = 3})) == "19997|19998|19999|");
  CHECK(read(scratch.file("log"), {.tail = 12'345}).size() == 12'345);
  CHECK(read(scratch.file("log"), {.tail = 99'999}).size() == 20'000);
}

TEST_CASE("tail counts a line in parts once") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  REQUIRE(writer.append(Stream::stdout_, "first\n", at(0)));
  std::string line(k_log_line_bytes * 6, 'y');
  REQUIRE(writer.append(Stream::stdout_, line + "\n", at(1)));
  REQUIRE(writer.append(Stream::stdout_, "unfinished", at(2)));
  CHECK(texts(read(scratch.file("log"), {.tail = 1})) == "unfinished");
  CHECK(texts(read(scratch.file("log"), {.tail = 2})) == line + "|unfinished");
  CHECK(texts(read(scratch.file("log"), {.tail = 3})) == "first|" + line + "|unfinished");
}

TEST_CASE("tail reaches into the predecessor") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"), 400);
  for (int i = 0; i < 12; ++i) REQUIRE(writer.append(Stream::stdout_, "line " + std::to_string(i) + "\n", at(i)));
  std::string current = scratch.text("log");
  auto newest = static_cast<size_t>(std::count(current.begin(), current.end(), '\n'));
  auto records = read(scratch.file("log"), {.tail = newest + 2});
  REQUIRE(records.size() == newest + 2);
  CHECK(records.back().text == "line 11");
}

TEST_CASE("since and until are both included") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  for (int i = 0; i < 5; ++i) REQUIRE(writer.append(Stream::stdout_, std::to_string(i) + "\n", at(i)));
  CHECK(texts(read(scratch.file("log"), {.since = at(3)})) == "3|4|");
  CHECK(texts(read(scratch.file("log"), {.until = at(1)})) == "0|1|");
  CHECK(texts(read(scratch.file("log"), {.since = at(1), .until = at(2)})) == "1|2|");
}

TEST_CASE("a log that is not there is empty") {
  Scratch scratch;
  CHECK(read(scratch.file("log")).empty());
  CHECK(read(scratch.file("log"), {.tail = 3}).empty());
}

TEST_CASE("lines that are no records are left out") {
  CHECK_FALSE(parse_log_record(""));
  CHECK_FALSE(parse_log_record("hello world"));
  CHECK_FALSE(parse_log_record("2026-11-23T16:02:24.663786201Z stdin F hi"));
  CHECK_FALSE(parse_log_record("2026-11-23T16:02:24.663786201Z stdout X hi"));
  CHECK_FALSE(parse_log_record("2026-11-23T16:02:24.663786201Z stdout Fhi"));
  CHECK_FALSE(parse_log_record("yesterday stdout F hi"));
  CHECK(parse_log_record("2026-11-23T16:02:24.663786201Z stdout F")->text.empty());
}

TEST_CASE("following sees what is written meanwhile, over rotations, until the end") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"), 300);
  int written = 0;
  std::vector<std::string> seen;
  // The writer runs inside `ended`, so that each turn of the follower meets a new state of the files.
  auto ended = [&] {
    for (int i = 0; i < 5 && written < 100; ++i, ++written) {
      REQUIRE(writer.append(Stream::stdout_, std::to_string(written) + "\n", at(written)));
    }
    return written >= 100;
  };
  REQUIRE(read_log(scratch.file("log"), {.follow = true}, scratch.path(), ended, [&](const LogRecord& record) {
    seen.push_back(record.text);
    return ok();
  }));
  REQUIRE(seen.size() == 100);
  for (size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == std::to_string(i));
}

TEST_CASE("following ends when its reader asks for it") {
  Scratch scratch;
  LogWriter writer = open_writer(scratch.file("log"));
  REQUIRE(writer.append(Stream::stdout_, "one\ntwo\n", at(0)));
  Result<void> done = read_log(
      scratch.file("log"), {.follow = true}, scratch.path(), [] { return false; },
      [&](const LogRecord&) -> Result<void> { return Error(Errc::io, "broken pipe"); });
  REQUIRE_FALSE(done);
  CHECK(done.error().message() == "broken pipe");
}
