#include "base/unix_stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/descriptors.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

using namespace ctr;

namespace {

// A listening socket at `name` in `dir`, bound from inside so that the length of the path does not count.
Fd listen_in(const Dir& dir, const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(dir.fd()) + "/" + name;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket.get(), 1) == 0);
  return socket;
}

}  // namespace

TEST_CASE("bytes and descriptors arrive over a socket with a long path") {
  test::TemporaryDir temporary;
  const std::string long_name(120, 'n');
  REQUIRE(temporary.dir().make_dir(long_name, 0700));
  const Dir dir = temporary.dir().open_dir(long_name).value();
  const Fd listener = listen_in(dir, "socket");
  const auto ours = connect_stream(dir.path() + "/socket");
  REQUIRE(ours);
  const Fd theirs(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const Fd file = make_sealed_memfd("file", "content").value();
  REQUIRE(send_with_descriptors(ours->get(), "words", {file.get()}));

  char bytes[16] = {};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{.iov_base = bytes, .iov_len = sizeof bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  REQUIRE(::recvmsg(theirs.get(), &message, MSG_CMSG_CLOEXEC) == 5);
  CHECK(std::string(bytes) == "words");
  int received = -1;
  std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  CHECK(read_all(Fd(received).get(), 100, "a file").value() == "content");
}

TEST_CASE("all descriptors that came with a message are taken") {
  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const Fd file = make_sealed_memfd("file", "content").value();
  const auto receive = [&](auto room) {
    char byte = 0;
    iovec part{.iov_base = &byte, .iov_len = 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    room.offer(message);
    REQUIRE(::recvmsg(theirs.get(), &message, MSG_CMSG_CLOEXEC) == 1);
    return take_descriptors(message);
  };
  REQUIRE(send_with_descriptors(ours.get(), "w", {file.get(), file.get()}));
  const auto both = receive(DescriptorRoom<4>());
  REQUIRE(both.size() == 2);
  CHECK(read_all(both.back().get(), 100, "a file").value() == "content");
  REQUIRE(send_with_descriptors(ours.get(), "w", {}));
  CHECK(receive(DescriptorRoom<4>()).empty());
}

TEST_CASE("a socket nobody listens on, and what is no socket, say so by path") {
  test::TemporaryDir temporary;
  listen_in(temporary.dir(), "closed").reset();
  CHECK(connect_stream(temporary.path() + "/closed").error().text() ==
        "connect to '" + temporary.path() + "/closed': Connection refused");
  CHECK(connect_stream(temporary.path() + "/absent").error().code() == Errc::not_found);
  CHECK(connect_stream(temporary.path() + "/").error().code() == Errc::invalid);
  CHECK(connect_stream("").error().code() == Errc::invalid);
}

TEST_CASE("sending to a peer that is gone is an error, not a signal") {
  test::TemporaryDir temporary;
  const Fd listener = listen_in(temporary.dir(), "socket");
  const auto ours = connect_stream(temporary.path() + "/socket");
  REQUIRE(ours);
  Fd theirs(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  theirs.reset();
  CHECK_FALSE(send_with_descriptors(ours->get(), "words", {}));
}
