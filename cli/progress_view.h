// Progress of a transfer on stderr: bars on a terminal, podman's lines otherwise.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"

namespace ctr::cli {

// What a view writes to; tests collect it.
using ProgressWriter = std::function<void(std::string_view)>;
using ProgressClock = std::function<std::chrono::steady_clock::time_point()>;

// One line for each step, as podman prints it where stderr is no terminal.
class PlainProgress final : public ProgressSink {
 public:
  enum class Direction { pull, push };
  explicit PlainProgress(ProgressWriter write, Direction direction = Direction::pull)
      : write_(std::move(write)), direction_(direction) {}

  void trying(std::string_view reference) override;
  void blob_started(std::string_view blob, BlobKind kind, uint64_t size_bytes, Skip skip) override;
  void blob_advanced(std::string_view, uint64_t) override {}
  void blob_done(std::string_view blob) override;
  void retrying(std::string_view blob, std::string_view why) override;
  void writing_manifest() override;

 private:
  ProgressWriter write_;
  Direction direction_;
  bool has_blobs_ = false;
  std::vector<std::string> configs_;  // blobs that are configurations
};

struct ScreenSize {
  size_t columns = 80;
  size_t rows = 24;
};

// One line for each blob that moves, redrawn in place at most ten times a second; finished ones stay above.
class BarProgress final : public ProgressSink {
 public:
  BarProgress(ProgressWriter write, ProgressClock clock, std::function<ScreenSize()> screen)
      : write_(std::move(write)), clock_(std::move(clock)), screen_(std::move(screen)) {}

  void trying(std::string_view reference) override;
  void blob_started(std::string_view blob, BlobKind kind, uint64_t size_bytes, Skip skip) override;
  void blob_advanced(std::string_view blob, uint64_t done_bytes) override;
  void blob_done(std::string_view blob) override;
  void retrying(std::string_view blob, std::string_view why) override;
  void writing_manifest() override;

 private:
  enum class State { moving, done };
  struct Bar {
    std::string digest;
    BlobKind kind;
    uint64_t size_bytes = 0;
    uint64_t done_bytes = 0;
  };
  Bar* find(std::string_view blob);
  std::string bar_line(const Bar& bar, State state) const;
  void draw(std::string_view above = {});

  ProgressWriter write_;
  ProgressClock clock_;
  std::function<ScreenSize()> screen_;
  std::vector<Bar> bars_;  // those that move
  size_t drawn_lines_ = 0;
  std::chrono::steady_clock::time_point last_draw_{};
};

// Says nothing.
class NoProgress final : public ProgressSink {
 public:
  void trying(std::string_view) override {}
  void blob_started(std::string_view, BlobKind, uint64_t, Skip) override {}
  void blob_advanced(std::string_view, uint64_t) override {}
  void blob_done(std::string_view) override {}
  void retrying(std::string_view, std::string_view) override {}
  void writing_manifest() override {}
};

}  // namespace ctr::cli
