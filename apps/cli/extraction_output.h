// Where what was found goes: one stream in the format that was asked for, or brat's directory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "brat_format.h"
#include "extraction_format.h"
#include "output_file.h"
#include "waterline/result.h"

namespace waterline::cli {

// Movable. What was not committed is removed when this goes, unless it is kept.
class ExtractionOutput {
 public:
  // Opens `path`; "" is standard output. Errors: those of OutputFile::OpenResumable and
  // BratFolder::Open; kInvalidArgument  brat without a path.
  static Result<ExtractionOutput> Open(const std::string& path, OutputFormat format);

  ExtractionOutput(ExtractionOutput&&) noexcept = default;
  ExtractionOutput& operator=(ExtractionOutput&&) = delete;
  ~ExtractionOutput();

  // Begins the output, or goes on from `mark`, where an earlier process stood. Errors: as
  // OutputFile::Rewind.
  Result<void> Begin(const FormatOptions& options, const std::optional<OutputMark>& mark);

  // Adds one document; Flush writes it. Errors: kIo.
  Result<void> Add(const FormatOptions& options, const InputDocument& document,
                   const Extraction& extraction);
  Result<void> Flush();

  // Ends the output and brings it under its name. Errors: kIo.
  Result<void> Commit(const FormatOptions& options);

  // What was written so far stays when this goes.
  void Keep();

  // Whether a later process can go on with it.
  bool resumable() const { return folder_ || file_->resumable(); }
  OutputMark mark() const { return file_ ? file_->mark() : OutputMark(); }
  bool reader_gone() const { return file_ && file_->reader_gone(); }

 private:
  ExtractionOutput() = default;

  std::optional<OutputFile> file_;
  std::optional<BratFolder> folder_;
  std::string buffer_;  // Formatted, not written yet.
  bool kept_ = false;
};

}  // namespace waterline::cli
