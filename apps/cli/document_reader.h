// The documents of all input files in order, a window at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csv_splitter.h"
#include "input_document.h"
#include "input_stream.h"
#include "line_splitter.h"
#include "seen_ids.h"
#include "waterline/result.h"

namespace waterline::cli {

enum class InputKind {
  kAuto,   // As KindOfName says.
  kText,   // A file is a document.
  kLines,  // A line is a document.
  kJsonl,  // A line is a JSON object that holds a document.
  kCsv,    // A record holds a document in the column that the header names so.
  kTsv,    // The same with tabs.
};

// A part of the input: of n texts in a row the one at `index`, counted over all files.
struct Shard {
  int64_t index = 0;  // From 0.
  int64_t count = 1;
};

struct ReadOptions {
  InputKind kind = InputKind::kAuto;
  std::string text_field = "text";               // Of JSONL, and the column of CSV.
  std::string id_field = "id";                   // The same for ids, which may be missing.
  std::vector<std::string> ignored_fields = {};  // Of kSettingFields: those that set nothing.
  std::string encoding = {};                     // Of files without a byte-order mark; "": UTF-8.
  char delimiter = '\0';                         // Of CSV; 0: a comma, and a tab for kTsv.
  Shard shard = {};
  size_t max_bytes = 0;  // Of one document of kText, and of one line; longer ones are refused.
  bool budget_limits = false;  // A larger memory budget would make max_bytes larger.
};

// What the name of a file says of it: kJsonl for *.jsonl and *.ndjson, kCsv for *.csv, kTsv for
// *.tsv and *.tab, else kText; an ending of compression (.gz, .zst) does not count.
InputKind KindOfName(const std::string& file);

// What `name` ends in where that tells of compression: ".gz", ".gzip", ".zst" or ".zstd", in either
// case; else "".
std::string_view CompressionEnding(std::string_view name);

// How `file` is read: as its name says, unless `options` say something else.
InputKind KindOf(const std::string& file, const ReadOptions& options);

// What stands between the columns of a file of `kind`.
char DelimiterOf(const ReadOptions& options, InputKind kind);

// What was noticed on the way.
struct ReadTally {
  int64_t replaced_texts = 0;  // In which something was not valid in its encoding.
  int64_t changed_files = 0;   // That changed while they were read.
  int64_t repeated_ids = 0;    // Documents with an id that an earlier one of the file has.
};

// Holds one window and one document of max_bytes. For one thread.
class DocumentReader {
 public:
  static constexpr size_t kWindowBytes = 256 * 1024;
  static constexpr size_t kWindowDocuments = 256;

  // `files` are paths; "-" is standard input.
  DocumentReader(std::vector<std::string> files, ReadOptions options);

  // Replaces `window` by the next documents: until there are kWindowDocuments or kWindowBytes of
  // them, or until more input would have to be waited for. Empty: the end. What is wrong with one
  // document stands in its `flaw`; a file that cannot be read, or not to its end, is a document
  // with `lost_file`.
  // Errors: kCancelled  the program was asked to stop while it waited for input.
  Result<void> ReadWindow(std::vector<InputDocument>& window);

  const ReadTally& tally() const { return tally_; }
  // The first of each kind that the tally counts, as messages for people; each is returned once.
  std::vector<std::string> TakeNotes();
  // Bytes of the files that were read, compressed as they are.
  uint64_t position() const { return position_ + (source_ ? source_->position() : 0); }

 private:
  bool Full(const std::vector<InputDocument>& window) const;
  bool Mine();
  Result<void> OpenNext();
  void CloseSource();
  Result<std::string_view> ReadPiece();
  Result<void> ReadText(std::vector<InputDocument>& window);
  void TakeLines(std::vector<InputDocument>& window);
  void TakeRecords(std::vector<InputDocument>& window);
  void TakeHeader(CsvRecord record, std::vector<InputDocument>& window);
  Result<void> FeedLines();
  void Lose(const Error& error, std::vector<InputDocument>& window);
  void Add(InputDocument document, std::vector<InputDocument>& window);
  void NoteReplaced(const InputDocument& document);
  void NoteRepeated(const InputDocument& document);
  InputDocument ToDocument(const Line& line);
  InputDocument ToDocument(CsvRecord& record);
  void ReadSettings(InputDocument& document);
  void Replace(std::string& text);

  std::vector<std::string> files_;
  ReadOptions options_;
  JsonRecordReader records_;
  SettingsReader settings_;
  size_t next_file_ = 0;
  std::optional<InputStream> source_;  // Of files_[next_file_ - 1].
  InputKind kind_ = InputKind::kText;
  LineSplitter lines_;
  CsvSplitter csv_;
  std::vector<std::string> header_;  // Of CSV; empty until it was read.
  SeenIds ids_;                      // Of the file.
  bool at_start_ = true;             // Nothing of source_ was read.
  bool at_end_ = false;              // All of it was; the splitters may still hold lines.
  size_t window_bytes_ = 0;
  int64_t ordinal_ = 0;    // Documents so far, those of other shards too.
  uint64_t position_ = 0;  // Of the files before source_.
  bool replaced_ = false;  // In the document that is being made.
  ReadTally tally_;
  std::vector<std::string> notes_;
};

}  // namespace waterline::cli
