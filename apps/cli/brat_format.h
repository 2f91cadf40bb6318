// Entities as standoff annotations of brat: a directory with NAME.txt and NAME.ann for each text.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "extraction_format.h"
#include "waterline/result.h"

namespace waterline::cli {

// The lines of a .ann file: "T1\tperson 0 12\tBarack Obama", a note with each score, a line a
// relation. Offsets count code points; an entity over several lines has a part on each, as brat
// asks.
std::string FormatBrat(const FormatOptions& options, const InputDocument& document,
                       const Extraction& extraction);

// `annotation.conf`: the labels and relations of the run.
std::string FormatBratConfiguration(const FormatOptions& options);

// The directory. It is PATH.partial until Commit, and locked as long as this is there. Movable.
class BratFolder {
 public:
  // Goes on with what an earlier process left in PATH.partial; Clear drops it.
  // Errors: kIo  `path` is there and not an empty directory, or the system refused.
  // kInvalidArgument  another process writes it.
  static Result<BratFolder> Open(const std::string& path);

  BratFolder(BratFolder&& other) noexcept;
  BratFolder& operator=(BratFolder&& other) noexcept;
  ~BratFolder();

  // Removes the files of an earlier run. Errors: kIo.
  Result<void> Clear();

  // Writes the files of one document, over those of an earlier run; blank and refused ones have
  // none. Errors: kIo.
  Result<void> Write(const FormatOptions& options, const InputDocument& document,
                     const Extraction& extraction);

  // Brings the directory under its name. Errors: kIo.
  Result<void> Commit(const FormatOptions& options);

  // Removes what there is of it.
  void Discard();

  const std::string& partial() const { return partial_; }

 private:
  explicit BratFolder(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {}
  Result<void> Lock();
  std::string NameOf(const FormatOptions& options, const InputDocument& document);
  Result<void> WriteFile(const std::string& name, const std::string& bytes) const;

  std::string path_;
  std::string partial_;
  int descriptor_ = -1;             // Of the directory; holds the lock.
  std::vector<std::string> names_;  // Of the files of the input.
};

}  // namespace waterline::cli
