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
};

}  // namespace ctr
