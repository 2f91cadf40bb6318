// Records of CSV and TSV (RFC 4180) out of text that comes in pieces, in bounded memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace waterline::cli {

struct CsvRecord {
  std::vector<std::string> fields;  // Without quotes.
  int64_t line = 0;                 // That it begins on, from 1.
  std::optional<std::string> flaw;  // Why there are no fields.
};

// A field in quotes may hold delimiters, line ends, and quotes written twice; a quote inside of a
// field that does not begin with one stands for itself. Records end in "\n" or "\r\n"; blank lines
// are none. A quote that is never closed, or that something other than a delimiter follows, costs
// the line it stands on and no more: reading goes on behind that line. A record is held until it
// is whole, and at most `max_bytes` of it.
class CsvSplitter {
 public:
  CsvSplitter(char delimiter, size_t max_bytes);

  // Adds the next piece; an empty one is the end of the input.
  void Feed(std::string_view piece);

  // The next record; false when more has to be fed, or after the last.
  bool Next(CsvRecord& record);

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kAfterQuote };

  bool TakeMark();
  bool SkipLongLine();
  bool Scan(CsvRecord& record);  // Until the record ends, or what is held does.
  bool ScanQuoted();             // false: more has to be fed.
  bool Refuse(std::string flaw, CsvRecord& record);
  bool Finish(size_t end, CsvRecord& record);
  void EndField();
  void Restart(size_t at);

  std::string separators_;  // The delimiter and "\n".
  size_t max_bytes_;
  std::string held_;
  size_t start_ = 0;  // Of the record in held_.
  size_t at_ = 0;     // Scanned until here.
  State state_ = State::kFieldStart;
  std::vector<std::string> fields_;  // Of the record, those that are whole.
  std::string field_;
  int64_t line_ = 1;  // That the record begins on.
  bool skipping_ = false;
  bool mark_taken_ = false;
  bool ended_ = false;
};

}  // namespace waterline::cli
