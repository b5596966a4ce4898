// DNS messages as bytes: questions are read, answers are built; nothing is relayed or looked up here.
//
// What is read comes from programs in containers and from servers outside: every length is checked, and what is not
// understood is left to others. Source: RFC 1035, section 4; RFC 3596 (AAAA); RFC 6891 (EDNS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/netlink.h"

namespace ctr::engine::network::dns {

inline constexpr size_t k_header_bytes = 12;
inline constexpr size_t k_plain_udp_bytes = 512;  // what fits into UDP without EDNS
inline constexpr size_t k_message_limit_bytes = 65535;

inline constexpr uint16_t k_type_a = 1;
inline constexpr uint16_t k_type_ptr = 12;
inline constexpr uint16_t k_type_aaaa = 28;
inline constexpr uint16_t k_class_in = 1;

enum class Code : uint8_t {
  none = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,
  not_implemented = 4,
  refused = 5
};

struct Question {
  // Lower case, with dots between the labels and none at the end. Empty for a name that no host has: the root, or
  // labels that contain dots or NUL.
  std::string name;
  uint16_t type = 0;
  uint16_t net_class = 0;
  size_t end = 0;                              // of the question section in the message
  size_t udp_limit_bytes = k_plain_udp_bytes;  // of the answer, as far as the asker has said
  bool has_edns = false;
  bool operator==(const Question&) const = default;
};

// A message that is no question to anybody is dropped; one that cannot be read is answered with a code.
struct ParsedQuery {
  enum class Kind { question, error, drop };
  Kind kind = Kind::drop;
  Question question;       // of a question
  Code code = Code::none;  // of an error
};
ParsedQuery parse_query(std::string_view message);

struct Answer {
  Code code = Code::none;
  // The data of each record, all of the question's type.
  std::vector<std::string> records;
  bool authoritative = true;
};
// The answer to a question that parse_query() has read in `query`. With more records than `limit_bytes` has room for,
// those that fit and the mark that says so.
std::string build_answer(std::string_view query, const Question& question, const Answer& answer, size_t limit_bytes);
// The answer to what is no question: the header alone. `query` has one.
std::string build_error(std::string_view query, Code code);

// The data of an A or AAAA record.
std::string address_data(const IpAddress& address);
// The data of a PTR record; nullopt when the text is no name.
std::optional<std::string> name_data(std::string_view name);
// "5.0.89.10.in-addr.arpa" and its like in ip6.arpa; lower case.
std::optional<IpAddress> parse_reverse_name(std::string_view name);

// Whether `message` answers `query`: the same identifier and the same question.
bool answers_query(std::string_view message, std::string_view query);

// Messages over TCP have their length in front. Takes a whole one off the front of `buffer`.
std::optional<std::string> take_frame(std::string& buffer);
std::string frame_message(std::string_view message);

}  // namespace ctr::engine::network::dns
