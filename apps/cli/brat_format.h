// Entities as standoff annotations of brat: a directory with NAME.txt and NAME.ann for each text.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "extraction_format.h"
#include "output_folder.h"
#include "waterline/result.h"

namespace waterline::cli {

// The lines of a .ann file: "T1\tperson 0 12\tBarack Obama", a note with each score, a line a
// relation. Offsets count code points; an entity over several lines has a part on each, as brat
// asks.
std::string FormatBrat(const FormatOptions& options, const InputDocument& document,
                       const Extraction& extraction);

// `annotation.conf`: the labels and relations of the run.
std::string FormatBratConfiguration(const FormatOptions& options);

// The directory, as OutputFolder has it. Movable.
class BratFolder {
 public:
  // Errors: those of OutputFolder::Open.
  static Result<BratFolder> Open(const std::string& path, bool unfinished = false);

  // Removes the files of an earlier run. Errors: kIo.
  Result<void> Clear() { return folder_.Clear(); }

  // Writes the files of one document, over those of an earlier run; blank and refused ones have
  // none. Errors: kIo.
  Result<void> Write(const FormatOptions& options, const InputDocument& document,
                     const Extraction& extraction);

  // Brings the directory under its name. Errors: kIo.
  Result<void> Commit(const FormatOptions& options);

  // It stays as it is when this goes.
  void Keep() { folder_.Keep(); }

 private:
  explicit BratFolder(OutputFolder folder) : folder_(std::move(folder)) {}
  std::string NameOf(const FormatOptions& options, const InputDocument& document);
  Result<void> WriteFile(const std::string& name, const std::string& bytes) const;

  OutputFolder folder_;
  std::vector<std::string> names_;  // Of the files of the input.
};

}  // namespace waterline::cli
