// Debug log for library code, which never prints by itself.
#pragma once

#include <string_view>

namespace ctr {

// Where debug lines go. The composition root makes one; layers that want to log take a reference or nullptr.
class DebugLog {
 public:
  virtual ~DebugLog() = default;
  virtual void debug(std::string_view line) = 0;
  // A line the user should see even without debug: a notice, never a security step that failed.
  virtual void warn(std::string_view line) = 0;
  // The same in the line's own words, where scripts know them.
  virtual void note(std::string_view line) { warn(line); }
};

}  // namespace ctr
