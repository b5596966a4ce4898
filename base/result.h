// Result<T>: the value of a fallible function, or the one Error that explains why there is none.
#pragma once

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
// One pointer in size, and what makes or ends one is out of line and marked cold: compilers keep the code of failures
// out of the way of the code that runs. One that was moved from can only be assigned to or destroyed.
class [[nodiscard]] Error {
 public:
  [[gnu::cold]] Error(Errc code, std::string message);
  [[gnu::cold]] Error(const Error& other);
  Error(Error&& other) noexcept = default;
  [[gnu::cold]] Error& operator=(const Error& other);
  Error& operator=(Error&& other) noexcept = default;
  ~Error() = default;

  // Builds an error from a failed system call: `what` is act and object ("open '/etc/subuid'").
  [[gnu::cold]] static Error from_errno(std::string what, int sys = errno);

  Errc code() const;
  // The errno the kernel gave, or 0.
  int sys() const;
  const std::string& message() const;
  const std::string& hint() const;
  const std::vector<std::string>& frames() const;

  [[gnu::cold]] Error with_code(Errc code) &&;
  [[gnu::cold]] Error with_hint(std::string hint) &&;
  [[gnu::cold]] Error with_sys(int sys) &&;
  // Puts a larger object in front: frames are printed outermost first, separated by ": ".
  [[gnu::cold]] Error context(std::string frame) &&;

  // The whole line without the hint: frames, then the message.
  std::string text() const;

  bool operator==(const Error& other) const;

 private:
  struct Body;
  struct Destroy {
    [[gnu::cold]] void operator()(Body* body) const noexcept;
  };

  std::unique_ptr<Body, Destroy> body_;
};

// The same error, to be passed on. What leads to a call of it is known to the compiler as seldom taken.
[[gnu::cold]] Error&& passed_on(Error& error) noexcept;

// Stops the process on a bug of ours, in release builds too; never judges input.
[[noreturn, gnu::cold]] void assertion_failed(const char* condition, const char* file, int line);
#define CTR_ASSERT(condition) ((condition) ? (void)0 : ::ctr::assertion_failed(#condition, __FILE__, __LINE__))

// The name of a code in data that crosses processes, and back. Unknown names read as `internal`.
std::string_view errc_name(Errc code);
Errc errc_from_name(std::string_view name);

// A value or an Error. `value()`, `*`, `->` and `error()` are for what has been asked for.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor): return
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor): return

  explicit operator bool() const { return value_.has_value(); }
  T& value() & { return CTR_ASSERT(value_), *value_; }
  const T& value() const& { return CTR_ASSERT(value_), *value_; }
  T&& value() && { return CTR_ASSERT(value_), *std::move(value_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() & { return CTR_ASSERT(error_), *error_; }
  const Error& error() const& { return CTR_ASSERT(error_), *error_; }
  Error&& error() && { return CTR_ASSERT(error_), *std::move(error_); }

  T value_or(T fallback) && { return *this ? std::move(*this).value() : std::move(fallback); }
  // Adds a frame when this is an error.
  Result context(std::string frame) && {
    if (*this) return std::move(*this);
    return std::move(*this).error().context(std::move(frame));
  }
  // Goes on after a failure on purpose; `reason` is for the reader.
  void ignore(const char* reason) const { (void)reason; }

 private:
  std::optional<T> value_;
  std::optional<Error> error_;
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
#define CTR_TRY_NAMED(name, expression)      \
  __extension__({                            \
    auto name = (expression);                \
    if (!name) [[unlikely]]                  \
      return ::ctr::passed_on(name.error()); \
    std::move(name).value();                 \
  })
// Passes an error on to the caller, or yields the value: `auto fd = TRY(open_file(path));`
#define TRY(expression) CTR_TRY_NAMED(CTR_CONCAT(try_result_, __COUNTER__), expression)

}  // namespace ctr
