// The output of `redact`: texts without what was found in them, what is needed to put it back, and
// an account of it. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "copy_output.h"
#include "output_file.h"
#include "redact_arguments.h"
#include "redaction/patterns.h"
#include "redaction/redaction.h"
#include "redaction/rules.h"
#include "redaction_format.h"
#include "text_run.h"

namespace waterline::cli {

class RedactionOutput : public TextOutput {
 public:
  // Opens the files that `arguments` name, for a run over `files`; `key` is the content of that of
  // --key. Errors: those of PatternSet::Compile, CopyOutput::Open and OutputFile.
  static Result<std::unique_ptr<TextOutput>> Open(const RedactArguments& arguments,
                                                  redaction::Rules rules, std::string key,
                                                  const std::vector<std::string>& files);

  RunSettings Settings() const override;
  Result<void> Begin(const RunInput& input, const std::optional<OutputPosition>& before) override;
  void Complete(const InputDocument& document, Extraction& extraction) override;
  Result<void> Add(const InputDocument& document, const Extraction& extraction) override;
  Result<void> Flush() override;
  Result<void> Commit() override;
  void Keep() override;
  bool resumable() const override;
  OutputPosition position() const override;
  bool reader_gone() const override;
  std::vector<std::string> ClosingNotes() const override;

 private:
  RedactionOutput(const RedactArguments& arguments, redaction::Rules rules, std::string key,
                  redaction::PatternSet patterns);
  Result<void> AddRefused(const InputDocument& document, const Error& error);
  Result<void> AddRedacted(const InputDocument& document, const TextFindings& found);
  void Count(const redaction::RedactedText& made, const TextFindings& found);
  std::string NameOf(const InputDocument& document) const;
  std::map<std::string, int64_t> CountLabels() const;
  std::string FormatReport() const;

  const RedactArguments& arguments_;
  redaction::Rules rules_;
  std::string key_;
  redaction::PatternSet patterns_;
  redaction::ReplacementOptions replacement_;
  std::vector<std::string> files_;
  std::vector<Label> labels_;
  std::optional<CopyOutput> copy_;
  std::optional<OutputFile> lines_;  // Of --format jsonl, instead of copy_.
  std::optional<OutputFile> mapping_;
  std::optional<OutputFile> report_;
  std::string buffer_;          // For lines_, not written yet.
  std::string mapping_buffer_;  // For mapping_.
  // Of the documents that were completed and not added yet.
  std::deque<std::vector<redaction::PatternMatch>> matches_;
  // "texts", "refused", "redacted"; "model LABEL" and "pattern NAME".
  std::map<std::string, int64_t> counts_;
};

}  // namespace waterline::cli
