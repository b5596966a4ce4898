// The wire format of D-Bus: the part that talking to systemd needs. Pure.
//
// Source: D-Bus Specification 0.42, "Type System" and "Message Protocol".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr {

// Appends values, little endian, each at its alignment from the start of the text.
class DBusWriter {
 public:
  DBusWriter& byte(uint8_t value);
  DBusWriter& boolean(bool value) { return uint32(value ? 1 : 0); }
  DBusWriter& uint32(uint32_t value);
  DBusWriter& uint64(uint64_t value);
  // Also an object path. `text` has no NUL in it.
  DBusWriter& string(std::string_view text);
  DBusWriter& signature(std::string_view text);
  // A structure and an entry begin at a multiple of eight.
  DBusWriter& structure() { return align(8); }
  DBusWriter& align(size_t boundary);
  // What lies between is the array; `element` is the alignment of its elements. The result is for end_array().
  struct Array {
    size_t length_at = 0;
    size_t begin = 0;
  };
  Array begin_array(size_t element);
  void end_array(Array array);

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Takes values in the same order. Every length is checked against what is there.
class DBusReader {
 public:
  explicit DBusReader(std::string_view bytes) : bytes_(bytes) {}

  Result<uint8_t> byte();
  Result<uint32_t> uint32();
  Result<std::string> string();
  Result<std::string> signature();
  Result<void> align(size_t boundary);
  // Where an array of such elements ends. Errors: invalid when it is longer than what is there.
  Result<size_t> begin_array(size_t element);
  size_t position() const { return position_; }

 private:
  Result<std::string_view> take(size_t size_bytes);
  std::string_view bytes_;
  size_t position_ = 0;
};

struct DBusMessage {
  enum class Type : uint8_t { call = 1, reply = 2, error = 3, signal = 4 };
  Type type = Type::call;
  uint32_t serial = 0;
  uint32_t reply_serial = 0;  // of replies and errors
  std::string path = {}, interface = {}, member = {}, destination = {}, sender = {};
  std::string error_name = {};
  std::string signature = {};  // of the body
  std::string body = {};
  bool operator==(const DBusMessage&) const = default;
};

std::string encode_dbus_message(const DBusMessage& message);

// The first message of `bytes`, which may be cut off or have more behind it.
struct DBusFrame {
  DBusMessage message;
  size_t size_bytes = 0;
};
// nullopt: more bytes are needed. Errors: invalid (malformed, or larger than a mebibyte).
Result<std::optional<DBusFrame>> decode_dbus_message(std::string_view bytes);

}  // namespace ctr
