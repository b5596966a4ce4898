#include "base/dbus_wire.h"

#include <fmt/format.h>

namespace ctr {
namespace {

// Header fields by number. Source: "Header Fields".
enum Field : uint8_t {
  path = 1,
  interface = 2,
  member = 3,
  error_name = 4,
  reply_serial = 5,
  destination = 6,
  sender = 7,
  signature = 8,
};

// The specification allows 128 MiB; what systemd answers has a few hundred bytes.
constexpr size_t k_limit_bytes = size_t{1} << 20;
constexpr size_t k_fixed_header_bytes = 16;

Error malformed(const char* what) { return Error(Errc::invalid, fmt::format("a D-Bus message with {}", what)); }

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 4; i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

size_t padded(size_t size, size_t boundary) { return (size + boundary - 1) / boundary * boundary; }

void add_field(DBusWriter* out, Field field, char type, const std::string& text) {
  if (text.empty()) return;
  out->structure().byte(field).signature(std::string_view(&type, 1));
  if (type == 'g') {
    out->signature(text);
  } else {
    out->string(text);
  }
}

// One entry of the header's array. Unknown fields cannot be passed over without their types, and are not sent to those
// who did not ask for them.
Result<void> read_field(DBusReader* in, DBusMessage* message) {
  TRY(in->align(8));
  const uint8_t field = TRY(in->byte());
  const auto signature = in->signature();
  if (!signature) return signature.error();
  const std::string& type = *signature;
  if (type == "u") {
    const uint32_t value = TRY(in->uint32());
    if (field == Field::reply_serial) message->reply_serial = value;
    return ok();
  }
  if (type != "s" && type != "o" && type != "g") return malformed("a header field of an unknown type");
  std::string text = type == "g" ? TRY(in->signature()) : TRY(in->string());
  switch (field) {
    case Field::path:
      message->path = std::move(text);
      break;
    case Field::interface:
      message->interface = std::move(text);
      break;
    case Field::member:
      message->member = std::move(text);
      break;
    case Field::error_name:
      message->error_name = std::move(text);
      break;
    case Field::destination:
      message->destination = std::move(text);
      break;
    case Field::sender:
      message->sender = std::move(text);
      break;
    case Field::signature:
      message->signature = std::move(text);
      break;
    default:
      break;
  }
  return ok();
}

}  // namespace

DBusWriter& DBusWriter::byte(uint8_t value) {
  bytes_.push_back(static_cast<char>(value));
  return *this;
}

DBusWriter& DBusWriter::align(size_t boundary) {
  bytes_.resize(padded(bytes_.size(), boundary), '\0');
  return *this;
}

DBusWriter& DBusWriter::uint32(uint32_t value) {
  align(4);
  for (int i = 0; i < 4; ++i) byte(static_cast<uint8_t>(value >> (8 * i)));
  return *this;
}

DBusWriter& DBusWriter::uint64(uint64_t value) {
  align(8);
  for (int i = 0; i < 8; ++i) byte(static_cast<uint8_t>(value >> (8 * i)));
  return *this;
}

DBusWriter& DBusWriter::string(std::string_view text) {
  uint32(static_cast<uint32_t>(text.size()));
  bytes_.append(text).push_back('\0');
  return *this;
}

DBusWriter& DBusWriter::signature(std::string_view text) {
  byte(static_cast<uint8_t>(text.size()));
  bytes_.append(text).push_back('\0');
  return *this;
}

DBusWriter::Array DBusWriter::begin_array(size_t element) {
  align(4);
  const size_t length_at = bytes_.size();
  uint32(0);
  // The length does not count what aligns the first element.
  align(element);
  return {.length_at = length_at, .begin = bytes_.size()};
}

void DBusWriter::end_array(Array array) {
  const auto length = static_cast<uint32_t>(bytes_.size() - array.begin);
  for (size_t i = 0; i < 4; ++i) bytes_[array.length_at + i] = static_cast<char>(length >> (8 * i));
}

Result<std::string_view> DBusReader::take(size_t size_bytes) {
  if (bytes_.size() - position_ < size_bytes) return malformed("less in it than it says");
  const std::string_view part = bytes_.substr(position_, size_bytes);
  position_ += size_bytes;
  return part;
}

Result<void> DBusReader::align(size_t boundary) {
  (void)TRY(take(padded(position_, boundary) - position_));
  return ok();
}

Result<uint8_t> DBusReader::byte() { return static_cast<uint8_t>(TRY(take(1))[0]); }

Result<uint32_t> DBusReader::uint32() {
  TRY(align(4));
  return little_endian(TRY(take(4)));
}

Result<std::string> DBusReader::string() {
  const uint32_t length = TRY(uint32());
  const std::string_view text = TRY(take(length));
  if (TRY(byte()) != 0 || text.find('\0') != std::string_view::npos) return malformed("a string of a wrong length");
  return std::string(text);
}

Result<std::string> DBusReader::signature() {
  const uint8_t length = TRY(byte());
  const std::string_view text = TRY(take(length));
  if (TRY(byte()) != 0 || text.find('\0') != std::string_view::npos) return malformed("a signature of a wrong length");
  return std::string(text);
}

Result<size_t> DBusReader::begin_array(size_t element) {
  const uint32_t length = TRY(uint32());
  TRY(align(element));
  if (bytes_.size() - position_ < length) return malformed("an array longer than itself");
  return position_ + length;
}

std::string encode_dbus_message(const DBusMessage& message) {
  DBusWriter out;
  out.byte('l').byte(static_cast<uint8_t>(message.type)).byte(0).byte(1);
  out.uint32(static_cast<uint32_t>(message.body.size())).uint32(message.serial);
  const DBusWriter::Array fields = out.begin_array(8);
  add_field(&out, Field::path, 'o', message.path);
  add_field(&out, Field::interface, 's', message.interface);
  add_field(&out, Field::member, 's', message.member);
  add_field(&out, Field::error_name, 's', message.error_name);
  if (message.reply_serial != 0) {
    out.structure().byte(Field::reply_serial).signature("u").uint32(message.reply_serial);
  }
  add_field(&out, Field::destination, 's', message.destination);
  add_field(&out, Field::sender, 's', message.sender);
  add_field(&out, Field::signature, 'g', message.signature);
  out.end_array(fields);
  out.align(8);
  return out.bytes() + message.body;
}

Result<std::optional<DBusFrame>> decode_dbus_message(std::string_view bytes) {
  if (bytes.size() < k_fixed_header_bytes) return std::optional<DBusFrame>();
  if (bytes[0] != 'l') return malformed("numbers of another machine's byte order");
  if (bytes[3] != 1) return malformed("another version of the protocol");
  if (bytes[1] < 1 || bytes[1] > 4) return malformed("an unknown type");
  const size_t body = little_endian(bytes.substr(4));
  const size_t fields = little_endian(bytes.substr(12));
  if (body > k_limit_bytes || fields > k_limit_bytes) return malformed("more in it than a mebibyte");
  const size_t header = padded(k_fixed_header_bytes + fields, 8);
  if (bytes.size() < header + body) return std::optional<DBusFrame>();

  DBusFrame frame{.message = {}, .size_bytes = header + body};
  frame.message.type = static_cast<DBusMessage::Type>(bytes[1]);
  frame.message.serial = little_endian(bytes.substr(8));
  DBusReader in(bytes.substr(0, header));
  for (size_t i = 0; i < 12; ++i) (void)TRY(in.byte());
  const size_t end = TRY(in.begin_array(8));
  while (in.position() < end) TRY(read_field(&in, &frame.message));
  frame.message.body = bytes.substr(header, body);
  return std::optional<DBusFrame>(std::move(frame));
}

}  // namespace ctr
