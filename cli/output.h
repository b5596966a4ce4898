// The only printer: results on stdout, everything else on stderr.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/log.h"
#include "base/result.h"

namespace ctr::cli {

class Output : public DebugLog {
 public:
  enum class Debug { no, yes };
  // How errors, warnings and notes are written: for people, or a JSON object a line for programs.
  enum class Format { text, json };
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

  // "Error: …", then the hint on a line of its own; or one JSON object a line. `exit_code` is what this failure alone
  // makes the command end with.
  void error(const Error& error, int exit_code = 125);
  // A sentence for the user on stderr, as it is.
  void note(std::string_view text) override;
  void warn(std::string_view line) override;
  void debug(std::string_view line) override;
  void set_debug(Debug debug) { debug_ = debug; }
  void set_format(Format format) { format_ = format; }
  Format format() const { return format_; }

 private:
  // One line on stderr: `text`, or a JSON object with that level.
  void say(std::string_view level, std::string_view line, const std::string& text);

  Debug debug_;
  Format format_ = Format::text;
  std::string pending_;
  std::optional<Error> failure_;
};

// What `--error-format json` prints of an error: level, code, message, causes (from the outermost frame to what went
// wrong), hint, errno and exitCode.
Json error_document(const Error& error, int exit_code);

// Whether a descriptor is a terminal.
bool is_terminal(int fd);

}  // namespace ctr::cli
