// SPDX-License-Identifier: Apache-2.0
#include "extraction_output.h"

#include <utility>

namespace waterline::cli {

Result<ExtractionOutput> ExtractionOutput::Open(const std::string& path, OutputFormat format) {
  ExtractionOutput output;
  if (format == OutputFormat::kBrat) {
    if (path.empty() || path == "-") {
      return Error{Code::kInvalidArgument,
                   "--format brat writes a directory: name it with --output"};
    }
    Result<BratFolder> folder = BratFolder::Open(path);
    if (!folder.ok()) return folder.error();
    output.folder_ = *std::move(folder);
  } else {
    Result<OutputFile> file = OutputFile::OpenResumable(path);
    if (!file.ok()) return file.error();
    output.file_.emplace(*std::move(file));
  }
  return output;
}

ExtractionOutput::~ExtractionOutput() {
  if (folder_ && !kept_) folder_->Discard();
}

Result<void> ExtractionOutput::Begin(const FormatOptions& options,
                                     const std::optional<OutputMark>& mark) {
  if (!file_) return {};
  if (mark) return file_->Rewind(*mark);
  if (file_->resumable()) {
    if (Result<void> emptied = file_->Rewind({}); !emptied.ok()) return emptied;
  }
  FormatStart(options, buffer_);
  return Flush();
}

Result<void> ExtractionOutput::Add(const FormatOptions& options, const InputDocument& document,
                                   const Extraction& extraction) {
  if (folder_) return folder_->Write(options, document, extraction);
  FormatDocument(options, document, extraction, buffer_);
  return {};
}

Result<void> ExtractionOutput::Flush() {
  if (!file_) return {};
  const Result<void> written = file_->Write(buffer_);
  buffer_.clear();
  return written;
}

Result<void> ExtractionOutput::Commit(const FormatOptions& options) {
  if (folder_) {
    const Result<void> committed = folder_->Commit(options);
    kept_ = kept_ || committed.ok();
    return committed;
  }
  FormatEnd(options, buffer_);
  const Result<void> written = Flush();
  return written.ok() ? file_->Commit() : written;
}

void ExtractionOutput::Keep() {
  kept_ = true;
  if (file_) file_->Keep();
}

}  // namespace waterline::cli
