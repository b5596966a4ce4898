// The only printer: results on stdout, everything else on stderr.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"

namespace ctr::cli {

class Output : public DebugLog {
 public:
  enum class Debug { no, yes };
  explicit Output(Debug debug = Debug::no) : debug_(debug) {}

  // Results. Kept until flush() or until 64 KiB are there.
  void print(std::string_view text);
  void line(std::string_view text) {
    print(text);
    print("\n");
  }
  // Output of a container that it wrote to its stderr: as it is, behind what was printed before.
  void print_stderr(std::string_view text);
  // Errors: io, when stdout could not take all that was printed so far.
  Result<void> flush();

  // "Error: …", then the hint on a line of its own.
  void error(const Error& error);
  // A sentence for the user on stderr, as it is.
  void note(std::string_view text) override;
  void warn(std::string_view line) override;
  void debug(std::string_view line) override;
  void set_debug(Debug debug) { debug_ = debug; }

 private:
  Debug debug_;
  std::string pending_;
  std::optional<Error> failure_;
};

// Whether a descriptor is a terminal.
bool is_terminal(int fd);

}  // namespace ctr::cli
