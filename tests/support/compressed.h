// Compressed data for tests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>

namespace waterline {

inline std::string Deflate(const std::string& text, int window) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string Gzip(const std::string& text) { return Deflate(text, MAX_WBITS + 16); }
inline std::string Zlib(const std::string& text) { return Deflate(text, MAX_WBITS); }

inline std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// A zstd frame of `text`, shorter than 32 bytes, that asks for a window of 2^`window_log` bytes, 10
// or more (RFC 8878, 3.1.1).
inline std::string ZstdOfWindow(const std::string& text, int window_log) {
  std::string frame = "\x28\xB5\x2F\xFD";
  frame += '\0';                                       // Neither size nor checksum.
  frame += static_cast<char>((window_log - 10) << 3);  // An exponent, and no mantissa.
  frame += static_cast<char>(1 | (text.size() << 3));  // The last block, and raw.
  return frame + std::string(2, '\0') + text;
}

}  // namespace waterline
