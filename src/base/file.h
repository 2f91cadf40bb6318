// A file that is read at given places. Nothing is mapped: what was read is the caller's memory, and
// a file that is cut while it is open is an error instead of a signal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory_resource>
#include <span>
#include <string>
#include <utility>

#include "waterline/result.h"

namespace waterline {

// Owns one read-only descriptor. Movable. Reading is safe from any thread.
class File {
 public:
  // Errors: kNotFound  no such file.
  //         kIo        a directory, or not readable; with the system's reason.
  static Result<File> Open(const std::filesystem::path& path);

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }  // When it was opened.

  // Fills `to` with the bytes from `offset` on. Allocates nothing when it succeeds.
  // Errors: kIo  the system's reason, or that the file ends before.
  Result<void> ReadAt(uint64_t offset, std::span<std::byte> to) const;

  // All of it. Throws what `memory` throws. Errors: as ReadAt.
  Result<std::pmr::string> ReadAll(std::pmr::memory_resource* memory) const;

 private:
  File(std::filesystem::path path, int descriptor, uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace waterline
