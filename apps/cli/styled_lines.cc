// SPDX-License-Identifier: Apache-2.0
#include "styled_lines.h"

#include <algorithm>

#include "utf8_text.h"

namespace waterline::cli {

void StyledLines::Write(std::string_view text, const std::string& style) {
  if (text.empty()) return;
  if (style != style_) {
    if (!style_.empty()) out_ += "\x1b[0m";
    if (!style.empty()) out_.append("\x1b[").append(style).append("m");
    style_ = style;
  }
  out_ += text;
}

void StyledLines::BreakLine() {
  if (!style_.empty()) out_ += "\x1b[0m";
  style_.clear();
  out_ += '\n';
  spaces_.clear();
  column_ = 0;
}

void StyledLines::FlushWord() {
  if (word_.empty()) return;
  const auto width = [](const std::vector<Piece>& pieces) {
    size_t sum = 0;
    for (const Piece& piece : pieces) sum += DisplayWidth(piece.text);
    return sum;
  };
  const size_t needed = width(spaces_) + width(word_);
  const bool fits = columns_ == 0 || column_ + needed <= columns_;
  if (!fits && column_ > 0) BreakLine();
  for (const Piece& piece : spaces_) Write(piece.text, piece.style);
  for (const Piece& piece : word_) Write(piece.text, piece.style);
  column_ += width(spaces_) + width(word_);
  spaces_.clear();
  word_.clear();
}

void StyledLines::Add(std::string_view text, const std::string& style) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    if (end > at) word_.push_back({std::string(text.substr(at, end - at)), style});
    at = end;
    if (at == text.size()) return;
    FlushWord();
    if (text[at] == '\n') {
      BreakLine();
    } else {
      spaces_.push_back({" ", style});
    }
    ++at;
  }
}

void StyledLines::End() {
  FlushWord();
  if (column_ > 0 || !spaces_.empty() || out_.empty() || out_.back() != '\n') BreakLine();
}

}  // namespace waterline::cli
