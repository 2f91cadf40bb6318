// Bytes of a file, a pipe or standard input, as they come.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "waterline/result.h"

namespace waterline::cli {

// The name of a path in messages: "standard input" for "-".
std::string DisplayName(const std::string& path);

// Whether ByteSource::Open(path) would work, without opening it: that would wait for the writer of
// a named pipe. Errors: as there.
Result<void> CheckReadable(const std::string& path);

// An open file. Movable; closes it, except standard input.
class ByteSource {
 public:
  // Opens `path`; "-" is standard input.
  // Errors: kNotFound  there is no such file.  kIo  a directory, or the system refused.
  static Result<ByteSource> Open(const std::string& path);

  ByteSource(ByteSource&& other) noexcept;
  ByteSource& operator=(ByteSource&& other) noexcept;
  ~ByteSource();

  // Reads up to `size` bytes; blocks until there is one. 0: the end. Errors: kIo.
  Result<size_t> Read(char* bytes, size_t size);

  // Whether Read would return at once, or does within `patience`. Always true for files on disk.
  bool Ready(std::chrono::milliseconds patience) const;

 private:
  ByteSource(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_ = -1;
  std::string path_;
};

// All of `path`. Errors: those of Open and Read; kInvalidArgument  more than `max_bytes`.
Result<std::string> ReadAll(const std::string& path, size_t max_bytes);

}  // namespace waterline::cli
