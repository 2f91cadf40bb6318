// The text of one input: its bytes, decompressed and decoded as they declare.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "byte_source.h"
#include "decompressor.h"
#include "text_decoder.h"
#include "waterline/result.h"

namespace waterline::cli {

// Movable. For one thread.
class InputStream {
 public:
  // Opens `path`; "-" is standard input. gzip and zstd are told by the first bytes. A byte-order
  // mark declares the encoding, else `encoding` does; "": UTF-8. Errors: those of ByteSource::Open.
  static Result<InputStream> Open(const std::string& path, std::string encoding);

  // The next piece, until the next call; empty: the end. What is UTF-8 comes as it stands: a piece
  // may end inside of a character, there may be invalid bytes, and a byte-order mark.
  // Errors: kIo, kCancelled  as ByteSource::Read; kInvalidArgument  broken or truncated compressed
  // data, whose message names the file.
  Result<std::string_view> Read();

  // Whether Read would return at once, or does within `patience`.
  bool Ready(std::chrono::milliseconds patience) const;

  // Characters that could not be decoded; always 0 for UTF-8.
  int64_t replaced() const { return decoder_ ? decoder_->replaced() : 0; }
  // Bytes of the file that were read, compressed as they are.
  uint64_t position() const { return source_.position(); }
  // Whether the file changed since it was opened.
  bool Changed() const { return source_.Changed(); }

 private:
  InputStream(ByteSource source, std::string path, std::string encoding);

  Result<void> ReadRaw();            // More of raw_; sets raw_end_.
  Result<void> ChooseCompression();  // From the first bytes.
  Result<bool> ReadPlain();          // The next piece of plain_; false: the end.
  Result<bool> ChooseDecoder();      // From the first piece of plain_.
  Error Named(const Error& error) const;
  Error OfData(const Error& error) const;  // The same, of the decompressor's.

  ByteSource source_;
  std::string path_;
  std::string encoding_;
  std::string chunk_;
  std::string_view raw_;  // Read and not used yet; in chunk_ or head_.
  std::string head_;      // The first bytes, until they tell the compression.
  bool raw_end_ = false;
  bool started_ = false;
  std::optional<Decompressor> decompressor_;
  std::string inflated_;
  std::string_view plain_;  // Decompressed; in chunk_, head_, inflated_ or opening_.
  std::string opening_;     // The first decompressed bytes, until they tell the encoding.
  std::optional<TextDecoder> decoder_;
  std::string decoded_;
  bool decoder_chosen_ = false;
  bool ended_ = false;
};

}  // namespace waterline::cli
