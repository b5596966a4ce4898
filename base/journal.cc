#include "base/journal.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/descriptors.h"
#include "base/json.h"

namespace ctr {
namespace {

// Source: journald drops fields with longer names.
constexpr size_t k_name_limit = 64;
constexpr timeval k_patience = {.tv_sec = 5, .tv_usec = 0};

bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

Result<void> send_message(int socket, const msghdr& message) {
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return Error(Errc::timed_out, "the journal takes no entries");
    return Error::from_errno("send to the journal");
  }
  return ok();
}

// The sealed file takes the place of the datagram's bytes.
Result<void> send_file(int socket, const std::string& entry) {
  const Fd file = TRY(make_sealed_memfd("journal-entry", entry));
  DescriptorRoom<1> room;
  msghdr message{};
  room.put(message, std::array{file.get()});
  return send_message(socket, message);
}

std::string bytes_of(const Json::Array& numbers) {
  std::string out;
  for (const auto& number : numbers) {
    if (number.is_integer()) out.push_back(static_cast<char>(number.as_uint() & 0xffU));
  }
  return out;
}

// Text, an array of bytes, or an array of such values.
std::string text_of(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (!value.is_array() || value.as_array().empty()) return "";
  const auto& first = value.as_array().front();
  return first.is_integer() ? bytes_of(value.as_array()) : text_of(first);
}

}  // namespace

bool is_journal_field(std::string_view name) {
  if (name.empty() || name.size() > k_name_limit || !is_capital(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_capital(c) || (c >= '0' && c <= '9') || c == '_'; });
}

std::string journal_entry(std::span<const JournalField> fields) {
  std::string entry;
  for (const auto& field : fields) {
    entry += field.name;
    if (field.value.find('\n') == std::string_view::npos) {
      entry.append("=").append(field.value);
    } else {
      // With a newline in it, the value is preceded by its length in little-endian byte order.
      entry += '\n';
      for (unsigned shift = 0; shift < 64; shift += 8) {
        entry.push_back(static_cast<char>((uint64_t{field.value.size()} >> shift) & 0xffU));
      }
      entry += field.value;
    }
    entry += '\n';
  }
  return entry;
}

Result<Journal> Journal::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error(Errc::invalid, "the path of the journal's socket is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Error::from_errno("make a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const bool missing = errno == ENOENT || errno == ECONNREFUSED;
    auto error = Error::from_errno("connect to '" + path + "'");
    return missing ? std::move(error).with_code(Errc::not_found) : std::move(error);
  }
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &k_patience, sizeof k_patience);
  return Journal(std::move(socket));
}

Result<void> Journal::send(std::span<const JournalField> fields) {
  const std::string entry = journal_entry(fields);
  iovec bytes = {.iov_base = const_cast<char*>(entry.data()), .iov_len = entry.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  auto sent = send_message(socket_.get(), message);
  const bool too_long = !sent && (sent.error().sys() == EMSGSIZE || sent.error().sys() == ENOBUFS);
  return too_long ? send_file(socket_.get(), entry) : sent;
}

std::optional<JournalRecord> parse_journal_line(std::string_view line) {
  const auto document = parse_json(line, "journal entry", {.size_bytes = size_t{16} << 20, .values = size_t{1} << 22});
  if (!document || !document->is_object()) return std::nullopt;
  JournalRecord record;
  for (const auto& [name, value] : document->as_object()) record.emplace(name, text_of(value));
  return record;
}

}  // namespace ctr
