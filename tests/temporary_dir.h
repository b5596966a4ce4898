// A directory of a test's own, removed behind it.
#pragma once

#include <cstdlib>
#include <string>

#include "base/file.h"

namespace ctr::test {

class TemporaryDir {
 public:
  TemporaryDir() {
    const char* base = std::getenv("TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/ctr-test.XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
    dir_ = Dir::open(path_).value();
  }
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;
  ~TemporaryDir() {
    size_t slash = path_.rfind('/');
    auto parent = Dir::open(path_.substr(0, slash));
    if (parent) remove_tree(*parent, path_.substr(slash + 1)).ignore("a leftover below /tmp does no harm");
  }

  const Dir& dir() const { return dir_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Dir dir_;
};

}  // namespace ctr::test
