#include "runtime/console.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <utility>

#include "base/text.h"

namespace ctr::runtime {

std::optional<WindowSize> window_size(int fd) {
  winsize size = {};
  if (fd < 0 || ::ioctl(fd, TIOCGWINSZ, &size) != 0) return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col};
}

Result<void> set_window_size(int fd, WindowSize size) {
  winsize raw = {};
  raw.ws_row = size.rows;
  raw.ws_col = size.columns;
  if (::ioctl(fd, TIOCSWINSZ, &raw) != 0) return Error::from_errno("set the window size of the terminal");
  return ok();
}

Result<RawMode> RawMode::enter(int fd) {
  termios saved = {};
  if (::tcgetattr(fd, &saved) != 0) return Error::from_errno("read the modes of the terminal");
  RawMode mode(fd, saved);
  if (!mode.apply()) return Error::from_errno("put the terminal into raw mode");
  return mode;
}

RawMode::RawMode(RawMode&& other) noexcept : fd_(std::exchange(other.fd_, -1)), saved_(other.saved_) {}

RawMode::~RawMode() {
  // TCSADRAIN: what the program wrote last is shown with the modes it was written for.
  if (fd_ >= 0) (void)::tcsetattr(fd_, TCSADRAIN, &saved_);
}

bool RawMode::apply() const {
  termios raw = saved_;
  ::cfmakeraw(&raw);
  return ::tcsetattr(fd_, TCSADRAIN, &raw) == 0;
}

namespace {

// The control character of "X" in "ctrl-X"; nullopt when there is none.
std::optional<char> control_character(char key) {
  if (key >= 'a' && key <= 'z') return static_cast<char>(key - 'a' + 1);
  if (key >= 'A' && key <= 'Z') return static_cast<char>(key - 'A' + 1);
  if (key == '@') return '\0';
  if (key >= '[' && key <= '_') return static_cast<char>(key - '@');
  return std::nullopt;
}

}  // namespace

Result<std::string> parse_detach_keys(std::string_view text) {
  std::string keys;
  if (text.empty()) return keys;
  for (const std::string& key : split(text, ',')) {
    constexpr std::string_view k_prefix = "ctrl-";
    std::optional<char> byte;
    if (key.size() == 1) {
      byte = key[0];
    } else if (key.size() == k_prefix.size() + 1 && key.starts_with(k_prefix)) {
      byte = control_character(key.back());
    }
    if (!byte) {
      return Error(Errc::invalid, "detach key '" + printable(key) + "' is neither one character nor ctrl-X")
          .with_hint("X is one of a-z, @, [, \\, ], ^ and _; several keys are separated by commas");
    }
    keys.push_back(*byte);
  }
  return keys;
}

DetachMatcher::Step DetachMatcher::feed(std::string_view input) {
  Step step;
  if (keys_.empty()) {
    step.pass = input;
    return step;
  }
  for (char byte : input) {
    // What is held back is always keys_[0, matched_). On a mismatch its longest end that is also a beginning of the
    // sequence stays held back, the rest is passed on.
    while (matched_ > 0 && byte != keys_[matched_]) {
      size_t keep = matched_ - 1;
      while (keep > 0 && keys_.compare(matched_ - keep, keep, keys_, 0, keep) != 0) --keep;
      step.pass.append(keys_, 0, matched_ - keep);
      matched_ = keep;
    }
    if (byte != keys_[matched_]) {
      step.pass.push_back(byte);
      continue;
    }
    if (++matched_ == keys_.size()) {
      step.detached = true;
      matched_ = 0;
      return step;
    }
  }
  return step;
}

}  // namespace ctr::runtime
