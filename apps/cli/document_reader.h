// The documents of all input files in order, a window at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "byte_source.h"
#include "input_document.h"
#include "line_splitter.h"
#include "waterline/result.h"

namespace waterline::cli {

enum class InputKind {
  kAuto,   // kJsonl for *.jsonl and *.ndjson, else kText.
  kText,   // A file is a document.
  kLines,  // A line is a document.
  kJsonl,  // A line is a JSON object that holds a document.
};

struct ReadOptions {
  InputKind kind = InputKind::kAuto;
  std::string text_field = "text";
  std::vector<std::string> ignored_fields = {};  // Of kSettingFields: those that set nothing.
  size_t max_bytes = 0;  // Of one document of kText, and of one line; longer ones are refused.
};

// Whether the name of a file says that it is kJsonl.
bool IsJsonlName(const std::string& file);

// Holds one window and one document of max_bytes. For one thread.
class DocumentReader {
 public:
  static constexpr size_t kWindowBytes = 256 * 1024;
  static constexpr size_t kWindowDocuments = 256;

  // `files` are paths; "-" is standard input.
  DocumentReader(std::vector<std::string> files, ReadOptions options);

  // Replaces `window` by the next documents: until there are kWindowDocuments or kWindowBytes of
  // them, or until more input would have to be waited for. Empty: the end.
  // Errors: kNotFound, kIo  a file that can no longer be read. What is wrong with one document
  // stands
  //   in its `flaw`.
  Result<void> ReadWindow(std::vector<InputDocument>& window);

 private:
  bool Full(const std::vector<InputDocument>& window) const;
  InputKind KindOf(const std::string& file) const;
  Result<void> OpenNext();
  Result<void> ReadText(std::vector<InputDocument>& window);
  void TakeLines(std::vector<InputDocument>& window);
  Result<void> FeedLines();
  void Add(InputDocument document, std::vector<InputDocument>& window);
  InputDocument ToDocument(const Line& line);
  void ReadSettings(InputDocument& document);

  std::vector<std::string> files_;
  ReadOptions options_;
  JsonRecordReader records_;
  SettingsReader settings_;
  std::string chunk_;
  size_t next_file_ = 0;
  std::optional<ByteSource> source_;  // Of files_[next_file_ - 1].
  InputKind kind_ = InputKind::kText;
  LineSplitter splitter_;
  bool at_end_ = false;  // All of source_ was read; splitter_ may still hold lines.
  size_t window_bytes_ = 0;
};

}  // namespace waterline::cli
