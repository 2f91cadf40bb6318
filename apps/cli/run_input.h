// The input of a run as the engine is given it. `extract` and `plan` read through this, so that
// what is planned is what runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "document_reader.h"
#include "input_document.h"
#include "run_arguments.h"
#include "waterline/engine.h"

namespace waterline::cli {

struct RunInput {
  std::vector<std::string> files;  // At least one; "-" is standard input.
  std::vector<Label> labels;       // May be empty where lines of JSONL may have their own.
  std::vector<std::string> relations;
  std::vector<Error> unreadable;        // Directories that were to be walked.
  std::optional<LabelVectors> vectors;  // Once they are loaded or made.
};

// Warns of names that were given twice; `what` says of what they are.
void WarnOfDuplicates(std::string_view what, const std::vector<std::string>& names);

// Reads labels and relations, and looks whether every file can be read (none: standard input)
// before any work. Prints what is wrong, and then returns nothing. Prints warnings too, unless
// `quiet`.
std::optional<RunInput> PrepareInput(const RunArguments& arguments, bool quiet);

// The options of a call. Views of `input`.
ExtractOptions OptionsOf(const RunArguments& arguments, const RunInput& input);

// The documents of all files in windows; the texts of one window are one call of the engine. Holds
// one window and one text, whatever the length of the input.
class InputWindows {
 public:
  // `memory_budget` is what the engine has: EngineStats::memory_budget.
  InputWindows(const RunArguments& arguments, const RunInput& input, size_t memory_budget);

  // Goes on to the next window; false: there is none. Ends the life of what the others returned.
  // Errors: kCancelled  the program was asked to stop while it waited for input.
  Result<bool> Next();

  // Goes past the next `count` documents, which become no windows, and begins the next window
  // behind them. To be called before Next. Errors: as Next; kInvalidArgument  there are fewer, or
  // they are not those whose digest() was `digest`.
  Result<void> Skip(int64_t count, uint32_t digest);

  // Of all documents so far, those of the window included: a CRC-32 of their places and bytes.
  uint32_t digest() const { return digest_; }

  DocumentReader& reader() { return reader_; }

  const std::vector<InputDocument>& documents() const { return documents_; }
  // What the engine is given: the documents that are neither flawed nor blank, with their settings.
  std::span<const Document> texts() const { return texts_; }
  // The index in documents() of texts()[text].
  size_t DocumentOf(size_t text) const { return places_[text]; }
  // Why documents()[index] is refused without asking the engine, if it is.
  std::optional<Error> FlawOf(size_t index) const;

 private:
  Result<bool> Read();
  void Digest(const InputDocument& document);
  void FillTexts();

  DocumentReader reader_;
  uint32_t digest_ = 0;
  bool ready_ = false;  // documents_ holds what Skip left of a window.
  bool has_labels_;     // The run has.
  std::vector<InputDocument> documents_;
  std::vector<Document> texts_;
  std::vector<size_t> places_;
};

}  // namespace waterline::cli
