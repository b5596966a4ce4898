// A home directory of a test's own.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/file.h"
#include "base/paths.h"

namespace ctr::test {

inline UserPaths paths_below(const std::string& home) {
  UserPaths paths;
  paths.home = home;
  paths.data_home = home + "/.local/share";
  paths.config_home = home + "/.config";
  paths.cache_home = home + "/.cache";
  paths.runtime_dir = home + "/run";
  paths.store = paths.data_home + "/ctr";
  paths.run = paths.runtime_dir + "/ctr";
  return paths;
}

// Removed with the object.
class TemporaryHome {
 public:
  TemporaryHome() : path_(std::filesystem::temp_directory_path().string() + "/ctr-registry-test-XXXXXX") {
    if (!mkdtemp(path_.data())) throw std::runtime_error("mkdtemp");
  }
  TemporaryHome(const TemporaryHome&) = delete;
  TemporaryHome& operator=(const TemporaryHome&) = delete;
  ~TemporaryHome() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  UserPaths paths() const { return paths_below(path_); }
  // Writes a file below the home, making its directories.
  void write(const std::string& name, const std::string& content, mode_t mode = 0600) const {
    const std::string file = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::filesystem::remove(file);
    if (!create_file(file, content, mode)) throw std::runtime_error("write " + file);
  }
  std::string read(const std::string& name) const {
    auto text = read_file(path_ + "/" + name);
    if (!text) throw std::runtime_error(text.error().text());
    return *text;
  }

 private:
  std::string path_;
};

}  // namespace ctr::test
