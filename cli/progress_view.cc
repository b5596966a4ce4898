#include "cli/progress_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace ctr::cli {
namespace {

// Often enough to look smooth, seldom enough to cost nothing.
constexpr auto k_redraw_interval = std::chrono::milliseconds(100);
constexpr size_t k_bar_width = 24;

std::string_view hex_of(std::string_view blob) {
  const size_t colon = blob.find(':');
  return colon == std::string_view::npos ? blob : blob.substr(colon + 1);
}

std::string bar_name(ProgressSink::BlobKind kind, std::string_view blob) {
  const std::string_view what = kind == ProgressSink::BlobKind::config ? "config" : "layer ";
  return fmt::format("{} {} ", what, printable(hex_of(blob).substr(0, 12)));
}

}  // namespace

void PlainProgress::trying(std::string_view reference) {
  if (direction_ == Direction::pull) write_(fmt::format("Trying to pull {}...\n", printable(reference)));
}

void PlainProgress::blob_started(std::string_view blob, BlobKind kind, uint64_t, Skip skip) {
  // podman says so when it has the manifest and turns to the blobs.
  if (!std::exchange(has_blobs_, true)) write_("Getting image source signatures\n");
  if (kind == BlobKind::config) {
    configs_.emplace_back(blob);
    write_(fmt::format("Copying config {}\n", printable(blob)));
  } else if (skip == Skip::already_exists) {
    write_(fmt::format("Copying blob {} skipped: already exists\n", printable(blob)));
  } else {
    write_(fmt::format("Copying blob {}\n", printable(blob)));
  }
}

void PlainProgress::blob_done(std::string_view blob) {
  const bool config = std::find(configs_.begin(), configs_.end(), blob) != configs_.end();
  write_(fmt::format("Copying {} {} done\n", config ? "config" : "blob", printable(blob)));
}

void PlainProgress::retrying(std::string_view blob, std::string_view why) {
  write_(fmt::format("Trying {} again: {}\n", printable(blob), printable(why)));
}

void PlainProgress::writing_manifest() { write_("Writing manifest to image destination\n"); }

void BarProgress::trying(std::string_view reference) { draw(fmt::format("Pulling {}", printable(reference))); }

BarProgress::Bar* BarProgress::find(std::string_view blob) {
  const auto found = std::find_if(bars_.begin(), bars_.end(), [&](const Bar& bar) { return bar.digest == blob; });
  return found == bars_.end() ? nullptr : &*found;
}

void BarProgress::blob_started(std::string_view blob, BlobKind kind, uint64_t size_bytes, Skip skip) {
  Bar bar{std::string(blob), kind, size_bytes, 0};
  if (skip == Skip::already_exists) return draw(bar_name(bar.kind, blob) + "already here");
  if (Bar* known = find(blob)) {
    *known = std::move(bar);
  } else {
    bars_.push_back(std::move(bar));
  }
  draw();
}

void BarProgress::blob_advanced(std::string_view blob, uint64_t done_bytes) {
  Bar* bar = find(blob);
  if (bar == nullptr) return;
  bar->done_bytes = done_bytes;
  if (clock_() - last_draw_ >= k_redraw_interval) draw();
}

void BarProgress::blob_done(std::string_view blob) {
  const Bar* bar = find(blob);
  if (bar == nullptr) return;
  const std::string line = bar_line(*bar, State::done);
  bars_.erase(bars_.begin() + (bar - bars_.data()));
  draw(line);
}

void BarProgress::retrying(std::string_view blob, std::string_view why) {
  draw(fmt::format("{}: trying again: {}", printable(hex_of(blob).substr(0, 12)), printable(why)));
}

void BarProgress::writing_manifest() { draw(); }

std::string BarProgress::bar_line(const Bar& bar, State state) const {
  const size_t width = std::max<size_t>(screen_().columns, 20) - 1;
  std::string text = bar_name(bar.kind, bar.digest);
  const uint64_t done = state == State::done ? bar.size_bytes : std::min(bar.done_bytes, bar.size_bytes);
  std::string numbers = human_size(bar.size_bytes, " ", 3);
  if (state == State::moving) numbers = fmt::format("{} / {}", human_size(done, " ", 3), numbers);
  if (state == State::moving && width > text.size() + k_bar_width + numbers.size() + 3) {
    const double part = bar.size_bytes == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(bar.size_bytes);
    const auto full = std::min(k_bar_width, static_cast<size_t>(part * static_cast<double>(k_bar_width)));
    text += fmt::format("[{}{}] ", std::string(full, '='), std::string(k_bar_width - full, ' '));
  }
  text += numbers;
  if (state == State::done) text += "  done";
  if (text.size() > width) text.resize(width);  // a line that wraps could not be redrawn
  return text;
}

// One write for a whole picture, and every line overwrites the old one before what is left of that is cleared: nothing
// flickers. `above` becomes a line that stays.
void BarProgress::draw(std::string_view above) {
  const size_t rows = std::max<size_t>(screen_().rows, 3) - 1;  // what scrolled away could not be redrawn
  const bool all_fit = bars_.size() <= rows;
  const size_t shown = all_fit ? bars_.size() : rows - 1;
  std::string out;
  if (drawn_lines_ > 0) out += fmt::format("\x1b[{}A\r", drawn_lines_);
  if (!above.empty()) out += fmt::format("{}\x1b[K\n", above);
  for (size_t i = 0; i < shown; ++i) out += bar_line(bars_[i], State::moving) + "\x1b[K\n";
  if (!all_fit) out += fmt::format("and {} more\x1b[K\n", bars_.size() - shown);
  const size_t lines = all_fit ? shown : shown + 1;
  if (lines + (above.empty() ? 0 : 1) < drawn_lines_) out += "\x1b[J";
  drawn_lines_ = lines;
  last_draw_ = clock_();
  if (!out.empty()) write_(out);
}

}  // namespace ctr::cli
