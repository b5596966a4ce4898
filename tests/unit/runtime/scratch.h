// A directory of its own for each test, removed behind it.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/file.h"
#include "tests/catch.h"

class Scratch {
 public:
  Scratch() {
    std::string name = "/tmp/ctr-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    auto parent = ctr::Dir::open("/tmp");
    if (parent) ctr::remove_tree(*parent, path_.substr(5)).ignore("only disk space is lost");
  }

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  ctr::Dir dir() const { return ctr::Dir::open(path_).value_or(ctr::Dir()); }
  std::string text(const std::string& name) const { return ctr::read_file(file(name)).value_or("<missing>"); }
  void write(const std::string& name, const std::string& text) const {
    REQUIRE(dir().write_file(name, text, ctr::Sync::no));
  }

 private:
  std::string path_;
};
