// A directory of output that appears whole or not at all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "waterline/result.h"

namespace waterline::cli {

// It is PATH.partial until Commit, and locked, so that one run at a time writes it. What an earlier
// process left there stays. Movable; what was not committed is removed when this goes, unless it is
// kept.
class OutputFolder {
 public:
  // `unfinished`: where `path` is there, a process that ended brought it under its name and no
  // further, and it becomes PATH.partial again. Errors: kIo  `path` is there and not an empty
  // directory, or the system refused; kInvalidArgument  another run writes it.
  static Result<OutputFolder> Open(const std::string& path, bool unfinished = false);

  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder();

  // Removes what an earlier process left. Errors: kIo.
  Result<void> Clear();

  // Where files are written until then.
  const std::string& partial() const { return partial_; }

  // Brings the directory under its name. Errors: kIo.
  Result<void> Commit();

  void Keep() { kept_ = true; }

 private:
  explicit OutputFolder(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {}
  Result<void> Lock();

  std::string path_;
  std::string partial_;
  int lock_ = -1;  // Of the directory.
  bool kept_ = false;
};

}  // namespace waterline::cli
