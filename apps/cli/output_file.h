// Where the output goes: standard output, or a file that appears whole or not at all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

// Movable. A file that was not committed is removed when this goes.
class OutputFile {
 public:
  // Opens `path`; "" or "-" is standard output. A regular file is written as `path`.partial-XXXXXX
  // beside it until Commit; its permissions are those of the file that it replaces. Links are
  // followed. Devices and pipes are written directly.
  // Errors: kIo  the system refused.
  static Result<OutputFile> Open(const std::string& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  // Writes all of `bytes`. Errors: kIo; reader_gone() says whether it was a closed pipe.
  Result<void> Write(std::string_view bytes);

  // Brings what was written under its name. Nothing may be written afterwards. Errors: kIo.
  Result<void> Commit();

  bool reader_gone() const { return reader_gone_; }

 private:
  OutputFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

  Error Failed(int error) const;
  void Close();

  int descriptor_ = -1;
  std::string name_;     // In messages, and under which the file appears.
  std::string partial_;  // What is written until then; "" where that is `name_` itself.
  bool reader_gone_ = false;
};

}  // namespace waterline::cli
