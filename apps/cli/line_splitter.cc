// SPDX-License-Identifier: Apache-2.0
#include "line_splitter.h"

#include "utf8_text.h"

namespace waterline::cli {

void LineSplitter::Feed(std::string_view piece) {
  if (piece.empty()) ended_ = true;
  held_.erase(0, start_);
  scanned_ -= start_;
  start_ = 0;
  held_.append(piece);
}

bool LineSplitter::TakeMark() {
  if (mark_taken_) return true;
  const bool may_be_mark = kByteOrderMark.starts_with(std::string_view(held_).substr(0, 3));
  if (may_be_mark && held_.size() < kByteOrderMark.size() && !ended_) return false;
  if (held_.starts_with(kByteOrderMark)) start_ = scanned_ = kByteOrderMark.size();
  mark_taken_ = true;
  return true;
}

bool LineSplitter::Next(Line& line) {
  if (!TakeMark()) return false;
  const size_t end = held_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = held_.size();
    // One more for the "\r" that may come before the end.
    skipping_ = skipping_ || scanned_ - start_ > max_bytes_ + 1;
    if (skipping_) start_ = scanned_;
    const bool rest = skipping_ || start_ < scanned_;
    if (!ended_ || !rest) return false;
  }

  const bool last = end == std::string::npos;
  std::string_view bytes =
      std::string_view(held_).substr(start_, (last ? held_.size() : end) - start_);
  line.end = last ? "" : "\n";
  if (!last && bytes.ends_with('\r')) {
    bytes.remove_suffix(1);
    line.end = "\r\n";
  }
  line.too_long = skipping_ || bytes.size() > max_bytes_;
  line.bytes = line.too_long ? std::string_view() : bytes;
  line.number = ++number_;
  skipping_ = false;
  start_ = scanned_ = last ? held_.size() : end + 1;
  return true;
}

}  // namespace waterline::cli
