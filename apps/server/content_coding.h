// Bodies that are compressed: gzip, deflate and zstd, decoded as they come.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "waterline/result.h"

namespace waterline::server {

// For one body. Holds its window alone: 32 KiB of gzip and deflate, at most 8 MiB of zstd, whose
// frames with a larger one are refused.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Gives the next piece of the body, which must stay until it is used up.
  virtual void Feed(std::string_view piece) = 0;
  // What was decoded, at most 64 KiB, valid until the next call; empty when the piece is used up.
  // Errors: kInvalidArgument  it is not of this coding. kIo  there is no memory.
  virtual Result<std::string_view> Next() = 0;
  // The end of the body. Errors: kInvalidArgument  more was to come.
  virtual Result<void> End() = 0;

  // `coding` is the value of Content-Encoding: "", "identity", "gzip", "x-gzip", "deflate", "zstd".
  // Errors: kUnsupported  another one, or several.
  static Result<std::unique_ptr<Decoder>> For(std::string_view coding);
};

}  // namespace waterline::server
