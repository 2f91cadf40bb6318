// gzip, zlib and zstd data, of files and of HTTP bodies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

enum class Compression { kUnknown, kNone, kGzip, kZlib, kZstd };

// What the first bytes of a file say, of kNone, kGzip and kZstd. kUnknown: they may be the
// beginning of both, and more are needed; four always do, and at the end of the file kUnknown is
// kNone.
Compression DetectCompression(std::string_view head);

struct DecompressorOptions {
  // zstd frames with a window above 2^this bytes are refused. 27 is what `zstd --long` takes.
  int zstd_window_log = 27;
  // Whether zeros may stand behind the last gzip member, as tapes have them.
  bool zero_padding = false;
  // Whether gzip's header and zlib's pass for each other: clients of HTTP confuse the two.
  bool either_header = false;
};

// Turns compressed bytes into what they hold, piece by piece. Members and frames that follow each
// other are one stream. Holds the window of the format: 32 KiB of gzip and zlib; of zstd what the
// frame asks for, 8 MiB at most levels. What the bytes hold is as long as the caller goes on.
class Decompressor {
 public:
  // `compression` is kGzip, kZlib or kZstd. Errors: kIo  the system refused memory.
  static Result<Decompressor> Open(Compression compression,
                                   const DecompressorOptions& options = {});

  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;
  ~Decompressor();

  // Takes from the front of `bytes` and writes up to `size` (1 or more) to `out`; returns how many.
  // 0: it has used them up and needs more. Errors: kInvalidArgument  the bytes are broken; kIo  the
  // system refused memory. Messages are about the data, to stand behind "its" or "the file's".
  Result<size_t> Read(std::string_view& bytes, char* out, size_t size);

  // Whether the bytes may end here, once Read has returned 0. Errors: kInvalidArgument  they end
  // too early, or there were none; as above.
  Result<void> End() const;

 private:
  struct State;
  explicit Decompressor(std::unique_ptr<State> state);
  Result<size_t> ReadDeflate(std::string_view& bytes, char* out, size_t size);
  Result<size_t> ReadZstd(std::string_view& bytes, char* out, size_t size);

  std::unique_ptr<State> state_;
};

}  // namespace waterline::cli
