// Text with ANSI styles, wrapped between words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace waterline::cli {

// Appends styled text to a string. A line that would grow past `columns` is broken at a space,
// which goes away; a word longer than that stands alone on its line. Styles end before each line
// does.
class StyledLines {
 public:
  StyledLines(std::string& out, int columns)
      : out_(out), columns_(static_cast<size_t>(columns)) {}  // 0: no wrapping.

  // Adds UTF-8 text. `style` holds the numbers of an ANSI sequence, "1;38;5;16"; "" for none.
  void Add(std::string_view text, const std::string& style);

  // Writes what is left, and the line's end unless it was just written.
  void End();

 private:
  struct Piece {
    std::string text;
    std::string style;
  };

  void Write(std::string_view text, const std::string& style);
  void FlushWord();
  void BreakLine();

  std::string& out_;
  size_t columns_;
  size_t column_ = 0;          // Written on this line.
  std::vector<Piece> spaces_;  // Before word_, on the same line unless it is broken here.
  std::vector<Piece> word_;    // Not written yet.
  std::string style_;          // In force at the end of out_.
};

}  // namespace waterline::cli
