// SPDX-License-Identifier: Apache-2.0
#include "content_coding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "support/compressed.h"

namespace waterline::server {
namespace {

using testing::HasSubstr;

// What `coded` is, fed in pieces of `piece` bytes; stops when more than `most` bytes came.
Result<std::string> Decode(const char* coding, const std::string& coded, size_t piece,
                           size_t most = SIZE_MAX) {
  Result<Decoder> made = Decoder::For(coding);
  if (!made.ok()) return made.error();
  Decoder& decoder = *made;
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
    EXPECT_EQ(*Decode("deflate", Zlib(text), piece), text);
    EXPECT_EQ(*Decode("ZSTD", Zstd(text), piece), text);
    EXPECT_EQ(*Decode("", text, piece), text);
  }
}

TEST(ContentCoding, SeveralMembersAndFramesAreOneBody) {
  EXPECT_EQ(*Decode("gzip", Gzip("one ") + Gzip("two"), 3), "one two");
  EXPECT_EQ(*Decode("deflate", Zlib("one ") + Zlib("two"), 3), "one two");
  EXPECT_EQ(*Decode("zstd", Zstd("one ") + Zstd("two"), 3), "one two");
}

TEST(ContentCoding, GzipAndDeflateMayBeConfused) {
  EXPECT_EQ(*Decode("gzip", Zlib("one"), 3), "one");
  EXPECT_EQ(*Decode("x-gzip", Gzip("one"), 3), "one");
  EXPECT_EQ(*Decode("deflate", Gzip("one"), 3), "one");
}

TEST(ContentCoding, WindowsAreOf8MiBAtMost) {
  EXPECT_EQ(*Decode("zstd", ZstdOfWindow("one", 23), 3), "one");
  EXPECT_THAT(Decode("zstd", ZstdOfWindow("one", 24), 3).error().message,
              HasSubstr("the body's zstd data is broken (Frame requires too much memory"));
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
  for (const char* coding : {"gzip", "deflate", "zstd"}) {
    EXPECT_FALSE(Decode(coding, "", 1).ok()) << coding;
  }
}

TEST(ContentCoding, GarbageIsAnError) {
  EXPECT_FALSE(Decode("gzip", "{\"text\": 1}", 4).ok());
  EXPECT_FALSE(Decode("zstd", "{\"text\": 1}", 4).ok());
  EXPECT_FALSE(Decode("gzip", Gzip("one") + std::string(512, '\0'), 100).ok());  // No tape.
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
