#include "engine/network/proxy/dns_message.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace ctr::engine::network::dns {
namespace {

constexpr size_t k_name_limit_bytes = 255;  // with the length of each label and the empty one at the end
constexpr size_t k_label_limit_bytes = 63;
constexpr size_t k_answer_head_bytes = 12;  // pointer to the name, type, class, time to live, length
constexpr uint16_t k_type_opt = 41;
// The size that crosses every path without fragments (DNS flag day 2020).
constexpr uint16_t k_edns_udp_bytes = 1232;
constexpr size_t k_edns_bytes = 11;
constexpr uint8_t k_response_bit = 0x80;
constexpr uint8_t k_opcode_bits = 0x78;
constexpr uint8_t k_authoritative_bit = 0x04;
constexpr uint8_t k_truncated_bit = 0x02;
constexpr uint8_t k_recursion_desired_bit = 0x01;
constexpr uint8_t k_recursion_available_bit = 0x80;
// Names of members come and go: nobody is to remember them.
constexpr uint32_t k_time_to_live = 0;

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

uint16_t word_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

void add_word(std::string& out, uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

void set_word(std::string& out, size_t at, uint16_t value) {
  out[at] = static_cast<char>(value >> 8);
  out[at + 1] = static_cast<char>(value & 0xff);
}

struct ReadName {
  std::string text;
  size_t end = 0;
};

// A name without compression, which a question has no use for.
std::optional<ReadName> read_name(std::string_view message, size_t at) {
  const size_t begin = at;
  ReadName name;
  bool plain = true;
  while (at < message.size()) {
    const size_t length = byte_at(message, at);
    if (length == 0) {
      name.end = at + 1;
      if (!plain) name.text.clear();
      return name;
    }
    if (length > k_label_limit_bytes || at + 1 + length >= message.size()) return std::nullopt;
    if (at + 1 + length - begin >= k_name_limit_bytes) return std::nullopt;
    const auto label = message.substr(at + 1, length);
    plain = plain && label.find('.') == std::string_view::npos && label.find('\0') == std::string_view::npos;
    if (!name.text.empty()) name.text += '.';
    name.text += to_lower(label);
    at += 1 + length;
  }
  return std::nullopt;
}

// Behind a name that may be compressed.
std::optional<size_t> skip_name(std::string_view message, size_t at) {
  while (at < message.size()) {
    const size_t length = byte_at(message, at);
    if (length == 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > k_label_limit_bytes) return std::nullopt;
    at += 1 + length;
  }
  return std::nullopt;
}

// What the asker says of itself in an OPT record. A record that cannot be read says nothing.
void read_edns(std::string_view message, Question& question) {
  // Nothing else stands in front of it in a question.
  if (word_at(message, 6) != 0 || word_at(message, 8) != 0) return;
  const size_t count = std::min<size_t>(word_at(message, 10), 8);
  size_t at = question.end;
  for (size_t i = 0; i < count; ++i) {
    const auto fixed = skip_name(message, at);
    if (!fixed || *fixed + 10 > message.size()) return;
    if (word_at(message, *fixed) == k_type_opt) {
      question.has_edns = true;
      question.udp_limit_bytes = std::clamp<size_t>(word_at(message, *fixed + 2), k_plain_udp_bytes, k_edns_udp_bytes);
      return;
    }
    at = *fixed + 10 + word_at(message, *fixed + 8);
  }
}

// The header of an answer, with the counts at 0.
std::string answer_head(std::string_view query, Code code, bool authoritative) {
  std::string out(query.substr(0, 2));
  const auto kept = byte_at(query, 2) & (k_opcode_bits | k_recursion_desired_bit);
  out += static_cast<char>(k_response_bit | kept | (authoritative ? k_authoritative_bit : 0));
  out += static_cast<char>(k_recursion_available_bit | static_cast<uint8_t>(code));
  out.append(8, '\0');
  return out;
}

void add_edns(std::string& out) {
  out += '\0';
  add_word(out, k_type_opt);
  add_word(out, k_edns_udp_bytes);
  out.append(6, '\0');
  set_word(out, 10, 1);
}

// A number of at most `digits` digits without a leading zero.
template <int Base>
std::optional<uint8_t> parse_part(std::string_view text, size_t digits) {
  if (text.empty() || text.size() > digits || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, Base);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value > 255) return std::nullopt;
  return static_cast<uint8_t>(value);
}

}  // namespace

ParsedQuery parse_query(std::string_view message) {
  ParsedQuery parsed;
  if (message.size() < k_header_bytes || (byte_at(message, 2) & k_response_bit) != 0) return parsed;
  parsed.kind = ParsedQuery::Kind::error;
  parsed.code = Code::not_implemented;
  if ((byte_at(message, 2) & k_opcode_bits) != 0) return parsed;
  parsed.code = Code::format_error;
  if (word_at(message, 4) != 1) return parsed;
  auto name = read_name(message, k_header_bytes);
  if (!name || name->end + 4 > message.size()) return parsed;
  auto& question = parsed.question;
  question.name = std::move(name->text);
  question.type = word_at(message, name->end);
  question.net_class = word_at(message, name->end + 2);
  question.end = name->end + 4;
  read_edns(message, question);
  parsed.kind = ParsedQuery::Kind::question;
  parsed.code = Code::none;
  return parsed;
}

std::string build_answer(std::string_view query, const Question& question, const Answer& answer, size_t limit_bytes) {
  std::string out = answer_head(query, answer.code, answer.authoritative);
  set_word(out, 4, 1);
  out += query.substr(k_header_bytes, question.end - k_header_bytes);
  const size_t reserved = question.has_edns ? k_edns_bytes : 0;
  uint16_t count = 0;
  for (const auto& data : answer.records) {
    if (out.size() + k_answer_head_bytes + data.size() + reserved > limit_bytes || count == UINT16_MAX) {
      out[2] = static_cast<char>(out[2] | k_truncated_bit);
      break;
    }
    add_word(out, 0xc000 | k_header_bytes);
    add_word(out, question.type);
    add_word(out, question.net_class);
    add_word(out, k_time_to_live >> 16);
    add_word(out, k_time_to_live & 0xffff);
    add_word(out, static_cast<uint16_t>(data.size()));
    out += data;
    ++count;
  }
  set_word(out, 6, count);
  if (question.has_edns) add_edns(out);
  return out;
}

std::string build_error(std::string_view query, Code code) { return answer_head(query, code, false); }

std::string address_data(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.size_bytes()};
}

std::optional<std::string> name_data(std::string_view name) {
  std::string out;
  for (const auto& label : split(name, '.')) {
    if (label.empty() || label.size() > k_label_limit_bytes) return std::nullopt;
    out += static_cast<char>(label.size());
    out += label;
  }
  out += '\0';
  if (out.size() > k_name_limit_bytes) return std::nullopt;
  return out;
}

std::optional<IpAddress> parse_reverse_name(std::string_view name) {
  constexpr std::string_view k_v4 = ".in-addr.arpa";
  constexpr std::string_view k_v6 = ".ip6.arpa";
  IpAddress address;
  if (name.ends_with(k_v4)) {
    const auto parts = split(name.substr(0, name.size() - k_v4.size()), '.');
    if (parts.size() != 4) return std::nullopt;
    address.family = AF_INET;
    for (size_t i = 0; i < 4; ++i) {
      const auto part = parse_part<10>(parts[3 - i], 3);
      if (!part) return std::nullopt;
      address.bytes[i] = *part;
    }
    return address;
  }
  if (!name.ends_with(k_v6)) return std::nullopt;
  const auto parts = split(name.substr(0, name.size() - k_v6.size()), '.');
  if (parts.size() != 32) return std::nullopt;
  address.family = AF_INET6;
  for (size_t i = 0; i < 32; ++i) {
    const auto nibble = parse_part<16>(parts[31 - i], 1);
    if (!nibble) return std::nullopt;
    auto& byte = address.bytes[i / 2];
    byte = static_cast<uint8_t>(byte << 4 | *nibble);
  }
  return address;
}

bool answers_query(std::string_view message, std::string_view query) {
  if (message.size() < k_header_bytes || query.size() < k_header_bytes) return false;
  if (message.substr(0, 2) != query.substr(0, 2) || (byte_at(message, 2) & k_response_bit) == 0) return false;
  // A server that could not read the question does not repeat it.
  if (word_at(message, 4) == 0) return (byte_at(message, 3) & 0x0f) != 0;
  const auto ours = read_name(query, k_header_bytes);
  const auto theirs = read_name(message, k_header_bytes);
  if (!ours || !theirs || ours->end != theirs->end || message.size() < theirs->end + 4) return false;
  return ours->text == theirs->text && message.substr(theirs->end, 4) == query.substr(ours->end, 4);
}

std::optional<std::string> take_frame(std::string& buffer) {
  if (buffer.size() < 2) return std::nullopt;
  const size_t size = word_at(buffer, 0);
  if (buffer.size() < 2 + size) return std::nullopt;
  std::string message = buffer.substr(2, size);
  buffer.erase(0, 2 + size);
  return message;
}

std::string frame_message(std::string_view message) {
  std::string out;
  add_word(out, static_cast<uint16_t>(message.size()));
  out += message;
  return out;
}

}  // namespace ctr::engine::network::dns
