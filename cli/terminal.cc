#include "cli/terminal.h"

#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands/common.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

class [[nodiscard]] HiddenInput {
 public:
  static Result<HiddenInput> begin() {
    HiddenInput hidden;
    if (::tcgetattr(STDIN_FILENO, &hidden.before_) != 0) return Error::from_errno("read the terminal's settings");
    termios silent = hidden.before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0) return Error::from_errno("switch off the terminal's echo");
    hidden.active_ = true;
    return hidden;
  }
  HiddenInput(HiddenInput&& other) noexcept : before_(other.before_), active_(std::exchange(other.active_, false)) {}
  HiddenInput& operator=(HiddenInput&&) = delete;
  ~HiddenInput() {
    if (active_) (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  HiddenInput() = default;
  termios before_{};
  bool active_ = false;
};

}  // namespace

Result<std::string> read_password(Context& context, const std::string& prompt) {
  if (!is_terminal(STDIN_FILENO)) {
    return Error(Errc::invalid, "stdin is no terminal to ask for a password").with_hint("use --password-stdin");
  }
  auto hidden = TRY(HiddenInput::begin());
  auto answer = read_line(context, prompt);
  write_all(STDERR_FILENO, "\n", "stderr").ignore("only the cursor's place");
  return answer;
}

}  // namespace ctr::cli
