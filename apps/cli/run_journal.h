// How far a run of `extract` or `redact` has come, in a small file beside its output, so that
// --resume goes on from there, whatever ended the process. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "output_file.h"
#include "run_report.h"
#include "waterline/result.h"

namespace waterline::cli {

// What decides about the output besides the texts, by name: labels, model, format, ...
using RunSettings = std::map<std::string, std::string>;

// How far an output is.
struct OutputPosition {
  OutputMark text;     // Of the output itself; of one with many files, of the last of them,
  size_t file = 0;     // which is that of this file of the input.
  OutputMark mapping;  // Of the file of `redact --mapping`.
  std::map<std::string, int64_t> counts;  // What the output counts, by its own names.
};

struct RunPosition {
  int64_t documents = 0;      // Of the input that are done; blank and refused ones included.
  uint32_t input_digest = 0;  // InputWindows::digest() behind them.
  OutputPosition output;
  OutputMark errors;  // Of the file of --errors.
  RunTotals totals;   // Counts alone; times begin anew.
};

// The file PATH.partial.json, for an output PATH; complete or not there at any moment.
class RunJournal {
 public:
  // `output` is the path of the output.
  RunJournal(const std::string& output, RunSettings settings);

  // How far an earlier process came; empty: there is none. Errors: kIo; kInvalidArgument  the file
  // is broken, or of a run with other settings; names those that differ.
  Result<std::optional<RunPosition>> Read() const;

  // Whether there is a file, and of how many documents; without regard to settings.
  std::optional<int64_t> Documents() const;

  // Writes it anew. Errors: kIo.
  Result<void> Write(const RunPosition& position) const;

  // The run is over.
  void Remove() const;

 private:
  std::string path_;
  RunSettings settings_;
};

}  // namespace waterline::cli
