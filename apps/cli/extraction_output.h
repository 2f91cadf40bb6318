// Where what was found goes: one stream in the format that was asked for, or brat's directory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "brat_format.h"
#include "extraction_format.h"
#include "output_file.h"
#include "text_run.h"
#include "waterline/result.h"

namespace waterline::cli {

class ExtractionOutput : public TextOutput {
 public:
  // Opens `path`; "" is standard output. Of `options` what belongs to the input comes with Begin.
  // `unfinished` is of OutputFolder::Open.
  // Errors: those of OutputFile::OpenResumable and BratFolder::Open; kInvalidArgument  brat
  // without a path.
  static Result<std::unique_ptr<TextOutput>> Open(const std::string& path, FormatOptions options,
                                                  bool unfinished);

  RunSettings Settings() const override;
  Result<void> Begin(const RunInput& input, const std::optional<OutputPosition>& before) override;
  Result<void> Add(const InputDocument& document, const Extraction& extraction) override;
  Result<void> Flush() override;
  std::vector<std::string> TakeWarnings() override;
  Result<void> Commit() override;
  void Keep() override;
  bool resumable() const override { return folder_ || file_->resumable(); }
  OutputPosition position() const override;
  bool reader_gone() const override { return file_ && file_->reader_gone(); }

 private:
  explicit ExtractionOutput(FormatOptions options) : options_(std::move(options)) {}

  void WarnOfRelations(const InputDocument& document, const Extraction& extraction);

  FormatOptions options_;
  std::optional<OutputFile> file_;
  std::optional<BratFolder> folder_;
  std::string buffer_;   // Formatted, not written yet.
  bool warned_ = false;  // That the format lacks relations.
  std::vector<std::string> warnings_;
};

}  // namespace waterline::cli
