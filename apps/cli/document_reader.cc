// SPDX-License-Identifier: Apache-2.0
#include "document_reader.h"

#include <fmt/format.h>

#include <utility>

#include "byte_size.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;

// How long documents that are there wait for others to share their pass. A person does not notice,
// and a program that writes line by line fills a window.
constexpr std::chrono::milliseconds kPatience(5);

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::string DescribeTooLong(std::string_view what, size_t max_bytes) {
  return fmt::format("{} is longer than {}, the most that is read at once under this memory budget",
                     what, FormatByteSize(max_bytes));
}

}  // namespace

bool IsJsonlName(const std::string& file) {
  return file.ends_with(".jsonl") || file.ends_with(".ndjson");
}

DocumentReader::DocumentReader(std::vector<std::string> files, ReadOptions options)
    : files_(std::move(files)),
      options_(std::move(options)),
      records_(options_.text_field),
      settings_(options_.ignored_fields),
      chunk_(kChunkBytes, '\0'),
      splitter_(options_.max_bytes) {}

bool DocumentReader::Full(const std::vector<InputDocument>& window) const {
  return window.size() >= kWindowDocuments || window_bytes_ >= kWindowBytes;
}

InputKind DocumentReader::KindOf(const std::string& file) const {
  if (options_.kind != InputKind::kAuto) return options_.kind;
  return IsJsonlName(file) ? InputKind::kJsonl : InputKind::kText;
}

Result<void> DocumentReader::OpenNext() {
  const std::string& file = files_[next_file_];
  Result<ByteSource> opened = ByteSource::Open(file);
  if (!opened.ok()) return opened.error();
  source_ = *std::move(opened);
  kind_ = KindOf(file);
  splitter_ = LineSplitter(options_.max_bytes);
  at_end_ = false;
  ++next_file_;
  return {};
}

Result<void> DocumentReader::ReadWindow(std::vector<InputDocument>& window) {
  window.clear();
  window_bytes_ = 0;
  settings_.ForgetLists();
  while (true) {
    if (!source_ && next_file_ == files_.size()) return {};
    if (!source_) {
      if (Result<void> opened = OpenNext(); !opened.ok()) return opened.error();
    }
    if (kind_ != InputKind::kText) TakeLines(window);
    if (Full(window)) return {};
    if (at_end_) {
      source_.reset();
      continue;
    }
    if (!window.empty() && !source_->Ready(kPatience)) return {};
    const Result<void> read = kind_ == InputKind::kText ? ReadText(window) : FeedLines();
    if (!read.ok()) return read.error();
  }
}

void DocumentReader::Add(InputDocument document, std::vector<InputDocument>& window) {
  if (!IsUtf8(document.text)) {
    document.flaw = DescribeInvalidUtf8(document.text);
    document.text = {};
  }
  window_bytes_ += document.text.size() + document.json.size();
  document.file = next_file_ - 1;
  window.push_back(std::move(document));
}

Result<void> DocumentReader::ReadText(std::vector<InputDocument>& window) {
  InputDocument document;
  while (document.text.size() <= options_.max_bytes + kByteOrderMark.size()) {
    const Result<size_t> count = source_->Read(chunk_.data(), chunk_.size());
    if (!count.ok()) return count.error();
    if (*count == 0) break;
    document.text.append(chunk_, 0, *count);
  }
  at_end_ = true;
  if (document.text.starts_with(kByteOrderMark)) document.text.erase(0, kByteOrderMark.size());
  if (document.text.size() > options_.max_bytes) {
    document.flaw = DescribeTooLong("the file", options_.max_bytes) +
                    "; with --lines each line is a text, or raise --memory-budget";
    document.text = {};
  }
  Add(std::move(document), window);
  return {};
}

InputDocument DocumentReader::ToDocument(const Line& line) {
  InputDocument document;
  document.line = line.number;
  if (line.too_long) {
    document.flaw = DescribeTooLong("the line", options_.max_bytes);
  } else if (kind_ == InputKind::kLines) {
    document.text = line.bytes;
  } else if (IsBlank(line.bytes)) {
    document.blank = true;
  } else {
    document.json = line.bytes;
    JsonRecord record;
    if (Result<void> read = records_.Read(document.json, record); !read.ok()) {
      document.flaw = read.error().message;
    }
    document.text = std::move(record.text);
    document.fields = std::move(record.fields);
    if (!document.flaw) ReadSettings(document);
  }
  return document;
}

void DocumentReader::ReadSettings(InputDocument& document) {
  Result<DocumentSettings> settings =
      settings_.Read(document.json, document.fields, options_.text_field);
  if (settings.ok()) {
    document.settings = *std::move(settings);
  } else {
    document.flaw = settings.error().message;
    document.text.clear();
  }
}

void DocumentReader::TakeLines(std::vector<InputDocument>& window) {
  Line line;
  while (!Full(window) && splitter_.Next(line)) Add(ToDocument(line), window);
}

Result<void> DocumentReader::FeedLines() {
  const Result<size_t> count = source_->Read(chunk_.data(), chunk_.size());
  if (!count.ok()) return count.error();
  splitter_.Feed(std::string_view(chunk_).substr(0, *count));
  at_end_ = *count == 0;
  return {};
}

}  // namespace waterline::cli
