// Lines out of bytes that come in pieces, in bounded memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waterline::cli {

// A line without its end ("\n" or "\r\n").
struct Line {
  std::string_view bytes;  // Until the next call of LineSplitter. Empty when too long.
  std::string_view end;    // That end; "" of a last line without one.
  int64_t number = 0;      // From 1.
  bool too_long = false;
};

// Holds the part of the input that is not yet a line, at most `max_bytes` and one piece. A longer
// line is dropped as it comes and reported as too_long. A byte-order mark at the start of the input
// is dropped. The last line need not end; an input that ends in "\n" has no empty line after it.
class LineSplitter {
 public:
  explicit LineSplitter(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Adds the next piece; an empty one is the end of the input.
  void Feed(std::string_view piece);

  // The next line that is complete; false when more has to be fed, or after the last.
  bool Next(Line& line);

 private:
  bool TakeMark();

  size_t max_bytes_;
  std::string held_;
  size_t start_ = 0;    // Of the current line in held_.
  size_t scanned_ = 0;  // No "\n" in held_ from start_ to here.
  int64_t number_ = 0;
  bool skipping_ = false;  // Inside a line that is too long.
  bool mark_taken_ = false;
  bool ended_ = false;
};

}  // namespace waterline::cli
