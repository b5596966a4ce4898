#include "runtime/log_journal.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::runtime {
namespace {

Fd receiver(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

// The next entry; empty when there is none.
std::string take(const Fd& socket) {
  std::string bytes(size_t{64} << 10, '\0');
  const ssize_t size = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return bytes;
}

}  // namespace

TEST_CASE("a line of output is an entry with the fields of conmon") {
  test::TemporaryDir dir;
  const std::string path = dir.path() + "/socket";
  const Fd socket = receiver(path);
  LaunchPlan plan;
  plan.container_id = std::string(64, 'a');
  plan.name = "web";
  plan.log.tag = "tag";
  plan.log.labels = {"WHERE=here", "EMPTY="};
  auto log = JournalLog::open(plan, path);
  REQUIRE(log);
  REQUIRE(log->append(Stream::stderr_, "one\ntwo"));
  const std::string common = "CONTAINER_ID_FULL=" + plan.container_id +
                             "\nCONTAINER_ID=aaaaaaaaaaaa\nCONTAINER_NAME=web\n" +
                             "SYSLOG_IDENTIFIER=tag\nCONTAINER_TAG=tag\n";
  CHECK(take(socket) == "MESSAGE=one\nPRIORITY=3\n" + common + "WHERE=here\nEMPTY=\n");
  CHECK(take(socket) == "MESSAGE=two\nPRIORITY=3\n" + common + "CONTAINER_PARTIAL_MESSAGE=true\nWHERE=here\nEMPTY=\n");
  CHECK(take(socket).empty());

  plan.log.tag.clear();
  plan.log.labels.clear();
  auto plain = JournalLog::open(plan, path);
  REQUIRE(plain);
  REQUIRE(plain->append(Stream::stdout_, "\n"));
  const std::string entry = take(socket);
  CHECK(entry.starts_with("MESSAGE=\nPRIORITY=6\n"));
  CHECK(entry.ends_with("\nSYSLOG_IDENTIFIER=web\n"));
}

TEST_CASE("an entry of the journal is read back as the record it was") {
  const auto record = log_record_of({{"MESSAGE", "hi"},
                                     {"PRIORITY", "3"},
                                     {"CONTAINER_PARTIAL_MESSAGE", "true"},
                                     {"__REALTIME_TIMESTAMP", "1700000000000005"}});
  CHECK(record.text == "hi");
  CHECK(record.stream == Stream::stderr_);
  CHECK(record.partial);
  CHECK(format_rfc3339_nano(record.time) == "2023-11-14T22:13:20.000005000Z");
  CHECK_FALSE(log_record_of({{"MESSAGE", "x"}, {"PRIORITY", "6"}}).partial);
}

TEST_CASE("the log of a plan crosses as JSON with its tag and labels") {
  LogPlan log;
  log.driver = LogPlan::Driver::journald;
  log.tag = "t";
  log.labels = {"A=b"};
  const Json json = to_json(log);
  const auto back = log_plan_from_json(JsonReader(json, "log"));
  REQUIRE(back);
  CHECK(*back == log);
}

}  // namespace ctr::runtime
