// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "byte_size.h"

namespace waterline::cli {
namespace {

constexpr std::chrono::milliseconds kBarInterval(200);
constexpr std::chrono::milliseconds kBarDelay(1000);
constexpr std::chrono::milliseconds kLineInterval(60'000);
constexpr int kBarWidth = 24;
constexpr double kMebibyte = 1 << 20;

std::string Rate(int64_t count, double seconds) {
  const double rate = static_cast<double>(count) / seconds;
  return rate < 10 ? fmt::format("{:.1f}", rate) : FormatCount(static_cast<int64_t>(rate));
}

int TerminalColumns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string FormatClock(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  const int64_t hours = whole / 3600;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, whole / 60 % 60, whole % 60)
                   : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string FormatProgress(const ProgressState& state, int columns) {
  std::string line;
  const bool known = state.bytes_total > 0;
  const double part =
      known
          ? std::min(1.0, static_cast<double>(state.bytes) / static_cast<double>(state.bytes_total))
          : 0;
  if (known) {
    if (columns > 0) {
      const int filled = static_cast<int>(part * kBarWidth);
      line += fmt::format("[{:#>{}}{:.>{}}] ", "", filled, "", kBarWidth - filled);
    }
    line += fmt::format("{:.0f} %  ", std::floor(part * 100));
  }
  line += fmt::format("{} texts", FormatCount(state.texts));
  if (state.seconds > 0 && state.texts_here > 0) {
    line += fmt::format(", {} texts/s", Rate(state.texts_here, state.seconds));
  }
  if (state.seconds > 0 && state.tokens > 0) {
    line += fmt::format(", {} tokens/s", Rate(state.tokens, state.seconds));
  }
  if (known && state.bytes > state.bytes_before && state.texts_here > 0) {
    const double done = static_cast<double>(state.bytes - state.bytes_before);
    const double left =
        static_cast<double>(state.bytes_total - std::min(state.bytes, state.bytes_total));
    line += fmt::format(", {} left", FormatClock(state.seconds * left / done));
  }
  if (state.budget > 0) {
    line +=
        fmt::format(", memory {:.0f} of {:.0f} MiB", static_cast<double>(state.in_use) / kMebibyte,
                    static_cast<double>(state.budget) / kMebibyte);
  }
  if (columns > 0 && line.size() >= static_cast<size_t>(columns)) {
    line.resize(static_cast<size_t>(columns) - 1);  // In the last column some terminals wrap.
  }
  return line;
}

Progress::Progress(Kind kind, std::function<ProgressState()> look)
    : kind_(kind), look_(std::move(look)) {
  if (kind_ != Kind::kNone) thread_ = std::thread([this] { Run(); });
}

Progress::~Progress() { End(); }

void Progress::End() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ended_changed_.notify_all();
  thread_.join();
  Erase();
}

void Progress::Run() {
  std::unique_lock lock(mutex_);
  auto wait = kind_ == Kind::kBar ? kBarDelay : kLineInterval;
  while (!ended_changed_.wait_for(lock, wait, [this] { return ended_; })) {
    Show();
    if (kind_ == Kind::kBar) wait = kBarInterval;
  }
}

void Progress::Show() {
  const bool bar = kind_ == Kind::kBar;
  const std::string line = FormatProgress(look_(), bar ? TerminalColumns() : 0);
  const std::string written = bar ? "\r\x1b[K" + line : "waterline: " + line + "\n";
  std::fwrite(written.data(), 1, written.size(), stderr);
  drawn_ = bar;
  shown_ = true;
}

void Progress::Erase() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void Progress::Print(const std::function<void()>& print) {
  const std::lock_guard lock(mutex_);
  Erase();
  print();
}

}  // namespace waterline::cli
