// SPDX-License-Identifier: Apache-2.0
#include "csv_splitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "byte_size.h"
#include "utf8_text.h"

namespace waterline::cli {

CsvSplitter::CsvSplitter(char delimiter, size_t max_bytes)
    : separators_({delimiter, '\n'}), max_bytes_(max_bytes) {}

void CsvSplitter::Feed(std::string_view piece) {
  if (piece.empty()) ended_ = true;
  held_.erase(0, start_);
  at_ -= start_;
  start_ = 0;
  held_.append(piece);
}

bool CsvSplitter::TakeMark() {
  if (mark_taken_) return true;
  const bool may_be_mark = kByteOrderMark.starts_with(std::string_view(held_).substr(0, 3));
  if (may_be_mark && held_.size() < kByteOrderMark.size() && !ended_) return false;
  if (held_.starts_with(kByteOrderMark)) start_ = at_ = kByteOrderMark.size();
  mark_taken_ = true;
  return true;
}

void CsvSplitter::Restart(size_t at) {
  line_ += std::count(held_.begin() + static_cast<ptrdiff_t>(start_),
                      held_.begin() + static_cast<ptrdiff_t>(at), '\n');
  start_ = at_ = at;
  state_ = State::kFieldStart;
  fields_.clear();
  field_.clear();
}

void CsvSplitter::EndField() {
  fields_.push_back(std::move(field_));
  field_.clear();
  state_ = State::kFieldStart;
}

// The record ends before the "\n" at `end`, or with the input.
bool CsvSplitter::Finish(size_t end, CsvRecord& record) {
  if (state_ == State::kPlain && field_.ends_with('\r')) field_.pop_back();
  EndField();
  record.fields = std::exchange(fields_, {});
  record.line = line_;
  record.flaw.reset();
  Restart(std::min(end + 1, held_.size()));
  return true;
}

bool CsvSplitter::Refuse(std::string flaw, CsvRecord& record) {
  record.fields.clear();
  record.line = line_;
  record.flaw = std::move(flaw);
  const size_t end = held_.find('\n', start_);
  skipping_ = end == std::string::npos && !ended_;
  Restart(end == std::string::npos ? held_.size() : end + 1);
  return true;
}

// Drops the rest of a line that was too long.
bool CsvSplitter::SkipLongLine() {
  if (!skipping_) return true;
  const size_t end = held_.find('\n', start_);
  skipping_ = end == std::string::npos;
  Restart(skipping_ ? held_.size() : end + 1);
  return !skipping_;
}

bool CsvSplitter::ScanQuoted() {
  const size_t quote = held_.find('"', at_);
  field_.append(held_, at_, std::min(quote, held_.size()) - at_);
  at_ = quote == std::string::npos ? held_.size() : quote + 1;
  if (quote == std::string::npos) return false;
  state_ = State::kAfterQuote;
  return true;
}

bool CsvSplitter::Scan(CsvRecord& record) {
  while (at_ < held_.size()) {
    const char c = held_[at_];
    switch (state_) {
      case State::kFieldStart:
        if (fields_.empty() && (c == '\n' || (c == '\r' && held_.compare(at_, 2, "\r\n") == 0))) {
          Restart(held_.find('\n', at_) + 1);  // A blank line.
          break;
        }
        if (fields_.empty() && c == '\r' && at_ + 1 == held_.size() && !ended_) return false;
        state_ = c == '"' ? State::kQuoted : State::kPlain;
        if (c == '"') ++at_;
        break;
      case State::kQuoted:
        if (!ScanQuoted()) return false;
        break;
      case State::kAfterQuote:
        if (c == '"') {
          field_ += c;
          state_ = State::kQuoted;
          ++at_;
        } else if (c == separators_[0]) {
          EndField();
          ++at_;
        } else if (c == '\n') {
          return Finish(at_, record);
        } else if (c == '\r' && at_ + 1 == held_.size() && !ended_) {
          return false;
        } else if (c == '\r' && (at_ + 1 == held_.size() || held_[at_ + 1] == '\n')) {
          ++at_;
        } else {
          return Refuse(
              fmt::format("field {} goes on behind its closing quote", fields_.size() + 1), record);
        }
        break;
      case State::kPlain: {
        const size_t end = std::min(held_.find_first_of(separators_, at_), held_.size());
        field_.append(held_, at_, end - at_);
        at_ = end;
        if (end == held_.size()) return false;
        if (held_[end] == '\n') return Finish(end, record);
        EndField();
        ++at_;
        break;
      }
    }
  }
  return false;
}

bool CsvSplitter::Next(CsvRecord& record) {
  if (!TakeMark() || !SkipLongLine()) return false;
  if (Scan(record)) return true;
  const auto unclosed = [&] {
    return fmt::format("the quote that field {} begins with is never closed", fields_.size() + 1);
  };
  if (at_ - start_ > max_bytes_) {
    return Refuse(state_ == State::kQuoted
                      ? unclosed() + fmt::format(" in {}", FormatByteSize(max_bytes_))
                      : fmt::format("the record is longer than {}, the most that is read at once",
                                    FormatByteSize(max_bytes_)),
                  record);
  }
  if (!ended_ || start_ == held_.size()) return false;
  if (state_ == State::kQuoted) return Refuse(unclosed(), record);
  return Finish(held_.size(), record);
}

}  // namespace waterline::cli
