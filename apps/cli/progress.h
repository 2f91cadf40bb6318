// How far a long run has come, on standard error: a bar on a terminal, a line a minute elsewhere.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace waterline::cli {

struct ProgressState {
  int64_t texts = 0;          // Done, those of interrupted runs included.
  int64_t texts_here = 0;     // Of them by this process.
  int64_t tokens = 0;         // Encoded by this process.
  uint64_t bytes = 0;         // Of the input that were read;
  uint64_t bytes_before = 0;  // of them those that were skipped, as interrupted runs did them;
  uint64_t bytes_total = 0;   // and of all of it. 0: not known.
  double seconds = 0;         // Since this process began with its first text.
  size_t in_use = 0;          // Bytes of the memory budget,
  size_t budget = 0;          // and all of it.
};

// "42 %  12,345 texts, 231 texts/s, 9,876 tokens/s, 1:02:03 left, memory 312 of 512 MiB"; with
// `columns` over 0 a bar stands before it, and it is cut to that width. What is not known is left
// out.
std::string FormatProgress(const ProgressState& state, int columns);

// "3:05", "1:02:03", for a time of seconds.
std::string FormatClock(double seconds);

// Shows it from a thread of its own until it goes.
class Progress {
 public:
  enum class Kind {
    kNone,
    kBar,    // One line that is written over, five times a second, once the run takes a second.
    kLines,  // A line every minute.
  };

  // `look` is called on that thread.
  Progress(Kind kind, std::function<ProgressState()> look);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Runs `print`, which writes whole lines to standard error, with no bar in the way.
  void Print(const std::function<void()>& print);

  // Ends the thread and takes the bar away.
  void End();

  // Whether anything was shown.
  bool shown() const { return shown_; }

 private:
  void Run();
  void Show();
  void Erase();

  Kind kind_;
  std::function<ProgressState()> look_;
  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;
  bool drawn_ = false;  // The bar stands on the terminal.
  bool shown_ = false;
  std::thread thread_;
};

}  // namespace waterline::cli
