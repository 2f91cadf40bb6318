// Bodies that are compressed: gzip, deflate and zstd, decoded as they come.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "decompressor.h"
#include "waterline/result.h"

namespace waterline::server {

// For one body. Holds its window alone: 32 KiB of gzip and deflate, at most 8 MiB of zstd, whose
// frames with a larger one are refused.
class Decoder {
 public:
  // `coding` is the value of Content-Encoding: "", "identity", "gzip", "x-gzip", "deflate", "zstd".
  // Takes no memory before the first piece. Errors: kUnsupported  another one, or several.
  static Result<Decoder> For(std::string_view coding);

  // Gives the next piece of the body, which must stay until it is used up.
  void Feed(std::string_view piece) { piece_ = piece; }
  // What was decoded, at most 64 KiB of what was compressed, valid until the next call; empty when
  // the piece is used up. Errors: kInvalidArgument  it is not of this coding. kIo  there is no
  // memory.
  Result<std::string_view> Next();
  // The end of the body. Errors: kInvalidArgument  more was to come.
  Result<void> End() const;

 private:
  explicit Decoder(cli::Compression coding) : coding_(coding) {}

  cli::Compression coding_;
  std::string_view piece_;
  std::optional<cli::Decompressor> decompressor_;  // Of the first piece.
  std::vector<char> decoded_;
};

}  // namespace waterline::server
