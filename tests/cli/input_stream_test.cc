// SPDX-License-Identifier: Apache-2.0
#include "input_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "scratch.h"
#include "support/compressed.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

// All of `path`; "!message" behind what came before an error.
std::string ReadFile(const std::string& path, const std::string& encoding = "") {
  Result<InputStream> stream = InputStream::Open(path, encoding);
  if (!stream.ok()) return "!" + stream.error().message;
  std::string all;
  while (true) {
    const Result<std::string_view> piece = stream->Read();
    if (!piece.ok()) return all + "!" + piece.error().message;
    if (piece->empty()) return all;
    all += *piece;
  }
}

std::string Bytes(const std::string& bytes, const std::string& encoding = "") {
  const Scratch scratch;
  return ReadFile(scratch.File("in", bytes), encoding);
}

std::string LongText() {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  return text;
}

TEST(InputStream, TellsCompressionByContent) {
  const std::string text = LongText();
  for (const std::string& one : {text, std::string(), std::string("("), std::string("\x1F")}) {
    EXPECT_EQ(Bytes(one), one);
    EXPECT_EQ(Bytes(Gzip(one)), one);
    EXPECT_EQ(Bytes(Zstd(one)), one);
  }
  EXPECT_EQ(Bytes(Gzip("one ") + Gzip("two")), "one two");
  EXPECT_EQ(Bytes(Gzip("one") + std::string(512, '\0')), "one");
  EXPECT_EQ(Bytes(Zstd("one ") + Zstd("two")), "one two");
}

TEST(InputStream, TakesPaddingBehindAMemberThatEndsAReading) {
  // As long as a reading of the file, 64 KiB, by a name in its header.
  std::string member = Gzip("one");
  member[3] = 8;  // There is a name.
  member.insert(10, std::string(65536 - member.size() - 1, 'n') + std::string(1, '\0'));
  ASSERT_EQ(member.size(), 65536u);
  EXPECT_EQ(Bytes(member + std::string(512, '\0')), "one");
}

TEST(InputStream, TakesWindowsOf128MiB) {
  EXPECT_EQ(Bytes(ZstdOfWindow("one", 27)), "one");
  EXPECT_THAT(Bytes(ZstdOfWindow("one", 28)), HasSubstr("in: its zstd data is broken ("));
}

TEST(InputStream, SaysWhatIsWrongWithCompressedData) {
  const std::string text = LongText();
  for (const std::string& whole : {Gzip(text), Zstd(text)}) {
    const std::string cut = Bytes(whole.substr(0, whole.size() / 2));
    EXPECT_TRUE(text.starts_with(cut.substr(0, cut.find('!'))));
    EXPECT_NE(cut.find("in: its compressed data ends too early"), std::string::npos);
    std::string broken = whole;
    std::fill(broken.begin() + static_cast<ptrdiff_t>(broken.size() / 2), broken.end(), '\xFF');
    EXPECT_NE(Bytes(broken).find("!"), std::string::npos);
  }
  std::string wrong_sum = Gzip("one");
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  EXPECT_THAT(Bytes(wrong_sum), HasSubstr("its gzip data is broken (incorrect data check)"));
  EXPECT_THAT(Bytes(Zstd("one").substr(0, 6) + "\xFF\xFF\xFF\xFF"),
              HasSubstr("its zstd data is broken ("));
  EXPECT_THAT(Bytes(Gzip("one") + "garbage"), HasSubstr("one!"));
  EXPECT_THAT(Bytes(Gzip("one") + std::string(1, '\0') + "x"), HasSubstr("something else behind"));
}

TEST(InputStream, DecodesWhatAMarkOrTheCallerDeclares) {
  EXPECT_EQ(Bytes("caf\xE9", "iso-8859-1"), "caf\u00E9");
  EXPECT_EQ(Bytes("caf\xE9"), "caf\xE9");
  EXPECT_EQ(Bytes("\x83\x6E", "shift_jis"), "\u30CF");
  EXPECT_EQ(Bytes(std::string("\xFF\xFE"
                              "a\0\x3D\xD8\x4D\xDC",
                              8)),
            "a\U0001F44D");
  EXPECT_EQ(Bytes(std::string("\xFE\xFF\0a", 4), "windows-1252"), "a");
  EXPECT_EQ(Bytes(std::string("\xFF\xFE\0\0a\0\0\0", 8)), "a");
  EXPECT_EQ(Bytes(Gzip(std::string("\xFF\xFE"
                                   "a\0",
                                   4))),
            "a");
  EXPECT_EQ(Bytes("\xEF\xBB\xBF\xC3\xA9", "windows-1252"), "\xEF\xBB\xBF\u00E9");
  EXPECT_EQ(Bytes("", "utf-16"), "");
}

TEST(InputStream, CountsWhatItCannotDecode) {
  const Scratch scratch;
  const std::string path = scratch.File("in", std::string("a\0\0\xD8"
                                                          "b\0z",
                                                          7));  // A lone surrogate, half a unit.
  Result<InputStream> stream = InputStream::Open(path, "utf-16le");
  ASSERT_TRUE(stream.ok());
  std::string all;
  while (true) {
    const Result<std::string_view> piece = stream->Read();
    ASSERT_TRUE(piece.ok());
    if (piece->empty()) break;
    all += *piece;
  }
  EXPECT_EQ(all,
            "a\uFFFD"
            "b\uFFFD");
  EXPECT_EQ(stream->replaced(), 2);
  EXPECT_EQ(stream->position(), 7u);
}

TEST(CheckEncoding, NamesSome) {
  EXPECT_TRUE(CheckEncoding("latin1").ok());
  for (const char* wrong : {"", "klingon"}) {
    const Result<void> checked = CheckEncoding(wrong);
    ASSERT_FALSE(checked.ok());
    EXPECT_THAT(checked.error().message, HasSubstr("windows-1252"));
  }
}

}  // namespace
}  // namespace waterline::cli
