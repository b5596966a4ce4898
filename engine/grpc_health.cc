#include "engine/grpc_health.h"

#include <fmt/format.h>

#include <cstdint>

namespace ctr::engine {

namespace {

constexpr std::string_view k_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t k_head_bytes = 9;
constexpr size_t k_longest_frame = 16384;  // SETTINGS_MAX_FRAME_SIZE, which is not raised
constexpr size_t k_answer_limit_bytes = size_t{64} << 10;
constexpr size_t k_prefix_bytes = 5;  // of a message: compressed or not, and its length
constexpr size_t k_stream = 1;

enum FrameType : size_t {
  k_data = 0,
  k_headers = 1,
  k_reset = 3,
  k_settings = 4,
  k_push = 5,
  k_ping = 6,
  k_goaway = 7
};
constexpr size_t k_end_stream = 0x1;
constexpr size_t k_ack = 0x1;
constexpr size_t k_end_headers = 0x4;
constexpr size_t k_padded = 0x8;

size_t byte_at(std::string_view bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::string big_endian(size_t value, size_t bytes) {
  std::string out;
  for (size_t i = bytes; i > 0; --i) out += static_cast<char>((value >> (8 * (i - 1))) & 0xff);
  return out;
}

size_t number_at(std::string_view bytes, size_t at, size_t count) {
  size_t value = 0;
  for (size_t i = 0; i < count; ++i) value = (value << 8) | byte_at(bytes, at + i);
  return value;
}

std::string frame(size_t type, size_t flags, size_t stream, std::string_view payload) {
  std::string out = big_endian(payload.size(), 3);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out + big_endian(stream, 4) + std::string(payload);
}

// An integer of HPACK whose first byte has `bits` bits for it.
std::string hpack_number(size_t value, size_t bits, size_t first) {
  const size_t most = (size_t{1} << bits) - 1;
  std::string out;
  if (value < most) return out += static_cast<char>(first | value);
  out += static_cast<char>(first | most);
  for (value -= most; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
  return out += static_cast<char>(value);
}

std::string hpack_text(std::string_view text) { return hpack_number(text.size(), 7, 0) + std::string(text); }

// A field that is not to be remembered, with a name of the static table.
std::string hpack_field(size_t name, std::string_view value) { return hpack_number(name, 4, 0) + hpack_text(value); }

// Numbers of the static table. Source: RFC 7541, appendix A.
std::string request_headers(std::string_view authority) {
  std::string out = "\x83\x86";  // :method POST, :scheme http
  out += hpack_field(4, "/grpc.health.v1.Health/Check");
  out += hpack_field(1, authority);
  out += hpack_field(31, "application/grpc");
  out += hpack_field(58, "ctr-probe");
  out += std::string(1, '\0') + hpack_text("te") + hpack_text("trailers");
  return out;
}

std::string varint(size_t value) {
  std::string out;
  for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
  return out += static_cast<char>(value);
}

// nullopt at the end of the bytes, or for what is no number.
std::optional<uint64_t> read_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const uint64_t byte = byte_at(bytes, i);
    value |= (byte & 127) << (7 * i);
    if (byte < 128) {
      bytes.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

// HealthCheckResponse: the field `status`, 0 when it is left out; nullopt for other bytes.
std::optional<uint64_t> read_status(std::string_view message) {
  uint64_t status = 0;
  while (!message.empty()) {
    const auto key = read_varint(message);
    if (!key) return std::nullopt;
    const auto kind = *key & 7;
    const auto value = kind == 0 || kind == 2 ? read_varint(message) : std::nullopt;
    if (!value) return std::nullopt;
    if (kind == 2) {
      if (*value > message.size()) return std::nullopt;
      message.remove_prefix(static_cast<size_t>(*value));
    } else if (*key >> 3 == 1) {
      status = *value;
    }
  }
  return status;
}

std::string status_word(uint64_t status) {
  if (status == 0) return "UNKNOWN";
  if (status == 2) return "NOT_SERVING";
  if (status == 3) return "SERVICE_UNKNOWN";
  return std::to_string(status);
}

Error broken(std::string what) { return {Errc::invalid, std::move(what)}; }

}  // namespace

std::string grpc_health_request(std::string_view authority, std::string_view service) {
  std::string message;
  if (!service.empty()) message = "\x0a" + varint(service.size()) + std::string(service);
  std::string out(k_preface);
  out += frame(k_settings, 0, 0, "");
  out += frame(k_headers, k_end_headers, k_stream, request_headers(authority));
  out += frame(k_data, k_end_stream, k_stream, std::string(1, '\0') + big_endian(message.size(), 4) + message);
  return out;
}

Result<std::string> GrpcHealthAnswer::take(std::string_view bytes) {
  total_ += bytes.size();
  if (total_ > k_answer_limit_bytes) return broken(fmt::format("the answer is longer than {} bytes", total_ - 1));
  buffer_ += bytes;
  std::string reply;
  while (buffer_.size() >= k_head_bytes && !ended_) {
    const size_t size = number_at(buffer_, 0, 3);
    const Frame head{byte_at(buffer_, 3), byte_at(buffer_, 4), number_at(buffer_, 5, 4) & 0x7fffffff, {}};
    if (size > k_longest_frame || (first_ && head.type != k_settings)) {
      return broken("the answer is not HTTP/2 without TLS");
    }
    first_ = false;
    if (buffer_.size() < k_head_bytes + size) break;
    reply +=
        TRY(take_frame({head.type, head.flags, head.stream, std::string_view(buffer_).substr(k_head_bytes, size)}));
    buffer_.erase(0, k_head_bytes + size);
  }
  return reply;
}

Result<std::string> GrpcHealthAnswer::take_frame(const Frame& taken) {
  if (taken.type == k_settings) return (taken.flags & k_ack) != 0 ? std::string() : frame(k_settings, k_ack, 0, "");
  if (taken.type == k_ping) return (taken.flags & k_ack) != 0 ? std::string() : frame(k_ping, k_ack, 0, taken.payload);
  if (taken.type == k_goaway) return broken("the server has ended the connection");
  if (taken.type == k_push) return broken("the server has sent what nobody has asked for");
  if (taken.stream != k_stream) return std::string();
  if (taken.type == k_reset) return broken("the server has broken off the call");
  if (taken.type == k_data) TRY(take_data(taken));
  if (taken.type == k_data || taken.type == k_headers) ended_ = (taken.flags & k_end_stream) != 0;
  return std::string();
}

Result<void> GrpcHealthAnswer::take_data(const Frame& taken) {
  auto payload = taken.payload;
  if ((taken.flags & k_padded) != 0) {
    const size_t padding = payload.empty() ? 0 : byte_at(payload, 0);
    if (padding + 1 > payload.size()) return broken("the answer is not HTTP/2");
    payload = payload.substr(1, payload.size() - 1 - padding);
  }
  message_ += payload;
  return ok();
}

Result<void> GrpcHealthAnswer::verdict() const {
  if (message_.empty()) return broken("the server knows no such service, or does not tell of its health");
  if (message_.size() < k_prefix_bytes || byte_at(message_, 0) != 0 ||
      number_at(message_, 1, 4) != message_.size() - k_prefix_bytes) {
    return broken("the answer is not one message of gRPC");
  }
  const auto status = read_status(std::string_view(message_).substr(k_prefix_bytes));
  if (!status) return broken("the answer is not one of a health check");
  if (*status == 1) return ok();
  return broken(fmt::format("the status is {}", status_word(*status)));
}

}  // namespace ctr::engine
