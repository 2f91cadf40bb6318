// One run over the texts of the input, from labels to closing lines: a window at a time through the
// engine and to the output, with progress, a journal that an interrupted run is gone on from, and
// an account of what went wrong. `extract` and `redact` are this with an output each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "input_document.h"
#include "run_input.h"
#include "run_journal.h"
#include "text_run_arguments.h"
#include "waterline/engine.h"

namespace waterline::cli {

// Where what was found goes. Used by one thread. What was not committed is removed when it goes,
// unless it is kept.
class TextOutput {
 public:
  virtual ~TextOutput() = default;

  // What decides about the output besides the texts and what TextRunArguments say.
  virtual RunSettings Settings() const = 0;

  // Begins the output for `input`, or goes on from `before`, where an earlier process stood. Called
  // once, before all that follows. Errors: as OutputFile::Rewind.
  virtual Result<void> Begin(const RunInput& input,
                             const std::optional<OutputPosition>& before) = 0;

  // Looks at what the engine found in a text, adds to it, or refuses the text.
  virtual void Complete(const InputDocument& /*document*/, Extraction& /*extraction*/) {}

  // Adds one document, refused and blank ones too; Flush writes it. Errors: kIo.
  virtual Result<void> Add(const InputDocument& document, const Extraction& extraction) = 0;
  virtual Result<void> Flush() = 0;

  // What there is to say about the documents so far; each is returned once.
  virtual std::vector<std::string> TakeWarnings() { return {}; }

  // Ends the output and brings it under its name. Errors: kIo.
  virtual Result<void> Commit() = 0;

  // What was written so far stays when this goes.
  virtual void Keep() = 0;

  // Whether a later process can go on with it, and from where.
  virtual bool resumable() const = 0;
  virtual OutputPosition position() const = 0;
  virtual bool reader_gone() const = 0;

  // Lines that end a run, each without its line end.
  virtual std::vector<std::string> ClosingNotes() const { return {}; }
};

// Whether an interrupted run left work that neither --resume nor --restart speaks of; says so.
bool WouldLoseWork(const TextRunArguments& arguments);

// Whether this run goes on with one that left a journal.
bool LeftUnfinished(const TextRunArguments& arguments);

// What does not go together in what both commands have, if anything.
std::optional<std::string> FindRunContradiction(const TextRunArguments& arguments);

// Does the run, and returns the exit status. `start` is when the program began.
int RunTexts(const TextRunArguments& arguments, RunInput input, std::unique_ptr<TextOutput> output,
             std::chrono::steady_clock::time_point start);

}  // namespace waterline::cli
