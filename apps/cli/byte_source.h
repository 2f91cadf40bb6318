// Bytes of a file, a pipe or standard input, as they come.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
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

  // Reads up to `size` bytes; blocks until there is one. 0: the end. Errors: kIo; kCancelled  while
  // it waited, somebody asked the program to stop (interruption.h).
  Result<size_t> Read(char* bytes, size_t size);

  // Bytes that were read.
  uint64_t position() const { return position_; }

  // Whether a regular file has another size or time of change than when it was opened.
  bool Changed() const;

  // Whether Read would return at once, or does within `patience`. Always true for files on disk.
  bool Ready(std::chrono::milliseconds patience) const;

 private:
  // What tells one state of a file from another.
  struct Stamp {
    int64_t size = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };

  ByteSource(int descriptor, std::string path);
  Stamp Look() const;

  int descriptor_ = -1;
  std::string path_;
  bool regular_ = false;
  Stamp opened_;
  uint64_t position_ = 0;
};

// All of `path`. Errors: those of Open and Read; kInvalidArgument  more than `max_bytes`.
Result<std::string> ReadAll(const std::string& path, size_t max_bytes);

}  // namespace waterline::cli
