// SPDX-License-Identifier: Apache-2.0
#include "document_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "binary_content.h"
#include "byte_size.h"
#include "json_writer.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

// How long documents that are there wait for others to share their pass. A person does not notice,
// and a program that writes line by line fills a window.
constexpr std::chrono::milliseconds kPatience(5);

constexpr std::string_view kReplacement = "\uFFFD";

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::string DescribeTooLong(std::string_view what, const ReadOptions& options) {
  return fmt::format("{} is longer than {}, the most that is read at once{}", what,
                     FormatByteSize(options.max_bytes),
                     options.budget_limits ? " under this memory budget" : "");
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// `record` as an object of strings that `names` are the keys of.
std::string ToJson(const std::vector<std::string>& names, const std::vector<std::string>& values,
                   std::vector<JsonField>& fields) {
  std::string object;
  JsonWriter json(object);
  json.StartObject();
  for (size_t i = 0; i < names.size(); ++i) {
    JsonField field;
    field.name = names[i];
    field.key.at = object.size() + (i == 0 ? 0 : 1);  // Behind the comma.
    json.Key(names[i]);
    field.key.size = object.size() - field.key.at;
    field.value.at = object.size() + 1;  // Behind the colon.
    json.String(values[i]);
    field.value.size = object.size() - field.value.at;
    fields.push_back(std::move(field));
  }
  json.EndObject();
  return object;
}

}  // namespace

std::string_view CompressionEnding(std::string_view name) {
  for (const std::string_view ending : {".gz", ".gzip", ".zst", ".zstd"}) {
    if (name.size() > ending.size() && LowerCase(name).ends_with(ending)) {
      return name.substr(name.size() - ending.size());
    }
  }
  return {};
}

InputKind KindOfName(const std::string& file) {
  std::string name = LowerCase(file);
  name.resize(name.size() - CompressionEnding(name).size());
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson")) return InputKind::kJsonl;
  if (name.ends_with(".csv")) return InputKind::kCsv;
  if (name.ends_with(".tsv") || name.ends_with(".tab")) return InputKind::kTsv;
  return InputKind::kText;
}

InputKind KindOf(const std::string& file, const ReadOptions& options) {
  return options.kind != InputKind::kAuto ? options.kind : KindOfName(file);
}

char DelimiterOf(const ReadOptions& options, InputKind kind) {
  if (options.delimiter != '\0') return options.delimiter;
  return kind == InputKind::kTsv ? '\t' : ',';
}

DocumentReader::DocumentReader(std::vector<std::string> files, ReadOptions options)
    : files_(std::move(files)),
      options_(std::move(options)),
      records_(options_.text_field),
      settings_(options_.ignored_fields),
      lines_(options_.max_bytes),
      csv_(',', options_.max_bytes) {}

bool DocumentReader::Full(const std::vector<InputDocument>& window) const {
  return window.size() >= kWindowDocuments || window_bytes_ >= kWindowBytes;
}

// Whether the next document belongs to the shard; counts it.
bool DocumentReader::Mine() { return ordinal_++ % options_.shard.count == options_.shard.index; }

std::vector<std::string> DocumentReader::TakeNotes() { return std::exchange(notes_, {}); }

Result<void> DocumentReader::OpenNext() {
  const std::string& file = files_[next_file_++];
  kind_ = KindOf(file, options_);
  lines_ = LineSplitter(options_.max_bytes);
  csv_ = CsvSplitter(DelimiterOf(options_, kind_), options_.max_bytes);
  header_.clear();
  ids_.Clear();
  at_start_ = true;
  at_end_ = false;
  Result<InputStream> opened = InputStream::Open(file, options_.encoding);
  if (!opened.ok()) return opened.error();
  source_.emplace(*std::move(opened));
  return {};
}

void DocumentReader::CloseSource() {
  if (source_->Changed() && ++tally_.changed_files == 1) {
    notes_.push_back(
        fmt::format("{}: changed while it was read; what was found may be of both "
                    "states",
                    DisplayName(files_[next_file_ - 1])));
  }
  position_ += source_->position();
  source_.reset();
}

Result<void> DocumentReader::ReadWindow(std::vector<InputDocument>& window) {
  window.clear();
  window_bytes_ = 0;
  settings_.ForgetLists();
  while (true) {
    if (!source_ && next_file_ == files_.size()) return {};
    // A file of another shard need not even be opened.
    if (!source_ && KindOf(files_[next_file_], options_) == InputKind::kText && !Mine()) {
      ++next_file_;
      continue;
    }
    if (!source_) {
      if (Result<void> opened = OpenNext(); !opened.ok()) Lose(opened.error(), window);
      if (!source_) continue;
    }
    if (kind_ == InputKind::kCsv || kind_ == InputKind::kTsv) {
      TakeRecords(window);
    } else if (kind_ != InputKind::kText) {
      TakeLines(window);
    }
    if (!source_) continue;  // The header of CSV ended the file.
    if (Full(window)) return {};
    if (at_end_) {
      CloseSource();
      continue;
    }
    if (!window.empty() && !source_->Ready(kPatience)) return {};
    const Result<void> read = kind_ == InputKind::kText ? ReadText(window) : FeedLines();
    if (read.ok()) continue;
    if (read.error().code == Code::kCancelled) return window.empty() ? read : Result<void>();
    Lose(read.error(), window);
  }
}

// Goes on with the next file.
void DocumentReader::Lose(const Error& error, std::vector<InputDocument>& window) {
  InputDocument document;
  document.flaw = error.message;
  document.lost_file = true;
  // Of a text that is a file it was already asked whether it belongs to the shard.
  if (kind_ == InputKind::kText || Mine()) Add(std::move(document), window);
  if (source_) CloseSource();
}

Result<std::string_view> DocumentReader::ReadPiece() {
  Result<std::string_view> piece = source_->Read();
  if (!piece.ok() || !std::exchange(at_start_, false)) return piece;
  if (const std::optional<std::string> binary = DescribeBinary(*piece)) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{}: {}", DisplayName(files_[next_file_ - 1]), *binary)};
  }
  return piece;
}

void DocumentReader::Add(InputDocument document, std::vector<InputDocument>& window) {
  window_bytes_ += document.text.size() + document.json.size();
  document.file = next_file_ - 1;
  if (replaced_ || (source_ && source_->replaced() > 0 &&
                    document.text.find(kReplacement) != std::string::npos)) {
    NoteReplaced(document);
  }
  replaced_ = false;
  NoteRepeated(document);
  window.push_back(std::move(document));
}

void DocumentReader::NoteReplaced(const InputDocument& document) {
  if (++tally_.replaced_texts > 1) return;
  const std::string place = DisplayName(files_[document.file]);
  notes_.push_back(fmt::format(
      "{}{}: it has bytes that are not {}, which were replaced by U+FFFD, as those of later texts "
      "are; --encoding says what a file is written in",
      place, document.line == 0 ? std::string() : fmt::format(":{}", document.line),
      source_ && source_->replaced() > 0 ? "valid in its encoding" : "UTF-8"));
}

void DocumentReader::NoteRepeated(const InputDocument& document) {
  const auto id =
      std::find_if(document.fields.begin(), document.fields.end(),
                   [&](const JsonField& field) { return field.name == options_.id_field; });
  if (id == document.fields.end()) return;
  const std::string_view value = id->value.Of(document.json);
  const bool was_full = ids_.full();
  const bool repeats = ids_.Repeats(value);
  const std::string place = DisplayName(files_[document.file]);
  if (!was_full && ids_.full()) {
    notes_.push_back(fmt::format("{}:{}: ids from here on are not looked at: {} are remembered",
                                 place, document.line, SeenIds::kMost));
  }
  if (!repeats || ++tally_.repeated_ids > 1) return;
  notes_.push_back(fmt::format("{}:{}: its \"{}\" {} was there before; both are kept", place,
                               document.line, ShowControls(options_.id_field),
                               ShowControls(value.substr(0, 60))));
}

void DocumentReader::Replace(std::string& text) {
  replaced_ = ReplaceInvalidUtf8(text) > 0 || replaced_;
}

Result<void> DocumentReader::ReadText(std::vector<InputDocument>& window) {
  InputDocument document;
  while (document.text.size() <= options_.max_bytes + kByteOrderMark.size()) {
    const Result<std::string_view> piece = ReadPiece();
    if (!piece.ok()) return piece.error();
    if (piece->empty()) break;
    document.text.append(*piece);
  }
  at_end_ = true;
  if (document.text.starts_with(kByteOrderMark)) document.text.erase(0, kByteOrderMark.size());
  if (document.text.size() > options_.max_bytes) {
    document.flaw = DescribeTooLong("the file", options_) + "; with --lines each line is a text" +
                    (options_.budget_limits ? ", or raise --memory-budget" : "");
    document.text = {};
  }
  Replace(document.text);
  Add(std::move(document), window);
  return {};
}

InputDocument DocumentReader::ToDocument(const Line& line) {
  InputDocument document;
  document.line = line.number;
  document.line_end = line.end;
  if (line.too_long) {
    document.flaw = DescribeTooLong("the line", options_);
  } else if (kind_ == InputKind::kLines) {
    document.text = line.bytes;
    Replace(document.text);
  } else if (IsBlank(line.bytes)) {
    document.blank = true;
  } else {
    document.json = line.bytes;
    Replace(document.json);
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

InputDocument DocumentReader::ToDocument(CsvRecord& record) {
  InputDocument document;
  document.line = record.line;
  document.flaw = std::move(record.flaw);
  if (!document.flaw && record.fields.size() != header_.size()) {
    document.flaw = fmt::format("it has {} fields, and the header has {}", record.fields.size(),
                                header_.size());
  }
  if (document.flaw) return document;
  for (std::string& field : record.fields) Replace(field);
  document.json = ToJson(header_, record.fields, document.fields);
  const auto column = std::find(header_.begin(), header_.end(), options_.text_field);
  document.text = std::move(record.fields[static_cast<size_t>(column - header_.begin())]);
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
  while (!Full(window) && lines_.Next(line)) {
    if (Mine()) Add(ToDocument(line), window);
  }
}

// Ends the file where the header does not name the text's column once.
void DocumentReader::TakeHeader(CsvRecord record, std::vector<InputDocument>& window) {
  for (std::string& name : record.fields) ReplaceInvalidUtf8(name);
  const auto named = std::count(record.fields.begin(), record.fields.end(), options_.text_field);
  header_ = std::move(record.fields);
  if (named == 1) return;
  std::string names;
  for (const std::string& name : header_) {
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", ShowControls(name));
  }
  std::string flaw = record.flaw.value_or(
      fmt::format("its header has {} column \"{}\" (it has {}); name the text's with --text-field",
                  named == 0 ? "no" : "more than one", options_.text_field, names));
  Lose({Code::kInvalidArgument,
        fmt::format("{}: {}", DisplayName(files_[next_file_ - 1]), std::move(flaw))},
       window);
}

void DocumentReader::TakeRecords(std::vector<InputDocument>& window) {
  CsvRecord record;
  while (source_ && !Full(window) && csv_.Next(record)) {
    if (header_.empty()) {
      TakeHeader(std::move(record), window);
    } else if (Mine()) {
      Add(ToDocument(record), window);
    }
  }
}

Result<void> DocumentReader::FeedLines() {
  const Result<std::string_view> piece = ReadPiece();
  if (!piece.ok()) return piece.error();
  if (kind_ == InputKind::kCsv || kind_ == InputKind::kTsv) {
    csv_.Feed(*piece);
  } else {
    lines_.Feed(*piece);
  }
  at_end_ = piece->empty();
  return {};
}

}  // namespace waterline::cli
