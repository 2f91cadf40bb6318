// SPDX-License-Identifier: Apache-2.0
#include "decompressor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/compressed.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

constexpr size_t kRoom = 4096;

// What `data` holds, given in pieces of `piece` bytes; stops when `most` bytes or more came. An
// error's message follows what came before it and "!".
std::string Read(Compression compression, const std::string& data, size_t piece,
                 const DecompressorOptions& options = {}, size_t most = SIZE_MAX) {
  Result<Decompressor> opened = Decompressor::Open(compression, options);
  if (!opened.ok()) return "!" + opened.error().message;
  std::string text;
  std::vector<char> out(kRoom);
  for (size_t at = 0; at < data.size(); at += piece) {
    std::string_view bytes = std::string_view(data).substr(at, piece);
    while (true) {
      const Result<size_t> count = opened->Read(bytes, out.data(), out.size());
      if (!count.ok()) {
        EXPECT_EQ(count.error().code, Code::kInvalidArgument);
        return text + "!" + count.error().message;
      }
      if (*count == 0) break;
      text.append(out.data(), *count);
      if (text.size() >= most) return text;
    }
    EXPECT_TRUE(bytes.empty()) << "at " << at;
  }
  const Result<void> ended = opened->End();
  return ended.ok() ? text : text + "!" + ended.error().message;
}

std::string SomeText() {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += std::to_string(i * i % 9973) + " ";
  return text;
}

// `text` in each format.
std::vector<std::pair<Compression, std::string>> InEach(const std::string& text) {
  return {{Compression::kGzip, Gzip(text)},
          {Compression::kZlib, Zlib(text)},
          {Compression::kZstd, Zstd(text)}};
}

TEST(DetectCompression, NeedsFourBytesAtMost) {
  EXPECT_EQ(DetectCompression(Gzip("a")), Compression::kGzip);
  EXPECT_EQ(DetectCompression(Zstd("a")), Compression::kZstd);
  EXPECT_EQ(DetectCompression("text"), Compression::kNone);
  EXPECT_EQ(DetectCompression(Zlib("a")), Compression::kNone);  // Its two bytes may be text.
  for (const char* open : {"", "\x1F", "\x28\xB5\x2F"}) {
    EXPECT_EQ(DetectCompression(open), Compression::kUnknown) << open;
  }
}

TEST(Decompressor, TextsComeBackWhateverThePieces) {
  const std::string text = SomeText();
  for (const auto& [compression, data] : InEach(text)) {
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, data.size()}) {
      EXPECT_EQ(Read(compression, data, piece), text) << piece;
    }
  }
}

TEST(Decompressor, MembersAndFramesAreOneStream) {
  for (const auto& [compression, data] : InEach("one ")) {
    for (const size_t piece : {size_t{1}, size_t{5}, size_t{1000}}) {
      EXPECT_EQ(Read(compression, data + data + data, piece), "one one one ");
    }
  }
  for (const auto& [compression, nothing] : InEach("")) {
    EXPECT_EQ(Read(compression, nothing, 3), "");
    EXPECT_EQ(Read(compression, nothing + nothing, 100), "");
  }
}

TEST(Decompressor, ABombComesInPieces) {
  const std::string zeros(size_t{64} << 20, '\0');
  for (const auto& [compression, data] : InEach(zeros)) {
    EXPECT_LE(Read(compression, data, 16384, {}, 1 << 20).size(), (size_t{1} << 20) + kRoom);
  }
}

TEST(Decompressor, WhatIsCutShortIsAnError) {
  const std::string text = SomeText();
  for (const auto& [compression, data] : InEach(text)) {
    for (const size_t length :
         {size_t{0}, size_t{1}, size_t{5}, data.size() / 2, data.size() - 1}) {
      const std::string read = Read(compression, data.substr(0, length), 100);
      EXPECT_THAT(read, HasSubstr("!compressed data ends too early")) << length;
      EXPECT_TRUE(text.starts_with(read.substr(0, read.find('!'))));
    }
  }
}

TEST(Decompressor, WhatIsBrokenIsAnErrorOfItsFormat) {
  const char* names[] = {"!gzip data is broken (", "!zlib data is broken (",
                         "!zstd data is broken ("};
  const auto* name = names;
  for (const auto& [compression, data] : InEach(SomeText())) {
    EXPECT_THAT(Read(compression, "{\"text\": 1}", 4), HasSubstr(*name));
    std::string broken = data;
    std::fill(broken.begin() + static_cast<ptrdiff_t>(broken.size() / 2), broken.end(), '\xFF');
    EXPECT_NE(Read(compression, broken, 100).find('!'), std::string::npos) << *name;
    EXPECT_THAT(Read(compression, data + "garbage", 100), HasSubstr(*name));
    ++name;
  }
  std::string wrong_sum = Gzip("one");
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  EXPECT_EQ(Read(Compression::kGzip, wrong_sum, 100),
            "!gzip data is broken (incorrect data check)");
}

TEST(Decompressor, ZerosBehindGzipArePaddingWhereTheyMayBe) {
  const std::string padded = Gzip("one") + std::string(512, '\0');
  for (const size_t piece : {size_t{1}, Gzip("one").size(), size_t{1000}}) {
    EXPECT_EQ(Read(Compression::kGzip, padded, piece, {.zero_padding = true}), "one") << piece;
    EXPECT_THAT(Read(Compression::kGzip, padded, piece), HasSubstr("one!gzip data is broken"));
    EXPECT_EQ(Read(Compression::kGzip, padded + "x", piece, {.zero_padding = true}),
              "one!gzip data has something else behind it");
  }
  EXPECT_THAT(Read(Compression::kGzip, std::string(512, '\0'), 512, {.zero_padding = true}),
              HasSubstr("!gzip data is broken"));
}

TEST(Decompressor, HeadersPassForEachOtherWhereTheyMay) {
  EXPECT_THAT(Read(Compression::kGzip, Zlib("one"), 100), HasSubstr("incorrect header check"));
  EXPECT_THAT(Read(Compression::kZlib, Gzip("one"), 100), HasSubstr("incorrect header check"));
  for (const Compression compression : {Compression::kGzip, Compression::kZlib}) {
    for (const std::string& data : {Gzip("one"), Zlib("one")}) {
      EXPECT_EQ(Read(compression, data, 1, {.either_header = true}), "one");
      EXPECT_EQ(Read(compression, data + data, 100, {.either_header = true}), "oneone");
    }
  }
}

TEST(Decompressor, RefusesWindowsAboveTheLimit) {
  for (const int log : {20, 23, 27}) {
    const DecompressorOptions options{.zstd_window_log = log};
    EXPECT_EQ(Read(Compression::kZstd, ZstdOfWindow("one", log), 100, options), "one");
    EXPECT_THAT(Read(Compression::kZstd, ZstdOfWindow("one", log + 1), 100, options),
                HasSubstr("!zstd data is broken (Frame requires too much memory"));
  }
  EXPECT_EQ(Decompressor::Open(Compression::kZstd, {.zstd_window_log = 99}).error().code,
            Code::kInternal);
}

}  // namespace
}  // namespace waterline::cli
