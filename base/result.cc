#include "base/result.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ctr {
namespace {

Errc code_of_errno(int sys) {
  switch (sys) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
      return Errc::not_found;
    case EEXIST:
      return Errc::exists;
    case EPERM:
    case EACCES:
      return Errc::permission;
    case ENOSPC:
    case EDQUOT:
      return Errc::no_space;
    case EBUSY:
    case ETXTBSY:
      return Errc::in_use;
    case EINTR:
      return Errc::interrupted;
    case ETIMEDOUT:
      return Errc::timed_out;
    case ENOSYS:
    case EOPNOTSUPP:
      return Errc::unsupported;
    case EINVAL:
    case ENAMETOOLONG:
      return Errc::invalid;
    default:
      return Errc::io;
  }
}

constexpr std::array<std::string_view, 17> k_errc_names = {
    "internal",
    "invalid",
    "not_found",
    "exists",
    "in_use",
    "permission",
    "unauthorized",
    "network",
    "corrupt",
    "unsupported",
    "no_space",
    "interrupted",
    "timed_out",
    "bad_state",
    "io",
    "command_not_found",
    "command_not_executable",
};

}  // namespace

struct Error::Body {
  Errc code;
  int sys = 0;
  std::string message;
  std::vector<std::string> frames = {};
  std::string hint = {};

  bool operator==(const Body&) const = default;
};

void Error::Destroy::operator()(Body* body) const noexcept { delete body; }

Error::Error(Errc code, std::string message) : body_(new Body{.code = code, .message = std::move(message)}) {}
Error::Error(const Error& other) : body_(new Body(*other.body_)) {}
Error& Error::operator=(const Error& other) { return *this = Error(other); }

Error Error::from_errno(std::string what, int sys) {
  return Error(code_of_errno(sys), std::move(what) + ": " + std::strerror(sys)).with_sys(sys);
}

Errc Error::code() const { return body_->code; }
int Error::sys() const { return body_->sys; }
const std::string& Error::message() const { return body_->message; }
const std::string& Error::hint() const { return body_->hint; }
const std::vector<std::string>& Error::frames() const { return body_->frames; }

Error Error::with_code(Errc code) && { return body_->code = code, std::move(*this); }
Error Error::with_hint(std::string hint) && { return body_->hint = std::move(hint), std::move(*this); }
Error Error::with_sys(int sys) && { return body_->sys = sys, std::move(*this); }

Error Error::context(std::string frame) && {
  body_->frames.insert(body_->frames.begin(), std::move(frame));
  return std::move(*this);
}

std::string Error::text() const {
  std::string line;
  for (const auto& frame : body_->frames) line += frame + ": ";
  return line + body_->message;
}

bool Error::operator==(const Error& other) const { return *body_ == *other.body_; }

Error&& passed_on(Error& error) noexcept { return std::move(error); }

std::string_view errc_name(Errc code) { return k_errc_names.at(static_cast<size_t>(code)); }

Errc errc_from_name(std::string_view name) {
  for (size_t i = 0; i < k_errc_names.size(); ++i) {
    if (k_errc_names[i] == name) return static_cast<Errc>(i);
  }
  return Errc::internal;
}

void assertion_failed(const char* condition, const char* file, int line) {
  (void)std::fprintf(stderr, "Error: internal: %s does not hold at %s:%d; this is a bug of ctr\n", condition, file,
                     line);
  std::abort();
}

}  // namespace ctr
