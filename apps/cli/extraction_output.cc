// SPDX-License-Identifier: Apache-2.0
#include "extraction_output.h"

#include <fmt/format.h>

#include <utility>

namespace waterline::cli {

Result<std::unique_ptr<TextOutput>> ExtractionOutput::Open(const std::string& path,
                                                           FormatOptions options, bool unfinished) {
  const OutputFormat format = options.format;
  std::unique_ptr<ExtractionOutput> output(new ExtractionOutput(std::move(options)));
  if (format == OutputFormat::kBrat) {
    if (path.empty() || path == "-") {
      return Error{Code::kInvalidArgument,
                   "--format brat writes a directory: name it with --output"};
    }
    Result<BratFolder> folder = BratFolder::Open(path, unfinished);
    if (!folder.ok()) return folder.error();
    output->folder_.emplace(*std::move(folder));
  } else {
    Result<OutputFile> file = OutputFile::OpenResumable(path);
    if (!file.ok()) return file.error();
    output->file_.emplace(*std::move(file));
  }
  return std::unique_ptr<TextOutput>(std::move(output));
}

RunSettings ExtractionOutput::Settings() const {
  return {{"--format", fmt::format("{}", static_cast<int>(options_.format))}};
}

Result<void> ExtractionOutput::Begin(const RunInput& input,
                                     const std::optional<OutputPosition>& before) {
  options_.files = input.files;
  options_.labels = input.labels;
  options_.relations = input.relations;
  if (folder_) return before ? Result<void>() : folder_->Clear();
  if (before) return file_->Rewind(before->text);
  if (file_->resumable()) {
    if (Result<void> emptied = file_->Rewind({}); !emptied.ok()) return emptied;
  }
  FormatStart(options_, buffer_);
  return Flush();
}

void ExtractionOutput::WarnOfRelations(const InputDocument& document,
                                       const Extraction& extraction) {
  if (warned_ || extraction.relations.empty()) return;
  const OutputFormat format = options_.format;
  const bool words = format == OutputFormat::kConll || format == OutputFormat::kSpacy ||
                     format == OutputFormat::kProdigy;
  if (!words && !(format == OutputFormat::kCsv && options_.relations.empty())) return;
  warned_ = true;
  warnings_.push_back(fmt::format(
      "{}: its relations are left out, as those of later texts are: {}",
      DocumentPlace(options_.files, document),
      words ? "this format has none" : "CSV has columns for relations only with --relations"));
}

Result<void> ExtractionOutput::Add(const InputDocument& document, const Extraction& extraction) {
  WarnOfRelations(document, extraction);
  if (folder_) return folder_->Write(options_, document, extraction);
  FormatDocument(options_, document, extraction, buffer_);
  return {};
}

Result<void> ExtractionOutput::Flush() {
  if (!file_) return {};
  const Result<void> written = file_->Write(buffer_);
  buffer_.clear();
  return written;
}

std::vector<std::string> ExtractionOutput::TakeWarnings() { return std::exchange(warnings_, {}); }

Result<void> ExtractionOutput::Commit() {
  if (folder_) return folder_->Commit(options_);
  FormatEnd(options_, buffer_);
  const Result<void> written = Flush();
  return written.ok() ? file_->Commit() : written;
}

void ExtractionOutput::Keep() {
  if (folder_) folder_->Keep();
  if (file_) file_->Keep();
}

OutputPosition ExtractionOutput::position() const {
  OutputPosition position;
  if (file_) position.text = file_->mark();
  return position;
}

}  // namespace waterline::cli
