// Where `ctr runtime` says what went wrong: one line on stderr, and one in the file of --log, as text or as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::cli::runtime {

class Log {
 public:
  enum class Format { text, json };
  enum class Level { debug, warning, error };

  // `target` is a path, or one behind "file:". Errors: unsupported for other schemes.
  Result<void> open(std::string_view target);
  void set_format(Format format) { format_ = format; }
  void set_debug() { debug_ = true; }

  void error(const Error& error);
  void warn(std::string_view text) { write(Level::warning, text); }
  void debug(std::string_view text) {
    if (debug_) write(Level::debug, text);
  }

 private:
  void write(Level level, std::string_view text, std::string_view hint = {});
  Fd file_;
  Format format_ = Format::text;
  bool debug_ = false;
};

// Sentences that are told when this goes out of scope.
struct Warnings {
  explicit Warnings(Log& out) : log(out) {}
  Warnings(const Warnings&) = delete;
  Warnings& operator=(const Warnings&) = delete;
  ~Warnings() {
    for (const std::string& warning : list) log.warn(warning);
  }
  Log& log;
  std::vector<std::string> list = {};
};

}  // namespace ctr::cli::runtime
