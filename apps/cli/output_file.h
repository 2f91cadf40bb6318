// Where the output goes: standard output, or a file that appears whole or not at all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

// What was written so far.
struct OutputMark {
  uint64_t bytes = 0;
  uint32_t crc = 0;  // CRC-32 of them.
};

// Movable. A file that was not committed is removed when this goes, unless it is kept.
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

  // The same, but what is written is PartialOf(path), always of this name, so that a later process
  // can go on with it; what it holds stays until Rewind or Write. Errors: kIo  the system refused;
  // kInvalidArgument  another process writes it.
  static Result<OutputFile> OpenResumable(const std::string& path);
  // A regular file that is written under its own name, for directories that appear as a whole; what
  // it holds stays until Rewind. Errors: kIo.
  static Result<OutputFile> OpenInPlace(const std::string& path);
  // Where links lead, with ".partial" behind.
  static std::string PartialOf(const std::string& path);

  // Whether there is a partial file of a fixed name: `path` is no device, pipe or standard output.
  bool resumable() const { return resumable_; }

  // Goes back to `mark`, which this or an earlier process took; the rest is dropped. Where that
  // process brought the file under its name and no further, what it holds is taken from there. Of
  // resumable files. Errors: kIo; kInvalidArgument  the file does not begin with what was written
  // then.
  Result<void> Rewind(const OutputMark& mark);
  const OutputMark& mark() const { return mark_; }

  // The partial file stays when this goes.
  void Keep() { kept_ = true; }

  // Nobody but its owner may read it. Errors: kIo.
  Result<void> MakePrivate();

  // Writes all of `bytes`. Errors: kIo; reader_gone() says whether it was a closed pipe.
  Result<void> Write(std::string_view bytes);

  // Brings what was written under its name. Nothing may be written afterwards. Errors: kIo.
  Result<void> Commit();

  bool reader_gone() const { return reader_gone_; }

 private:
  OutputFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

  static Result<OutputFile> OpenAs(const std::string& path, bool resumable);
  Result<void> OpenPartial();
  Result<OutputMark> ReadUpTo(const OutputMark& mark);
  Result<void> TakeBack(const OutputMark& mark);
  Error Failed(int error) const;

  int descriptor_ = -1;
  std::string name_;     // In messages, and under which the file appears.
  std::string partial_;  // What is written until then; "" where that is `name_` itself.
  OutputMark mark_;
  bool reader_gone_ = false;
  bool resumable_ = false;
  bool kept_ = false;
};

}  // namespace waterline::cli
