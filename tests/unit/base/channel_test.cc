#include "base/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "tests/catch.h"
#include "tests/temporary_dir.h"

using namespace std::chrono_literals;
using ctr::Channel;
using ctr::Errc;
using ctr::Json;
using ctr::test::TemporaryDir;

namespace {

struct Ends {
  Channel ours;
  Channel theirs;
};
Ends make_ends() {
  auto pair = ctr::make_socket_pair().value();
  return {Channel(std::move(pair.ours)), Channel(std::move(pair.theirs))};
}

}  // namespace

TEST_CASE("a message arrives with its descriptors") {
  auto [ours, theirs] = make_ends();
  auto file = ctr::make_sealed_memfd("file", "content").value();
  REQUIRE(ours.send(Json().set("verb", "attach"), {file.get()}));
  auto message = theirs.receive().value().value();
  CHECK(dump_json(message.body) == R"({"verb":"attach"})");
  REQUIRE(message.fds.size() == 1);
  CHECK(*ctr::read_all(message.fds[0].get(), 100, "a file") == "content");
}

TEST_CASE("a channel that the peer closed ends") {
  auto [ours, theirs] = make_ends();
  REQUIRE(ours.send(Json(1)));
  {
    Channel gone = std::move(ours);
  }
  CHECK(theirs.receive()->has_value());
  CHECK_FALSE(theirs.receive()->has_value());
  CHECK_FALSE(theirs.send(Json(1)));
}

TEST_CASE("a peer that dies with messages unread reads as closed") {
  auto [ours, theirs] = make_ends();
  REQUIRE(theirs.send(Json(1)));
  {
    Channel gone = std::move(ours);
  }
  CHECK_FALSE(theirs.receive()->has_value());
}

TEST_CASE("waiting for a message has an end") {
  auto [ours, theirs] = make_ends();
  CHECK(theirs.receive({}, 10ms).error().code() == Errc::timed_out);
  auto stop = ctr::make_pipe().value();
  stop.write_end.reset();
  CHECK(theirs.receive(ctr::CancelToken(stop.read_end.get())).error().code() == Errc::interrupted);
}

TEST_CASE("messages over the limits are refused at both ends") {
  auto [ours, theirs] = make_ends();
  CHECK(ours.send(Json(std::string(65'536, 'x'))).error().code() == Errc::invalid);
  CHECK(ours.send(Json(1), std::vector<int>(17, 0)).error().code() == Errc::invalid);
  CHECK(ours.send(Json(std::string(65'534, 'x')), std::vector<int>(16, 0)));
  CHECK(theirs.receive()->value().fds.size() == 16);
  std::string large(70'000, 'x');
  REQUIRE(::send(ours.fd(), large.data(), large.size(), 0) == 70'000);
  CHECK(theirs.receive().error().code() == Errc::invalid);
  REQUIRE(::send(ours.fd(), "{", 1, 0) == 1);
  CHECK(theirs.receive().error().code() == Errc::invalid);
}

TEST_CASE("a socket below a very long path is listened on and connected to") {
  TemporaryDir temporary;
  std::string name(60, 'd');
  ctr::Dir dir = temporary.dir().open_or_make_dir(name, 0700).value();
  for (int level = 0; level < 3; ++level) dir = dir.open_or_make_dir(name, 0700).value();
  auto listener = Channel::listen(dir, "attach.sock");
  REQUIRE(listener);
  CHECK(((*dir.find("attach.sock"))->st_mode & 0777U) == 0600);
  auto client = Channel::connect(dir, "attach.sock").value();
  auto server = Channel::accept(listener->get()).value();
  REQUIRE(client.send(Json("hello")));
  CHECK(server.receive()->value().body == Json("hello"));
  CHECK(Channel::listen(dir, "attach.sock"));
  CHECK_FALSE(Channel::connect(dir, "none"));
  CHECK(Channel::connect(dir, "../x").error().code() == Errc::invalid);
}

TEST_CASE("an error comes across a process border whole") {
  ctr::Error error =
      ctr::Error::from_errno("open 'x'", ENOSPC).context("inner").context("outer").with_hint("free space");
  CHECK(ctr::error_from_json(ctr::to_json(error)) == error);
  CHECK(ctr::error_from_json(Json("nonsense")).code() == Errc::internal);
}
