// Result<T>: the value of a fallible function, or the one Error that explains why there is none.
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ctr {

// What callers may branch on. Words are for people; nothing compares words.
enum class Errc {
  internal,                // a bug of ours
  invalid,                 // the input is malformed or contradictory
  not_found,               // the named thing does not exist
  exists,                  // the name is taken
  in_use,                  // somebody else needs it
  permission,              // the kernel or a rule forbids it
  unauthorized,            // a registry wants (other) credentials
  network,                 // the peer cannot be reached or broke off
  corrupt,                 // bytes differ from what their digest, size or type says
  unsupported,             // this host or this version cannot do it
  no_space,                // disk or quota full
  interrupted,             // the user or a signal asked to stop
  timed_out,               // a stated bound passed
  bad_state,               // the thing exists but is not in the state the verb needs
  io,                      // any other failed system call; see sys()
  command_not_found,       // the container's program does not exist: exit 127
  command_not_executable,  // the container's program cannot be executed: exit 126
};

// One failure: a code for branching, an errno where the kernel said it, words and a hint for people.
//
// Built where the facts are; `.context("start container 'web'")` adds one frame where a larger object becomes known.
class [[nodiscard]] Error {
 public:
  Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}

  // Builds an error from a failed system call: `what` is act and object ("open '/etc/subuid'").
  static Error from_errno(std::string what, int sys = errno);

  Errc code() const { return code_; }
  // The errno the kernel gave, or 0.
  int sys() const { return sys_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const std::vector<std::string>& frames() const { return frames_; }

  Error with_code(Errc code) && { return code_ = code, std::move(*this); }
  Error with_hint(std::string hint) && { return hint_ = std::move(hint), std::move(*this); }
  Error with_sys(int sys) && { return sys_ = sys, std::move(*this); }
  // Puts a larger object in front: frames are printed outermost first, separated by ": ".
  Error context(std::string frame) && { return frames_.insert(frames_.begin(), std::move(frame)), std::move(*this); }

  // The whole line without the hint: frames, then the message.
  std::string text() const;

  bool operator==(const Error&) const = default;

 private:
  Errc code_;
  int sys_ = 0;
  std::string message_;
  std::vector<std::string> frames_;
  std::string hint_;
};

// The name of a code in data that crosses processes, and back. Unknown names read as `internal`.
std::string_view errc_name(Errc code);
Errc errc_from_name(std::string_view name);

// A value or an Error. `value()`, `*` and `->` are for a success that has been asked for.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor): return
  // NOLINTNEXTLINE(google-explicit-constructor): return
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

  T value_or(T fallback) && { return *this ? std::move(*this).value() : std::move(fallback); }
  // Adds a frame when this is an error.
  Result context(std::string frame) && {
    if (*this) return std::move(*this);
    return std::move(*this).error().context(std::move(frame));
  }
  // Goes on after a failure on purpose; `reason` is for the reader.
  void ignore(const char* reason) const { (void)reason; }

 private:
  std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor): return

  explicit operator bool() const { return !error_; }
  void value() const {}
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }
  Result context(std::string frame) && {
    if (*this) return {};
    return std::move(*error_).context(std::move(frame));
  }
  void ignore(const char* reason) const { (void)reason; }

 private:
  std::optional<Error> error_;
};

// Success, for functions that return Result<void>.
inline Result<void> ok() { return {}; }

#define CTR_CONCAT_INNER(a, b) a##b
#define CTR_CONCAT(a, b) CTR_CONCAT_INNER(a, b)
#define CTR_TRY_NAMED(name, expression)        \
  __extension__({                              \
    auto name = (expression);                  \
    if (!name) return std::move(name).error(); \
    std::move(name).value();                   \
  })
// Passes an error on to the caller, or yields the value: `auto fd = TRY(open_file(path));`
#define TRY(expression) CTR_TRY_NAMED(CTR_CONCAT(try_result_, __COUNTER__), expression)

// Stops the process on a bug of ours, in release builds too; never judges input.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
#define CTR_ASSERT(condition) ((condition) ? (void)0 : ::ctr::assertion_failed(#condition, __FILE__, __LINE__))

}  // namespace ctr
