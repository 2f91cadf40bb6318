// A whole file mapped read-only into memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "waterline/result.h"

namespace waterline {

// Owns one read-only mapping; pages are read on first touch and shared with the page cache.
// Movable; views into bytes() stay valid when the object moves, until it is destroyed.
class MappedFile {
 public:
  // Maps `path`. An empty file gives an empty mapping.
  // Errors: kNotFound  no such file.
  //         kIo        a directory, or not readable; with the system's reason.
  static Result<MappedFile> Open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Bytes of the mapping that are resident in memory now (page granular). 0 when unknown.
  size_t ResidentBytes() const;

  // Tells the system that [offset, offset + size) will not be read again soon: the pages leave the
  // resident set of the process and stay in the page cache.
  void DropPages(size_t offset, size_t size) const;

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace waterline
