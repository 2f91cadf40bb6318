// A file that is written from its start to its end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

#include "waterline/result.h"

namespace waterline {

// Owns one descriptor. Movable. One thread at a time. The file stays when it is not closed, with
// what was written so far.
class NewFile {
 public:
  // Makes `path`, which must not be there yet. Errors: kIo  with the system's reason.
  static Result<NewFile> Make(const std::filesystem::path& path);

  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&& other) noexcept;
  ~NewFile();

  // Appends all of `bytes`. Errors: kIo  with the system's reason (no space left, ...).
  Result<void> Write(std::span<const std::byte> bytes);
  // Brings everything to the disk and ends writing. Errors: kIo.
  Result<void> Close();

 private:
  NewFile(std::filesystem::path path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor) {}

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace waterline
