#include "base/journal.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr {
namespace {

// What journald would be: a datagram socket that gives back entries, out of a file where one was sent.
class Receiver {
 public:
  explicit Receiver(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  std::string take() {
    std::string bytes(size_t{256} << 10, '\0');
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    iovec place = {bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    REQUIRE(size >= 0);
    bytes.resize(static_cast<size_t>(size));
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head == nullptr) return bytes;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(head), sizeof number);
    const Fd file(number);
    struct stat facts{};
    REQUIRE(::fstat(file.get(), &facts) == 0);
    std::string text(static_cast<size_t>(facts.st_size), '\0');
    REQUIRE(::pread(file.get(), text.data(), text.size(), 0) == facts.st_size);
    return text;
  }

 private:
  Fd socket_;
};

}  // namespace

TEST_CASE("an entry of the journal is a datagram of fields, those with newlines with their length") {
  test::TemporaryDir dir;
  const std::string path = dir.path() + "/socket";
  Receiver receiver(path);
  auto journal = Journal::connect(path);
  REQUIRE(journal);
  const JournalField fields[] = {{"MESSAGE", "one\ntwo"}, {"PRIORITY", "6"}, {"EMPTY", ""}};
  REQUIRE(journal->send(fields));
  CHECK(receiver.take() == std::string("MESSAGE\n\7\0\0\0\0\0\0\0one\ntwo\nPRIORITY=6\nEMPTY=\n", 42));
}

TEST_CASE("an entry that is too long for a datagram is sent as a file") {
  test::TemporaryDir dir;
  const std::string path = dir.path() + "/socket";
  Receiver receiver(path);
  auto journal = Journal::connect(path);
  REQUIRE(journal);
  const std::string text(size_t{4} << 20, 'x');
  const JournalField fields[] = {{"MESSAGE", text}};
  REQUIRE(journal->send(fields));
  CHECK(receiver.take() == "MESSAGE=" + text + "\n");
}

TEST_CASE("without a journal that is told") {
  test::TemporaryDir dir;
  const auto journal = Journal::connect(dir.path() + "/socket");
  REQUIRE_FALSE(journal);
  CHECK(journal.error().code() == Errc::not_found);
}

TEST_CASE("names of fields that clients may send") {
  CHECK(is_journal_field("CONTAINER_NAME"));
  CHECK(is_journal_field("A1"));
  CHECK_FALSE(is_journal_field("_PID"));
  CHECK_FALSE(is_journal_field("1A"));
  CHECK_FALSE(is_journal_field("name"));
  CHECK_FALSE(is_journal_field(""));
  CHECK_FALSE(is_journal_field(std::string(65, 'A')));
}

TEST_CASE("a line of journalctl is read with bytes that are no text and repeated fields") {
  const auto record = parse_journal_line(R"({"MESSAGE":[104,105,255],"A":["one","two"],"B":null,"C":"text"})");
  REQUIRE(record);
  CHECK(record->at("MESSAGE") == "hi\xff");
  CHECK(record->at("A") == "one");
  CHECK(record->at("B").empty());
  CHECK(record->at("C") == "text");
  CHECK_FALSE(parse_journal_line("-- No entries --"));
  CHECK_FALSE(parse_journal_line("[1]"));
}

}  // namespace ctr
