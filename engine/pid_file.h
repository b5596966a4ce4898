// Files that users want a process id in: --pidfile, --conmon-pidfile, --infra-conmon-pidfile.
#pragma once

#include <fcntl.h>

#include <string>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "base/text.h"

namespace ctr::engine {

// A file for a number that is known once the program runs; made before, so that a wrong path starts nothing.
class PidFile {
 public:
  // Of an empty path nothing.
  static Result<PidFile> make(const std::string& path) {
    PidFile file;
    file.path_ = path;
    if (path.empty()) return file;
    auto made = open_path(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    file.fd_ = TRY(std::move(made).context("make the pid file"));
    return file;
  }
  Result<void> write(int64_t pid) const {
    return fd_.valid() ? write_all(fd_.get(), std::to_string(pid), "the pid file '" + printable(path_) + "'") : ok();
  }

 private:
  std::string path_;
  Fd fd_;
};

}  // namespace ctr::engine
