#include "base/dbus.h"

#include "base/dbus_wire.h"
#include "tests/catch.h"

using namespace ctr;

namespace {

DBusMessage call() {
  DBusMessage message;
  message.type = DBusMessage::Type::call;
  message.serial = 7;
  message.path = "/org/example";
  message.interface = message.destination = "org.example";
  message.member = "Do";
  message.signature = "sb";
  message.body = DBusWriter().string("x").boolean(true).bytes();
  return message;
}

}  // namespace

TEST_CASE("a D-Bus message comes back from its bytes, and not from fewer") {
  const std::string bytes = encode_dbus_message(call());
  const auto frame = decode_dbus_message(bytes + "rest").value();
  REQUIRE(frame);
  CHECK(frame->message == call());
  CHECK(frame->size_bytes == bytes.size());
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_dbus_message(bytes.substr(0, size)).value());
}

TEST_CASE("values of D-Bus stand at multiples of their size") {
  DBusWriter out;
  out.byte(1).uint64(2);
  const auto array = out.begin_array(8);
  out.structure().string("ab");
  out.end_array(array);
  CHECK(out.bytes() == std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\2\0\0\0ab\0", 31));
}

TEST_CASE("a D-Bus message that lies about its lengths is refused or waited for, never read beyond") {
  const std::string good = encode_dbus_message(call());
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char value : {'\0', '\1', '\x7f', '\xff'}) {
      std::string bytes = good;
      bytes[at] = value;
      const auto frame = decode_dbus_message(bytes);
      if (frame && *frame) CHECK((*frame)->size_bytes <= bytes.size());
    }
  }
  std::string big_endian = good;
  big_endian[0] = 'B';
  CHECK(decode_dbus_message(big_endian).error().code() == Errc::invalid);
  std::string huge = good;
  huge[7] = '\x7f';
  CHECK(decode_dbus_message(huge).error().code() == Errc::invalid);
}

TEST_CASE("what a bus says about units is told apart") {
  DBusMessage message;
  message.type = DBusMessage::Type::error;
  message.error_name = "org.freedesktop.systemd1.UnitExists";
  message.signature = "s";
  message.body = DBusWriter().string("Unit box.scope already exists.").bytes();
  CHECK(dbus_error(message).code() == Errc::exists);
  CHECK(dbus_error(message).text() == "Unit box.scope already exists");
  message.error_name = "org.freedesktop.DBus.Error.AccessDenied";
  CHECK(dbus_error(message).code() == Errc::permission);
}

TEST_CASE("addresses of buses on other machines and of missing sockets are errors") {
  CHECK(DBusConnection::connect("tcp:host=localhost", {}).error().code() == Errc::invalid);
  CHECK(DBusConnection::connect("unix:path=/nonexistent/bus", {}).error().code() == Errc::not_found);
}
