// gzip and zstd, told by a file's first bytes and not by its name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

enum class Compression { kUnknown, kNone, kGzip, kZstd };

// What the first bytes of a file say. kUnknown: they may be the beginning of both, and more are
// needed; four always do, and at the end of the file kUnknown is kNone.
Compression DetectCompression(std::string_view head);

// Turns compressed bytes into what they hold, piece by piece. Members and frames that follow each
// other are one stream. Holds the window of the format: 32 KiB of gzip; of zstd what the frame asks
// for, 8 MiB at most levels and never more than 128 MiB.
class Decompressor {
 public:
  // `compression` is kGzip or kZstd. Errors: kIo  the system refused memory.
  static Result<Decompressor> Open(Compression compression);

  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;
  ~Decompressor();

  // Takes from the front of `bytes` and writes up to `size` to `out`; returns how many. 0: it needs
  // more bytes. Errors: kInvalidArgument  the bytes are broken; the message continues a sentence
  // about the file.
  Result<size_t> Read(std::string_view& bytes, char* out, size_t size);

  // Whether the bytes may end here. Errors: kInvalidArgument  they end too early.
  Result<void> End() const;

 private:
  struct State;
  explicit Decompressor(std::unique_ptr<State> state);
  Result<size_t> ReadGzip(std::string_view& bytes, char* out, size_t size);
  Result<size_t> ReadZstd(std::string_view& bytes, char* out, size_t size);

  std::unique_ptr<State> state_;
};

}  // namespace waterline::cli
