// SPDX-License-Identifier: Apache-2.0
#include "content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string>

namespace waterline::server {
namespace {

std::string Gzip(const std::string& text, int window = MAX_WBITS + 16) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// What `coded` is, fed in pieces of `piece` bytes; stops when more than `most` bytes came.
Result<std::string> Decode(const char* coding, const std::string& coded, size_t piece,
                           size_t most = SIZE_MAX) {
  Result<std::unique_ptr<Decoder>> made = Decoder::For(coding);
  if (!made.ok()) return made.error();
  Decoder& decoder = **made;
  std::string text;
  for (size_t at = 0; at < coded.size(); at += piece) {
    decoder.Feed(std::string_view(coded).substr(at, piece));
    while (true) {
      const Result<std::string_view> decoded = decoder.Next();
      if (!decoded.ok()) return decoded.error();
      if (decoded->empty()) break;
      EXPECT_LE(decoded->size(), std::max<size_t>(piece, 65536));
      text += *decoded;
      if (text.size() > most) return text;
    }
  }
  if (const Result<void> ended = decoder.End(); !ended.ok()) return ended.error();
  return text;
}

std::string SomeText() {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += std::to_string(i * i % 9973) + " ";
  return text;
}

TEST(ContentCoding, TextsComeBackWhateverThePieces) {
  const std::string text = SomeText();
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, size_t{1} << 20}) {
    EXPECT_EQ(*Decode("gzip", Gzip(text), piece), text);
    EXPECT_EQ(*Decode("deflate", Gzip(text, MAX_WBITS), piece), text);
    EXPECT_EQ(*Decode("ZSTD", Zstd(text), piece), text);
    EXPECT_EQ(*Decode("", text, piece), text);
  }
}

TEST(ContentCoding, SeveralMembersAndFramesAreOneBody) {
  EXPECT_EQ(*Decode("gzip", Gzip("one ") + Gzip("two"), 3), "one two");
  EXPECT_EQ(*Decode("zstd", Zstd("one ") + Zstd("two"), 3), "one two");
}

TEST(ContentCoding, ABombComesInSmallPieces) {
  const std::string zeros(size_t{64} << 20, '\0');
  EXPECT_LE(Decode("gzip", Gzip(zeros), 16384, 1 << 20)->size(), (1u << 20) + 65536u);
  EXPECT_LE(Decode("zstd", Zstd(zeros), 16384, 1 << 20)->size(), (1u << 20) + 65536u);
}

TEST(ContentCoding, WhatIsCutShortIsAnError) {
  const std::string text = SomeText();
  for (const auto& [coding, coded] :
       {std::pair{"gzip", Gzip(text)}, std::pair{"zstd", Zstd(text)}}) {
    const auto decoded = Decode(coding, coded.substr(0, coded.size() / 2), 100);
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().code, Code::kInvalidArgument);
  }
  EXPECT_FALSE(Decode("gzip", "", 1).ok());
}

TEST(ContentCoding, GarbageIsAnError) {
  EXPECT_FALSE(Decode("gzip", "{\"text\": 1}", 4).ok());
  EXPECT_FALSE(Decode("zstd", "{\"text\": 1}", 4).ok());
  std::string broken = Gzip(SomeText());
  broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 0x55);
  EXPECT_FALSE(Decode("gzip", broken, 100).ok());
}

TEST(ContentCoding, OtherCodingsAreRefused) {
  for (const char* coding : {"br", "gzip, gzip", "compress"}) {
    EXPECT_EQ(Decode(coding, "", 1).error().code, Code::kUnsupported) << coding;
  }
}

}  // namespace
}  // namespace waterline::server
